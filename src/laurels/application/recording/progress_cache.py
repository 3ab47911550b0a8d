"""The progress of the users who are writing now, each folded up to the end of the ledger.

A cached progress is stale whenever another process wrote; `refresh` brings what was missed in, so that a
fold starts from the truth far more often than `append` has to refuse it.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection, Container, Iterable
from itertools import islice
from time import monotonic

from laurels.application.ports.ledger import LATER_LIMIT, Loaded
from laurels.application.ports.store import Store
from laurels.application.recording.refolding import last_revision, refold
from laurels.domain.folding import fold, is_revision
from laurels.domain.ledger import BadgesGiven, Entry, EventRecorded, MergedFrom, MergedInto, ProfileChanged
from laurels.domain.progress import Progress
from laurels.domain.rules.rulebook import Rulebook

# How many users that wait for their projection one `trim` looks at, before it leaves the rest to the next one.
PASSED_OVER = 1_000


class Cached:
    """A progress, the store's mark when it was last known complete, and the board days changed since projection."""

    __slots__ = ("mark", "progress", "touched")

    def __init__(self, progress: Progress) -> None:
        self.progress = progress
        self.mark: object | None = None
        self.touched: set[int] = set()

    @property
    def weight(self) -> int:
        """Roughly how many small objects it holds."""
        progress = self.progress
        parts = sum(map(len, progress.parts.values()))
        paid = sum(map(len, progress.paid.values())) + sum(map(len, progress.paid_at.values()))
        return 16 + 2 * len(progress.days) + len(progress.awards) + parts + paid + len(progress.once) // 128


