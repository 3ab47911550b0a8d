"""A progress folded from the start, as a revision requires: entries that it takes back are never folded in.

Reads the ledger page by page, twice: only its end says which entries are taken back. A long ledger takes tenths of a
second, in which other tasks get their turns.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from time import monotonic

from laurels.application.ports.ledger import LATER_LIMIT
from laurels.application.ports.store import Store
from laurels.domain.folding import fold
from laurels.domain.ledger.entries import Entry
from laurels.domain.progress import Progress
from laurels.domain.revised import Revisions, is_revision
from laurels.domain.rules.rulebook import Rulebook

# Seconds of work before other tasks get their turn, and the number of entries between two looks at the clock.
_TURN = 0.005
_STEP = 64


def last_revision(entries: Sequence[Entry]) -> int:
    """The `seq` of the last entry that takes something back; 0 if there is none."""
    return next((entry.seq for entry in reversed(entries) if is_revision(entry)), 0)


async def ledger_of(store: Store, user_id: str, until: int | None = None) -> AsyncIterator[Entry]:
    """The entries of a user up to `until`, or all, in order."""
    after = 0
    while until is None or after < until:
        limit = LATER_LIMIT if until is None else min(LATER_LIMIT, until - after)
        page = await store.ledger.entries(user_id, after=after, limit=limit)
        if not page:
            return
        for entry in page:
            yield entry
        after = page[-1].seq


async def revisions_of(store: Store, user_id: str, until: int) -> Revisions:
    """The revisions made by the entries up to `until`."""
    seen = Revisions()
    async for entry in _in_turns(ledger_of(store, user_id, until)):
        seen.see(entry)
    return seen


async def refold(
    store: Store, rulebook: Rulebook, user_id: str, until: int, *, revisions: Revisions | None = None
) -> Progress:
    """The progress after entry `until`, folded from the first entry. `revisions`: those up to `until`, if known."""
    if revisions is None:
        revisions = await revisions_of(store, user_id, until)
    rulebook = rulebook.view()
    progress = Progress(user_id=user_id, version=rulebook.measures_version)
    async for entry in _in_turns(ledger_of(store, user_id, until)):
        fold(progress, entry, rulebook, revisions)
    return progress


async def fold_later(store: Store, rulebook: Rulebook, progress: Progress, later: Sequence[Entry]) -> Progress:
    """A progress folded to the end of the ledger, of which `later` are the next entries: all, or `LATER_LIMIT` of them.
    Folds into `progress`, or into another one from the start if an entry takes something back."""
    while later:
        if last := last_revision(later):
            progress = await refold(store, rulebook, progress.user_id, last)
        for entry in later:
            # Others that share this progress may have folded this entry during the wait.
            if entry.seq > progress.seq:
                fold(progress, entry, rulebook)
        if len(later) < LATER_LIMIT:
            break
        later = await store.ledger.entries(progress.user_id, after=progress.seq, limit=LATER_LIMIT)
    return progress


async def _in_turns(entries: AsyncIterator[Entry]) -> AsyncIterator[Entry]:
    count, until = 0, monotonic() + _TURN
    async for entry in entries:
        yield entry
        count += 1
        if count % _STEP == 0 and monotonic() > until:
            await asyncio.sleep(0)
            until = monotonic() + _TURN
