"""A badge that the rulebook gets later, over a whole ledger: shown and awarded, and how long events wait meanwhile."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path
from statistics import median, quantiles
from time import perf_counter

import msgspec

from benchmarks.bench import HISTORY_EVENTS, HISTORY_USERS, Bench, remove_database
from benchmarks.figures import Figure, in_turns
from benchmarks.history import Learners
from laurels.application.maintenance.backfill import Backfill, preview
from laurels.application.maintenance.publishing import publish
from laurels.application.maintenance.verification import pages_of_users
from laurels.application.service import Service
from laurels.bootstrap import open_service, system_clock
from laurels.domain.rules.badges.criteria import Count
from laurels.domain.rules.rulebook import Rulebook

ROUNDS = 3
# Runs of code, which few learners of the history have, and which nearly all have.
TARGETS = {"few": 60, "nearly all": 1}
# Seconds from an answer to the next event of a learner while a backfill runs, and how long they come without one.
PAUSE = 0.002
QUIET_SECONDS = 5.0
# More than are recorded in that time.
LIVE_EVENTS = 200_000


def run(bench: Bench) -> list[Figure]:
    """Events per second of a preview and of the backfill after it, where few learners earn the badge and where nearly
    all do."""
    events, learners = bench.size(HISTORY_EVENTS), bench.size(HISTORY_USERS)
    figures: list[Figure] = []
    for who, target in TARGETS.items():
        earned: list[int] = []

        def measure(what: str, target: int = target, earned: list[int] = earned) -> float:
            database = bench.folder / "backfill.db"
            shutil.copy(bench.imported, database)
            try:
                seconds, awards = asyncio.run(_backfill(database, target, is_preview=what == "preview"))
                earned.append(awards)
                return events / seconds
            finally:
                remove_database(database)

        rates = in_turns(
            {"preview": lambda: measure("preview"), "backfill": lambda: measure("backfill")}, bench.rounds(ROUNDS)
        )
        figures += [
            Figure(
                "backfill",
                f"{what} of one badge, {events:,} events of {learners:,} learners, {max(earned):,} earned by {who}",
                f"{median(rates[what]):,.0f}/s",
                target=">= 50,000/s",
            )
            for what in ("preview", "backfill")
        ]
    return [*figures, *_waits(bench)]


def _waits(bench: Bench) -> list[Figure]:
    """How long events of learners wait for their answer in the process that backfills a badge for nearly all."""
    events, learners = bench.size(HISTORY_EVENTS), bench.size(HISTORY_USERS)
    counted: dict[str, int] = {}

    def measure(when: str) -> float:
        database = bench.folder / "backfill.db"
        shutil.copy(bench.imported, database)
        try:
            waits = asyncio.run(_live(database, bench.size(LIVE_EVENTS), learners, is_busy=when == "during a backfill"))
            counted[when] = counted.get(when, 0) + len(waits)
            return 1_000 * quantiles(waits, n=100, method="inclusive")[98]
        finally:
            remove_database(database)

    found = in_turns(
        {when: lambda when=when: measure(when) for when in ("without a backfill", "during a backfill")},
        bench.rounds(ROUNDS),
    )
    return [
        Figure(
            "backfill",
            f"p99 of recording an event {when} of {events:,}, {1_000 * PAUSE:g} ms after the one before "
            f"({counted[when]:,} events)",
            f"{median(waits):.1f} ms",
        )
        for when, waits in found.items()
    ]


async def _live(database: Path, most: int, users: int, *, is_busy: bool) -> list[float]:
    """Seconds until the answers to events, one after the other, until a backfill is over or the time is."""
    waits: list[float] = []
    async with open_service(f"sqlite:///{database}") as laurels:
        newer = _with_a_badge(laurels.rulebook, TARGETS["nearly all"])
        await publish(laurels.store, newer, system_clock)
        laurels.rulebook.become(newer)
        work = asyncio.create_task(_awarded(laurels, newer) if is_busy else asyncio.sleep(QUIET_SECONDS, 0))
        for event in Learners(users).events(most, ids="live-"):
            # Two are needed for a percentile, however short the work is.
            if work.done() and len(waits) > 1:
                break
            started = perf_counter()
            await laurels.record_event(event)
            waits.append(perf_counter() - started)
            await asyncio.sleep(PAUSE)
        await work
    return waits


async def _backfill(database: Path, target: int, *, is_preview: bool) -> tuple[float, int]:
    """Seconds, and how many badges were shown or awarded."""
    async with open_service(f"sqlite:///{database}") as laurels:
        newer = _with_a_badge(laurels.rulebook, target)
        await publish(laurels.store, newer, system_clock)
        laurels.rulebook.become(newer)
        started = perf_counter()
        awards = await (_shown(laurels, newer) if is_preview else _awarded(laurels, newer))
        return perf_counter() - started, awards


async def _shown(laurels: Service, rulebook: Rulebook) -> int:
    return sum(badge.would_earn for badge in (await preview(laurels.store, rulebook)).badges)


async def _awarded(laurels: Service, rulebook: Rulebook) -> int:
    backfill = Backfill(laurels.store, rulebook, laurels.recorder)
    return sum([(await backfill.of(users)).awards.total() async for users in pages_of_users(laurels.store)])


def _with_a_badge(rulebook: Rulebook, target: int) -> Rulebook:
    replace = msgspec.structs.replace
    badge = replace(rulebook.badges[0], id="newest", criterion=Count(event="code_run", target=target))
    return Rulebook(replace(rulebook.data, badges=[*rulebook.badges, badge]))