class ProgressCache:
    """Progress by user id, least recently used out first.

    `limit` bounds the sum of the weights (100 to 150 bytes each). A user whose changes are not projected yet
    stays until they are; who adds users waits while `is_crowded`.
    """

    def __init__(self, store: Store, rulebook: Rulebook, *, limit: int) -> None:
        self._store = store
        self._rulebook = rulebook
        self._limit = limit
        self._weight = 0
        self._items: OrderedDict[str, Cached] = OrderedDict()
        self._weights: dict[str, int] = {}
        self._dirty: dict[str, None] = {}
        # Those of the users of the last refresh who were deleted; they are not in here.
        self.deleted: set[str] = set()
        # When the first of those who wait for their projection began to (seconds, monotonic).
        self.waiting_since: float | None = None

    async def refresh(
        self, user_ids: Iterable[str], event_ids: Collection[tuple[str, str]], *, doubted: Container[str] = ()
    ) -> dict[tuple[str, str], Entry]:
        """Bring users' progress to the end of the ledger; return the entries behind known event ids.

        Of users in `doubted` the ledger is asked even where the mark gives no reason to: what is decided on
        their progress is not put to the test by an append. Who of them was deleted is then in `deleted`.
        """
        self.deleted = set()
        mark = self._store.mark
        known_seqs: dict[str, int | None] = {}
        for user_id in user_ids:
            cached = self._items.get(user_id)
            if cached is None:
                known_seqs[user_id] = None
            elif mark is None or cached.mark != mark or user_id in doubted:
                known_seqs[user_id] = cached.progress.seq
        known: dict[tuple[str, str], Entry] = {}
        while known_seqs or event_ids:
            found = await self._store.ledger.load(known_seqs, event_ids, self._rulebook.measures_version)
            known.update(found.known)
            event_ids = ()
            if found.deleted:
                self.deleted |= found.deleted
                self.drop(found.deleted)
                known_seqs = {user_id: head for user_id, head in known_seqs.items() if user_id not in found.deleted}
            await self._refold(found)
            known_seqs = self._take_in(known_seqs, found.snapshots, found.later)
        return known

    async def _refold(self, found: Loaded) -> None:
        """Where later entries take something back, have the progress up to the last of them in the place of what is
        known, and only what comes after it as later."""
        for user_id, entries in found.later.items():
            last = last_revision(entries)
            if last:
                progress = await refold(self._store, self._rulebook, user_id, last)
                cached = self._items.setdefault(user_id, Cached(progress))
                cached.progress.become(progress)
                cached.touched.update(progress.board_days)
                self._wait(user_id)

    def _take_in(
        self, known_seqs: dict[str, int | None], snapshots: dict[str, Progress], later: dict[str, list[Entry]]
    ) -> dict[str, int | None]:
        mark = self._store.mark
        unfinished: dict[str, int | None] = {}
        for user_id in known_seqs:
            cached = self._items.get(user_id)
            if cached is None:
                progress = snapshots.get(user_id) or Progress(user_id=user_id, version=self._rulebook.measures_version)
                cached = self._items[user_id] = Cached(progress)
            entries = later.get(user_id, ())
            for entry in entries:
                if entry.seq > cached.progress.seq:
                    fold(cached.progress, entry, self._rulebook)
                    self.touch(cached, entry)
            cached.mark = mark
            self._weigh(user_id, cached)
            if len(entries) >= LATER_LIMIT:
                unfinished[user_id] = cached.progress.seq
        return unfinished

    def get(self, user_id: str) -> Cached:
        """The cached progress of a user whom `refresh` has just brought in."""
        self._items.move_to_end(user_id)
        return self._items[user_id]

    def peek(self, user_id: str) -> Progress | None:
        """The progress of a user who is in memory and has entries, to be read before the next await."""
        cached = self._items.get(user_id)
        return cached.progress if cached is not None and cached.progress.seq else None

    def touch(self, cached: Cached, entry: Entry) -> None:
        """Note that an entry was folded in and waits to be projected."""
        body = entry.body
        if isinstance(body, EventRecorded):
            cached.touched.add(self._rulebook.board_day(body.at))
        elif isinstance(body, ProfileChanged):
            if body.changes.keys() & {"visibility", "suspended"}:
                cached.touched.update(cached.progress.board_days)
        elif isinstance(body, BadgesGiven):
            cached.touched.update(self._rulebook.board_day(award.earned_at) for award in body.awards)
        elif is_revision(entry) or isinstance(body, MergedFrom | MergedInto):
            cached.touched.update(cached.progress.board_days)
        else:
            # Changes the all-time board alone, and that one goes with any day.
            cached.touched.update(islice(cached.progress.board_days, 1))
        self._wait(entry.user_id)

    def mark_dirty(self, user_id: str) -> None:
        """Have a user projected again whose projection may lack what another process wrote."""
        cached = self._items[user_id]
        cached.touched.update(cached.progress.board_days)
        self._wait(user_id)

    def _wait(self, user_id: str) -> None:
        if self.waiting_since is None or not self._dirty:
            self.waiting_since = monotonic()
        self._dirty[user_id] = None

    def take_waiting_since(self) -> float | None:
        """`waiting_since`, which is of those from now on who come to wait later."""
        since, self.waiting_since = self.waiting_since, None
        return since

    def drop(self, user_ids: Iterable[str]) -> None:
        """Forget users: what was folded for them was not written, or is not known to be."""
        for user_id in user_ids:
            self._items.pop(user_id, None)
            self._weight -= self._weights.pop(user_id, 0)
            self._dirty.pop(user_id, None)

    def clear(self) -> list[str]:
        """Forget everybody; those of them who wait for their projection."""
        waiting = list(self._dirty)
        self.drop(list(self._items))
        return waiting

    def trim(self) -> None:
        """Forget the least recently used users until the bound holds again."""
        passed_over = 0
        while self._weight > self._limit and passed_over < min(len(self._items), PASSED_OVER):
            user_id = next(iter(self._items))
            if user_id in self._dirty:
                self._items.move_to_end(user_id)
                passed_over += 1
            else:
                self.drop((user_id,))

    def weigh(self, user_ids: Iterable[str]) -> None:
        """Take the present weight of users into account."""
        for user_id in user_ids:
            cached = self._items.get(user_id)
            if cached is not None:
                self._weigh(user_id, cached)

    def _weigh(self, user_id: str, cached: Cached) -> None:
        weight = cached.weight
        self._weight += weight - self._weights.get(user_id, 0)
        self._weights[user_id] = weight

    def __len__(self) -> int:
        return len(self._items)

    @property
    def weight(self) -> int:
        """What is held now, in objects."""
        return self._weight

    @property
    def is_crowded(self) -> bool:
        """Whether users who wait for their projection, and so cannot be forgotten, have gone well past the bound."""
        return self._weight > self._limit + self._limit // 4

    @property
    def waiting(self) -> int:
        """How many users have changes that are not projected yet."""
        return len(self._dirty)

    def take_dirty(self, limit: int) -> list[tuple[Cached, set[int]]]:
        """Up to `limit` users with unprojected changes and the board days these touched, no longer dirty from now."""
        taken: list[tuple[Cached, set[int]]] = []
        for user_id in list(islice(self._dirty, limit)):
            del self._dirty[user_id]
            cached = self._items[user_id]
            taken.append((cached, cached.touched))
            cached.touched = set()
        return taken

    def give_back(self, taken: list[tuple[Cached, set[int]]]) -> None:
        """Mark users dirty again whose projection failed."""
        for cached, touched in taken:
            user_id = cached.progress.user_id
            if self._items.get(user_id) is cached:
                cached.touched |= touched
                self._dirty[user_id] = None
