"""Repair: `rebuild` makes the projections again from the ledger. `verification.py` finds the differences."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from msgspec import Struct

from laurels.application.maintenance.ledger_scan import first_entries, ledger_pages, pages_of_users
from laurels.application.ports.snapshots import Projection
from laurels.application.ports.store import Store
from laurels.application.recording.projecting.board_pruner import EVERYWHERE_AFTER
from laurels.application.recording.projecting.standings import card_of, standings_of
from laurels.application.recording.refolding import refold
from laurels.domain.folding import fold
from laurels.domain.progress import Progress
from laurels.domain.revised import is_revision
from laurels.domain.rules.rulebook import Rulebook

# Users per portion of work, and entries behind the projections of one write: learners share ranges of points and pages
# of tables, so many in one write cost each of them a third; but the projections of long ledgers are large.
USERS = 1_000
ENTRIES = 20_000


async def set_board_horizon(
    store: Store, rulebook: Rulebook, now: int, *, everywhere_after: float = EVERYWHERE_AFTER
) -> None:
    """Set the first periods whose boards are kept, as the rulebook says at the instant `now`; they must then be
    rebuilt. If that is earlier than before, wait `everywhere_after` seconds until every process writes those boards,
    too."""
    known, horizon = await store.boards.horizon(), rulebook.board_horizon(now)
    if horizon != known:
        await store.boards.set_horizon(horizon)
        if horizon.day < known.day or horizon.week < known.week:
            await asyncio.sleep(everywhere_after)


async def rebuild(store: Store, rulebook: Rulebook) -> int:
    """Drop all projections and make them again from the ledger. Returns the number of users. Boards fill up
    gradually."""
    await store.snapshots.clear()
    done = 0
    async for users in pages_of_users(store, USERS):
        done += (await rebuild_users(store, rulebook, users)).users
    return done


class Rebuilt(Struct, frozen=True):
    """The number of users projected again, and of their entries."""

    users: int
    entries: int


async def rebuild_users(store: Store, rulebook: Rulebook, users: Sequence[str], *, together: int = ENTRIES) -> Rebuilt:
    """The part of `rebuild` for some users, whose projections must have been dropped before. A write is made as soon as
    `together` entries are folded."""
    done = entries = waiting = 0
    batch: list[Progress] = []

    async def write() -> None:
        horizon = await store.boards.horizon()
        await store.snapshots.project(
            [Projection(progress, standings_of(progress, rulebook, horizon=horizon)) for progress in batch],
            cards=[card_of(progress, rulebook) for progress in batch],
        )
        batch.clear()

    async for user_id, first in first_entries(store, users):
        progress = Progress(user_id=user_id, version=rulebook.measures_version)
        async for page in ledger_pages(store, user_id, first):
            for entry in page:
                if is_revision(entry):
                    progress = await refold(store, rulebook, user_id, entry.seq)
                else:
                    fold(progress, entry, rulebook)
        batch.append(progress)
        done, entries, waiting = done + 1, entries + progress.seq, waiting + progress.seq
        if waiting >= together:
            await write()
            waiting = 0
    if batch:
        await write()
    return Rebuilt(done, entries)
