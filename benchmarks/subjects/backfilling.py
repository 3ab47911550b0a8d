"""A badge that the rulebook gets later, over a whole ledger: shown, and awarded."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path
from statistics import median
from time import perf_counter

import msgspec

from benchmarks.bench import HISTORY_EVENTS, HISTORY_USERS, Bench, remove_database
from benchmarks.figures import Figure, in_turns
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
    return figures


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
