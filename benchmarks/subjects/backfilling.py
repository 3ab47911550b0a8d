"""A badge that the rulebook gets later, over a whole ledger: shown and awarded, and how long events wait meanwhile."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from statistics import median, quantiles
from time import perf_counter

import msgspec

from benchmarks.bench import HISTORY_EVENTS, HISTORY_USERS, Bench, remove_database
from benchmarks.figures import Figure, in_turns
from benchmarks.history import Learners
from benchmarks.mongod import start_mongod
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
    all do; and how long events wait meanwhile."""
    return [*_rates(bench, lambda: _copied(bench), "backfill", 50_000), *_waits(bench)]


def run_on_mongodb(bench: Bench) -> list[Figure]:
    """The same rates on a replica set of one."""
    deployment = start_mongod(bench.folder / "backfill-mongodb", members=1)
    try:
        url = deployment.url(deployment.fresh())
        bench.laurels("import", str(bench.history), store=url)
        return _rates(bench, lambda: nullcontext(url), "backfill-mongodb", 25_000)
    finally:
        deployment.end()


def _rates(bench: Bench, store: Callable[[], AbstractContextManager[str]], subject: str, target: int) -> list[Figure]:
    """`store` gives the URL of a store with the whole history."""
    events, learners = bench.size(HISTORY_EVENTS), bench.size(HISTORY_USERS)
    figures: list[Figure] = []
    for who, runs in TARGETS.items():
        earned: list[int] = []

        def measure(what: str, runs: int = runs, earned: list[int] = earned) -> float:
            with store() as url:
                seconds, awards = asyncio.run(_backfill(url, runs, is_preview=what == "preview"))
            earned.append(awards)
            return events / seconds

        rates = in_turns(
            {"preview": lambda: measure("preview"), "backfill": lambda: measure("backfill")}, bench.rounds(ROUNDS)
        )
        figures += [
            Figure(
                subject,
                f"{what} of one badge, {events:,} events of {learners:,} learners, {max(earned):,} earned by {who}",
                f"{median(rates[what]):,.0f}/s",
                target=f">= {target:,}/s",
            )
            for what in ("preview", "backfill")
        ]
    return figures


@contextmanager
def _copied(bench: Bench) -> Iterator[str]:
    database = bench.folder / "backfill.db"
    shutil.copy(bench.imported, database)
    try:
        yield f"sqlite:///{database}"
    finally:
        remove_database(database)


def _waits(bench: Bench) -> list[Figure]:
    """How long events of learners wait for their answer in the process that backfills a badge for nearly all."""
    events, learners = bench.size(HISTORY_EVENTS), bench.size(HISTORY_USERS)
    counted: dict[str, int] = {}

    def measure(when: str) -> float:
        with _copied(bench) as url:
            waits = asyncio.run(_live(url, bench.size(LIVE_EVENTS), learners, is_busy=when == "during a backfill"))
        counted[when] = counted.get(when, 0) + len(waits)
        return 1_000 * quantiles(waits, n=100, method="inclusive")[98]

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


async def _live(url: str, most: int, users: int, *, is_busy: bool) -> list[float]:
    """Seconds until the answers to events, one after the other, until a backfill is over or the time is."""
    waits: list[float] = []
    async with open_service(url) as laurels:
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


async def _backfill(url: str, target: int, *, is_preview: bool) -> tuple[float, int]:
    """Seconds, and how many badges were shown or awarded."""
    async with open_service(url) as laurels:
        newer = _with_a_badge(laurels.rulebook, target)
        if not is_preview:
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
    # A name that no badge has, however often one is added.
    newest = f"newest{len(rulebook.badges)}"
    badge = replace(rulebook.badges[0], id=newest, criterion=Count(event="code_run", target=target))
    return Rulebook(replace(rulebook.data, badges=[*rulebook.badges, badge]))
