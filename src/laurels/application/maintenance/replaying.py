"""What learners' ledgers say under the present rules: which badges are missing, and since which events.

The short way looks at the snapshots of many learners in one read. Most learners can lack nothing, and their ledgers are
not read. Of the others only the events that the missing badges count are counted. Where that does not tell everything,
the whole ledger is replayed: the result is the same.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence

from msgspec import Struct

from laurels.application.maintenance.badges_to_replay import Decisions, ReplaySelection
from laurels.application.maintenance.ledger_scan import entries_of, first_entries, ledger_pages
from laurels.application.ports.ledger import LATER_LIMIT
from laurels.application.ports.store import Store
from laurels.domain.folding import fold
from laurels.domain.ledger.entries import Award, Entry, EventRetracted, MergedFrom, MergedInto
from laurels.domain.progress import Progress
from laurels.domain.revised import Revisions, is_revision
from laurels.domain.revisions.amendments import Crossing, Replay
from laurels.domain.revisions.carrying_over import CarryOver
from laurels.domain.revisions.crossings import Counting, CrossingSearch
from laurels.domain.revisions.prospects import Prospects, is_straight
from laurels.domain.revisions.repointing import Repointing
from laurels.domain.rules.rulebook import Rulebook
from laurels.errors import RulebookError

# Earlier versions of the rulebook whose snapshots are used. Older ones are rare: each event makes a new snapshot.
_VERSIONS = 10
# Learners whose snapshots are read at once.
_TOGETHER = 50


class Replayed(Struct):
    """A learner's replay: missing awards and held ones. With `repointing`, a badge counts as missing if it is missing
    after the points have changed. `progress`: as of entry `seq` by the present rules, if it became known on the way and
    is on the boards."""

    user_id: str
    seq: int
    # Those that count.
    events: int
    missing: list[Crossing]
    held: Mapping[str, Award]
    # As recorded: the replay's total without the missing awards and the recounted points.
    total_points: int
    repointing: Repointing | None = None
    progress: Progress | None = None


class _Earlier(Struct, frozen=True):
    """The rules by which snapshots of one version were folded, and what these say about the present rules."""

    over: CarryOver
    prospects: Prospects


class _Prospect(Struct, frozen=True):
    """A learner who may lack badges. `progress` is folded by `earlier`, and `is_snapshot` if nothing was folded into
    it."""

    progress: Progress
    positions: list[int]
    earlier: _Earlier
    is_snapshot: bool


class Replays:
    """Replays of learners' ledgers under `rulebook`; with `repoint` after their points are counted again.

    `carries`: whether `Replayed.progress` is wanted. `is_short`: whether the short way is taken where it leads to the
    result.
    """

    def __init__(
        self, store: Store, rulebook: Rulebook, *, repoint: bool = False, carries: bool = False, is_short: bool = True
    ) -> None:
        self._store = store
        self._rulebook = rulebook
        self._repoints = repoint
        self._carries = carries
        self._is_short = is_short and not repoint
        self._selection = ReplaySelection(store, rulebook)
        # By the version of snapshots.
        self._earlier: dict[str, _Earlier] | None = None
        self._counting: dict[tuple[str, frozenset[int]], Counting | None] = {}

    async def of(self, users: Sequence[str]) -> AsyncIterator[Replayed]:
        """Those of some learners, without the deleted ones. Raises StoreError."""
        if not self._is_short:
            async for replayed in self.whole(users):
                yield replayed
            return
        if self._earlier is None:
            self._earlier = await self._read_earlier()
        for start in range(0, len(users), _TOGETHER):
            async for replayed in self._shortly(users[start : start + _TOGETHER], self._earlier):
                yield replayed

    async def whole(self, users: Sequence[str]) -> AsyncIterator[Replayed]:
        """The same by replaying every entry. Raises StoreError."""
        async for user_id, first in first_entries(self._store, users):
            if first:
                yield await self._replay(user_id, first)

    async def _shortly(self, users: Sequence[str], known: Mapping[str, _Earlier]) -> AsyncIterator[Replayed]:
        found = await self._store.ledger.read(dict.fromkeys(users), *known)
        settled: dict[str, Replayed] = {}
        prospects: dict[str, _Prospect] = {}
        # Those whose entries were not all read just now.
        unread: set[str] = set()
        for user_id, progress in found.snapshots.items():
            earlier, later = known[progress.version], found.later.pop(user_id, [])
            if not _fold_later(progress, later, earlier.over.before) or not is_straight(progress):
                unread.add(user_id)
            elif positions := earlier.prospects.of(progress):
                prospects[user_id] = _Prospect(progress, positions, earlier, is_snapshot=not later)
                unread.add(user_id)
            else:
                settled[user_id] = _nothing_missing(progress)
        # In one order whatever the way: then a preview shows the same samples.
        ledgers = first_entries(self._store, [user_id for user_id in users if user_id in unread])
        for user_id in users:
            replayed = settled.pop(user_id, None)
            if replayed is None:
                # Released along the way: the long ledgers of many users take much memory together.
                first = (await anext(ledgers))[1] if user_id in unread else found.later.pop(user_id, [])
                if not first:
                    # No such user, or deleted since.
                    continue
                prospect = prospects.pop(user_id, None)
                replayed = None if prospect is None else await self._count(prospect, first)
                replayed = replayed or await self._replay(user_id, first)
            yield replayed

    async def _count(self, prospect: _Prospect, first: list[Entry]) -> Replayed | None:
        """Count the events of the badges that may be missing; None if these depend on more, or may bring others."""
        progress, earlier = prospect.progress, prospect.earlier
        carries = self._carries and earlier.over.is_exact
        key = progress.version, frozenset(prospect.positions)
        if key not in self._counting:
            along = earlier.over.lacking if carries else ()
            self._counting[key] = Counting.of(self._rulebook, key[1], along)
        counting = self._counting[key]
        if counting is None:
            return None
        retracted: set[int] = set()
        async for page in _pages_until(progress.seq, self._store, progress.user_id, first):
            retracted.update(body.event_seq for entry in page if isinstance(body := entry.body, EventRetracted))
        search = CrossingSearch(counting, progress, retracted)
        async for page in _pages_until(progress.seq, self._store, progress.user_id, first):
            search.take(page)
            if search.is_over:
                break
        missing = list(search.crossings.values())
        if earlier.prospects.may_bring_others(progress, [crossing.award for crossing in missing]):
            return None
        replayed = _nothing_missing(progress)
        replayed.missing = missing
        # The boards may lack entries after the snapshot. So a progress that has them is not passed on.
        if carries and missing and prospect.is_snapshot:
            earlier.over.carry(progress, search.counted)
            replayed.progress = progress
        return replayed

    async def _replay(self, user_id: str, first: list[Entry]) -> Replayed:
        """Replay a ledger whose `first` entries up to `LATER_LIMIT` were already read; the rest of a longer one is read
        again on each pass."""
        store = self._store
        decisions = Decisions(Revisions(), set())
        async for entry in entries_of(store, user_id, first):
            decisions.see(entry)
        seen, last = decisions.seen, decisions.seq
        rulebook = self._rulebook if self._repoints else await self._selection.on(decisions)
        repointing = None
        if self._repoints:
            repointing = Repointing(user_id, rulebook, seen)
            async for entry in _entries_until(last, store, user_id, first):
                repointing.take(entry)
            # The total does not matter from here on: points are looked up by their entries.
            if body := repointing.body(0, most=last):
                seen.see(Entry(user_id, last + 1, None, 0, body))
        replay = Replay(user_id, rulebook, seen)
        async for entry in _entries_until(last, store, user_id, first):
            replay.take(entry)
        missing, progress = replay.missing, replay.progress
        total = progress.total_points - sum(crossing.award.points for crossing in missing)
        if repointing is not None:
            total -= repointing.difference
        return Replayed(user_id, last, progress.events, missing, seen.held, total, repointing)

    async def _read_earlier(self) -> dict[str, _Earlier]:
        """The rules of the present snapshots and of those before them, as far as they are known."""
        known: dict[str, _Earlier] = {}
        store = self._store.rulebook
        rulebooks = [self._rulebook]
        for each in await store.versions(limit=_VERSIONS):
            published = await store.get(each.version)
            if published is not None:
                try:
                    # In a thread: many rules take longer than anyone should wait.
                    rulebooks.append(await asyncio.to_thread(Rulebook.of_json, published.content))
                except RulebookError:
                    # By a newer Laurels: nothing is known of its snapshots.
                    continue
        for rulebook in rulebooks:
            if rulebook.measures_version not in known:
                over = CarryOver(rulebook, self._rulebook)
                known[rulebook.measures_version] = _Earlier(over, Prospects(over))
        return known


def _fold_later(progress: Progress, later: Sequence[Entry], rulebook: Rulebook) -> bool:
    """Fold the entries after a snapshot; False if it cannot be told from these what comes out."""
    if len(later) >= LATER_LIMIT or any(
        is_revision(entry) or isinstance(entry.body, MergedFrom | MergedInto) for entry in later
    ):
        return False
    for entry in later:
        fold(progress, entry, rulebook)
    return True


def _nothing_missing(progress: Progress) -> Replayed:
    return Replayed(progress.user_id, progress.seq, progress.events, [], dict(progress.awards), progress.total_points)


async def _pages_until(last: int, store: Store, user_id: str, first: list[Entry]) -> AsyncIterator[list[Entry]]:
    """The ledger up to entry `last`, even if more were recorded in the meantime; see `ledger_pages`."""
    async for page in ledger_pages(store, user_id, first):
        if page[-1].seq > last:
            yield [entry for entry in page if entry.seq <= last]
            return
        yield page


async def _entries_until(last: int, store: Store, user_id: str, first: list[Entry]) -> AsyncIterator[Entry]:
    """The same, one by one."""
    async for page in _pages_until(last, store, user_id, first):
        for entry in page:
            yield entry
