"""The progress of the users who are writing now, each folded up to the end of the ledger.

A cached progress is stale once another process wrote. `refresh` reads the missed entries, so that a fold usually starts
from the true state and `append` rarely has to refuse it.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Collection, Container, Iterable
from typing import NamedTuple

import msgspec

from laurels.application.ports.ledger import LATER_LIMIT, Loaded
from laurels.application.ports.store import Store
from laurels.application.recording.projecting.pending_projections import (
    PendingProjections,
    Touched,
    days_touched,
    languages_touched,
)
from laurels.application.recording.refolding import last_revision, refold
from laurels.domain.folding import fold
from laurels.domain.ledger.entries import Entry
from laurels.domain.progress import Progress
from laurels.domain.rules.rulebook import Rulebook
from laurels.errors import StoreError

logger = logging.getLogger(__name__)

_encode = msgspec.json.Encoder().encode
# How many users with pending projections one `trim` examines before it leaves the rest to the next one.
PASSED_OVER = 1_000
# The maximum number of entries between two measurements of a weight; fewer for users with few entries.
_WEIGHED_EVERY = 16


class Refreshed(NamedTuple):
    """The entries behind known event ids, and the given users who are deleted and therefore not in the cache."""

    known: dict[tuple[str, str], Entry]
    deleted: Collection[str]


class _Cached:
    """A progress, the store's mark when it was last known to be complete, its last measured weight, and the `seq` from
    which on it is measured again."""

    __slots__ = ("mark", "progress", "weigh_at", "weight")

    def __init__(self, progress: Progress) -> None:
        self.progress = progress
        self.mark: object | None = None
        self.weight = 0
        self.weigh_at = 0


class ProgressCache:
    """Progress by user id, least recently used out first.

    `limit` bounds the sum of the weights (100 to 150 bytes each). A user whose projection is `pending` stays until it
    is made; a writer that adds users waits while `is_crowded`.
    """

    def __init__(self, store: Store, rulebook: Rulebook, *, limit: int) -> None:
        self._store = store
        self._rulebook = rulebook
        self._limit = limit
        self._items: OrderedDict[str, _Cached] = OrderedDict()
        self._weight = 0
        # Users who were read and wait to be measured: most of them change at once, and are measured after that.
        self._unweighed: set[str] = set()
        self.pending = PendingProjections()

    async def refresh(
        self, user_ids: Iterable[str], event_ids: Collection[tuple[str, str]], *, doubted: Container[str] = ()
    ) -> Refreshed:
        """Bring users' progress to the end of the ledger.

        For users in `doubted` the ledger is read even if the mark gives no reason to: decisions on their progress are
        not checked by an append.
        """
        mark = self._store.mark
        known_seqs: dict[str, int | None] = {}
        for user_id in user_ids:
            cached = self._items.get(user_id)
            if cached is None:
                known_seqs[user_id] = None
            elif mark is None or cached.mark != mark or user_id in doubted:
                known_seqs[user_id] = cached.progress.seq
        known: dict[tuple[str, str], Entry] = {}
        deleted: set[str] = set()
        while known_seqs or event_ids:
            found = await self._store.ledger.load(known_seqs, event_ids, self._rulebook.measures_version)
            known.update(found.known)
            event_ids = ()
            if found.deleted:
                deleted |= found.deleted
                self.forget(found.deleted)
                known_seqs = {user_id: head for user_id, head in known_seqs.items() if user_id not in found.deleted}
            await self._refold(found)
            known_seqs = self._take_in(known_seqs, found.snapshots, found.later)
        return Refreshed(known, deleted)

    async def _refold(self, found: Loaded) -> None:
        """If later entries take something back, replace the known progress by one up to the last of them, and keep only
        the entries after it as later."""
        for user_id, entries in found.later.items():
            last = last_revision(entries)
            if last:
                progress = await refold(self._store, self._rulebook, user_id, last)
                cached = self._items.setdefault(user_id, _Cached(progress))
                cached.progress.become(progress)
                cached.weigh_at = 0
                self.pending.add(user_id, progress.board_days)

    def _take_in(
        self, known_seqs: dict[str, int | None], snapshots: dict[str, Progress], later: dict[str, list[Entry]]
    ) -> dict[str, int | None]:
        mark = self._store.mark
        unfinished: dict[str, int | None] = {}
        for user_id in known_seqs:
            cached = self._items.get(user_id)
            if cached is None:
                progress = snapshots.get(user_id) or Progress(user_id=user_id, version=self._rulebook.measures_version)
                cached = self._items[user_id] = _Cached(progress)
            entries = later.get(user_id, ())
            for entry in entries:
                if entry.seq > cached.progress.seq:
                    fold(cached.progress, entry, self._rulebook)
                    self.touch(cached.progress, entry)
            cached.mark = mark
            self._unweighed.add(user_id)
            if len(entries) >= LATER_LIMIT:
                unfinished[user_id] = cached.progress.seq
        return unfinished

    def offer(self, progress: Progress) -> None:
        """Take in the progress of a user that was made elsewhere from all entries up to its `seq`, which are projected,
        unless the user is already here. `refresh` then reads only later entries."""
        if progress.user_id not in self._items and progress.version == self._rulebook.measures_version:
            self._items[progress.user_id] = _Cached(progress)
            self._unweighed.add(progress.user_id)

    def get(self, user_id: str) -> Progress:
        """The progress of a user whom `refresh` has just brought in."""
        self._items.move_to_end(user_id)
        return self._items[user_id].progress

    def peek(self, user_id: str) -> Progress | None:
        """The progress of a user who is in memory and has entries, to be read before the next await."""
        cached = self._items.get(user_id)
        return cached.progress if cached is not None and cached.progress.seq else None

    def touch(self, progress: Progress, entry: Entry) -> None:
        """Note that an entry was folded and waits to be projected."""
        self.pending.add(entry.user_id, days_touched(progress, entry, self._rulebook), languages_touched(entry))

    def mark_pending(self, user_id: str) -> None:
        """Project a user again whose projection may lack entries of another process."""
        self.pending.add(user_id, self._items[user_id].progress.board_days)

    async def take_pending(self, limit: int) -> list[tuple[Progress, Touched]]:
        """Up to `limit` users with changes to be projected, and the boards that these touched; they are no longer
        pending. Those who were dropped are read again. Raises StoreError; all are pending then."""
        taken = self.pending.take(limit)
        dropped = {user_id: touched for user_id, touched in taken if user_id not in self._items}
        if dropped:
            try:
                await self._read_again(dropped)
            except BaseException:
                for user_id, touched in taken:
                    self.pending.put_back(user_id, touched)
                raise
        found: list[tuple[Progress, Touched]] = []
        for user_id, touched in taken:
            cached = self._items.get(user_id)
            if cached is not None:
                # Entries that were refused may have touched days on which there is nothing.
                touched.days &= cached.progress.board_days.keys()
                found.append((cached.progress, touched))
        return found

    async def _read_again(self, dropped: dict[str, Touched]) -> None:
        """Read users whose projection is pending, and add to theirs what entries changed that were not known here."""
        try:
            await self.refresh(dropped, (), doubted=dropped)
        except StoreError:
            raise
        except Exception:
            # The ledger shows that they are behind, and others do not wait for them.
            logger.exception("%d users cannot be read for their projection", len(dropped))
            self.forget(dropped)
        for user_id, touched in dropped.items():
            again = self.pending.discard(user_id)
            if again is not None:
                touched.add(again.days, again.languages)
            cached = self._items.get(user_id)
            if cached is not None and not cached.progress.seq:
                # The entry that it waited for was not written.
                self.forget((user_id,))

    def give_back(self, taken: Iterable[tuple[Progress, Touched]]) -> None:
        """Mark users as pending again after their projection failed."""
        for progress, touched in taken:
            self.pending.put_back(progress.user_id, touched)

    def drop(self, user_ids: Iterable[str]) -> None:
        """Drop the progress of users: their folded entries were not written, or are not known to be. A pending
        projection stays so: earlier entries wait for it."""
        for user_id in user_ids:
            cached = self._items.pop(user_id, None)
            if cached is not None:
                self._weight -= cached.weight

    def forget(self, user_ids: Iterable[str]) -> None:
        """Drop users and their pending projections."""
        for user_id in user_ids:
            self.drop((user_id,))
            self.pending.discard(user_id)

    def clear(self) -> None:
        """Drop the progress of all users."""
        self.drop(list(self._items))

    def trim(self) -> None:
        """Forget the least recently used users until the bound holds again."""
        passed_over = 0
        while self.weight > self._limit and passed_over < min(len(self._items), PASSED_OVER):
            user_id = next(iter(self._items))
            if user_id in self.pending:
                self._items.move_to_end(user_id)
                passed_over += 1
            else:
                self.drop((user_id,))

    def weigh(self, user_ids: Collection[str], *, always: Container[str] = ()) -> None:
        """Update the weights of users who are in `always` or have enough new entries: an event adds little, and
        measuring takes as long as counting it."""
        for user_id in user_ids:
            cached = self._items.get(user_id)
            if cached is not None and (cached.progress.seq >= cached.weigh_at or user_id in always):
                self._weigh(cached)
        self._unweighed.difference_update(user_ids)

    def _weigh(self, cached: _Cached) -> None:
        weight = _weight_of(cached.progress)
        self._weight += weight - cached.weight
        cached.weight = weight
        seq = cached.progress.seq
        cached.weigh_at = seq + min(_WEIGHED_EVERY, 1 + seq // 4)

    def __len__(self) -> int:
        return len(self._items)

    @property
    def weight(self) -> int:
        """The present weight, in objects."""
        if self._unweighed:
            self.weigh(list(self._unweighed))
        return self._weight

    @property
    def is_crowded(self) -> bool:
        """Whether users with pending projections, who cannot be forgotten, exceed the bound by far."""
        return self.weight > self._limit + self._limit // 4


def _weight_of(progress: Progress) -> int:
    """The approximate number of small objects that it holds."""
    paid = sum(map(len, progress.paid.values())) + sum(map(len, progress.paid_at.values()))
    own = len(progress.languages) + (len(_encode(progress.preferences)) // 6 if progress.preferences else 0)
    return (
        16
        + 2 * len(progress.days)
        + len(progress.awards)
        + progress.part_count
        + paid
        + own
        + len(progress.once) // 128
    )
