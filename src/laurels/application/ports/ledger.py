"""The ledger: the record of everything that happened, and the only part of a store that is not a projection.

Each sentence here is checked by a test of `laurels.testing.contracts.ledger` or `contracts.watching`.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Collection, Mapping, Sequence
from typing import Protocol

from msgspec import Struct, field

from laurels.domain.ledger.entries import Entry
from laurels.domain.progress import Progress

LATER_LIMIT = 2_000
"""The maximum number of entries per user that `load` and `read` return."""


class Loaded(Struct):
    """The store's knowledge at the time of a query.

    `snapshots`: the stored progress of users whose last `seq` was unknown to the caller. `later`: per user, entries
    after the known `seq` (or after the snapshot, or from the start), in order of `seq`, at most `LATER_LIMIT`. `known`:
    the entries of the given (user id, event id) pairs that exist. `deleted`: the given users who are deleted; nothing
    else is returned about them.
    """

    snapshots: dict[str, Progress] = field(default_factory=dict[str, Progress])
    later: dict[str, list[Entry]] = field(default_factory=dict[str, list[Entry]])
    known: dict[tuple[str, str], Entry] = field(default_factory=dict[tuple[str, str], Entry])
    deleted: frozenset[str] = frozenset()


class Written(Struct, frozen=True):
    """The users with entries after a mark: by user id, the first and the last `seq` found.

    `next`: the mark to continue from. `safe`: the mark to continue from after a restart. If the database shows entries
    in a different order from the one in which it accepts them, an entry may still appear before `next`, but none before
    `safe`.
    """

    users: dict[str, tuple[int, int]]
    next: str
    safe: str
    is_all: bool


class LedgerStore(Protocol):
    """Appending entries and reading them."""

    async def load(
        self, known_seqs: Mapping[str, int | None], event_ids: Collection[tuple[str, str]], version: str
    ) -> Loaded:
        """The ledger's entries beyond `known_seqs` (user id -> last `seq` known, or None) and those of the event ids.

        Sees every append that any store on this database acknowledged before the call. Only snapshots with the given
        `version` count; others are ignored.
        """
        ...

    async def read(self, known_seqs: Mapping[str, int | None], *versions: str) -> Loaded:
        """The same for readers, without event ids: the entries beyond `known_seqs`, from one consistent view. Snapshots
        with any of these versions count."""
        ...

    async def append(self, entries: Sequence[Entry]) -> frozenset[str]:
        """Write entries; return the users whose entries were refused. Nothing of a refused user is written.

        The entries of one user come in order of `seq`. A user is refused if another entry holds the same `seq` or event
        id as one of theirs, or if the store knows that they are deleted. The entries of the other users are still
        written. When this returns, the written entries survive the end of the process and a power failure. Raises
        StoreUnavailable if it is not known whether the entries were written; a lookup by event id settles it.
        """
        ...

    async def entries(self, user_id: str, *, after: int = 0, limit: int = 1_000) -> list[Entry]:
        """A user's entries with `seq` above `after`, in order."""
        ...

    async def users(self, *, after: str = "", limit: int = 1_000) -> list[str]:
        """Ids of all users with an entry or a projection, ascending by code point, above `after`."""
        ...

    def watch(self) -> AsyncGenerator[Mapping[str, int] | None]:
        """Reports appends by any store on this database: user ids with a `seq` that they have reached, or None if the
        store cannot tell whose entries were written.

        The first item, None, comes when watching has begun. An append that is acknowledged after it can be read when it
        is reported, and is reported within a second while the store is available. May report nothing new. Raises
        StoreUnavailable when it cannot continue, and at the latest a second after the store was closed; the next
        `watch` does not report writes made in between.
        """
        ...

    async def written_since(self, mark: str, limit: int) -> Written:
        """The users with entries after a mark, from about `limit` of them, in order of writing. A user may appear
        again."""
        ...
