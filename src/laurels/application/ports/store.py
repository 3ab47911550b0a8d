"""What the use cases need from outside: a clock and a store. What these promise stands here, and only here.

Every sentence on `Store` is held by a test of `laurels.testing.store_contract`, which each store must pass.
The port speaks in domain values; no driver's type or error crosses it (errors are `laurels.errors.StoreError`).
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Collection, Mapping, Sequence
from typing import Protocol

from msgspec import Struct, field

from laurels.application.ports.keys import CallerStore
from laurels.application.ports.tombstones import TombstoneStore
from laurels.application.ports.webhooks import WebhookStore
from laurels.domain.ledger import Entry
from laurels.domain.progress import Progress
from laurels.domain.ranking import Place, Ranking, Standing
from laurels.domain.rules.rulebook_data import Badge

LATER_LIMIT = 2_000
"""How many entries of one user `load` and `read` return at the most."""


class Loaded(Struct):
    """What a store knew when it was asked.

    `snapshots`: the stored progress of users asked for with an unknown head. `later`: per user, entries after
    the head (or after the snapshot, or from the start), in order of `seq`, at most `LATER_LIMIT`. `known`: the
    entries behind the (user id, event id) pairs asked for, where there are any. `deleted`: those of the users who are
    deleted, of whom nothing else is told.
    """

    snapshots: dict[str, Progress] = field(default_factory=dict[str, Progress])
    later: dict[str, list[Entry]] = field(default_factory=dict[str, list[Entry]])
    known: dict[tuple[str, str], Entry] = field(default_factory=dict[tuple[str, str], Entry])
    deleted: frozenset[str] = frozenset()


class Projection(Struct, frozen=True):
    """A user's progress to be kept as a snapshot, with their standings on the boards that changed, by board name."""

    progress: Progress
    standings: dict[str, Standing]


class Card(Struct, frozen=True, rename="camel"):
    """What a board shows of a user."""

    user_id: str
    total_points: int
    level: int
    badges: list[str]
    last_active_at: int | None
    display_name: str | None = None
    photo_url: str | None = field(default=None, name="photoURL")
    # Both of a user who appears under an alias: `pseudonym` stands for the user id then.
    alias: str | None = None
    pseudonym: str | None = None


class Projected(Struct, frozen=True):
    """Everything that a store's projections hold of one user; None where there is no snapshot or no card."""

    progress: Progress | None
    card: Card | None
    standings: dict[str, Standing]


class Store(CallerStore, TombstoneStore, WebhookStore, Protocol):
    """A ledger and the projections that are made from it.

    Ids are compared code point by code point: `ada` and `Ada` are two users. Instants keep their milliseconds.
    Several stores, in one process or in many, may work on one database at the same time.
    """

    @property
    def mark(self) -> object | None:
        """Changes when this store has seen that another one wrote to the database; None: ask every time.

        Two equal marks do not promise that nobody wrote in between, only that this store has not seen it;
        `append` refuses what rests on a stale head.
        """
        ...

    async def load(
        self, known_seqs: Mapping[str, int | None], event_ids: Collection[tuple[str, str]], version: str
    ) -> Loaded:
        """What the ledger holds beyond `known_seqs` (user id -> last `seq` known, or None) and behind event ids.

        Sees every append that any store on this database acknowledged before the call. Only snapshots whose
        `version` is the one given count; others are left out, as if they were not there.
        """
        ...

    async def read(self, known_seqs: Mapping[str, int | None], version: str) -> Loaded:
        """The same for readers, without event ids: what lies beyond `known_seqs`, from one consistent view."""
        ...

    async def append(self, entries: Sequence[Entry]) -> frozenset[str]:
        """Write entries to the ledger; return the users whose entries were refused, none of which stands then.

        The entries of one user come in order of `seq`. A user is refused when another entry holds one of the
        same `seq` or event ids, and when the store knows them to be deleted; the other users' entries are written all
        the same. What was written survives
        the end of the process and of the machine's power at the moment of return. Raises StoreUnavailable
        when it is not known whether the entries stand; asking again by event id settles it.
        """
        ...

    async def entries(self, user_id: str, *, after: int = 0, limit: int = 1_000) -> list[Entry]:
        """A user's entries with `seq` above `after`, in order."""
        ...

    def watch(self) -> AsyncGenerator[Mapping[str, int] | None]:
        """Tells of appends by any store on this database: users with a `seq` that they have reached, or None where it
        cannot be said who wrote.

        The first one, None, comes when the watching has begun: an append that is acknowledged after it is told of, at
        the latest within a second as long as the store is not away, and can be read by then. May tell of nothing new.
        Raises StoreUnavailable when it cannot go on, and at the latest a second after the store was closed; what was
        written meanwhile is not told of by the next one.
        """
        ...

    def project(self, projections: Sequence[Projection], *, cards: Sequence[Card]) -> Awaitable[None]:
        """Keep snapshots, their cards and standings; each only where what is kept has a smaller `seq`.

        A snapshot and its card also replace those of the same `seq` and another `version`.
        Takes all that it needs before it returns its awaitable: the progress may move on meanwhile. Each user's
        part is written whole or not at all. Nothing stays of deleted users. Survives a clean end of the
        process; after a crash it may be gone.
        """
        ...

    async def behind(self, limit: int, *, before: int) -> list[str]:
        """Users whose snapshot lacks an entry recorded before the instant `before`, the longest waiting first."""
        ...

    async def cards(self, user_ids: Collection[str]) -> dict[str, Card]:
        """The cards of those users who have one."""
        ...

    async def standings(
        self, board: str, *, limit: int, after: Place | None = None, before: Place | None = None
    ) -> list[Standing]:
        """Standings that are shown on a board, in its order: the first ones, the ones after a place, or the last ones
        before it.

        A place is excluded from what follows or precedes it, whoever holds it now.
        """
        ...

    async def standings_of(self, board: str, user_ids: Collection[str]) -> list[Standing]:
        """The standings of those users who stand on a board, in its order, each once."""
        ...

    async def standing(self, board: str, user_id: str) -> Standing | None:
        """One user's standing on a board."""
        ...

    async def count(self, board: str, *, above: int | None = None) -> int:
        """How many users stand on a board, or how many of them have more than `above` points.

        Exact with respect to what `standings` lists, in time that grows neither with their number nor with how many
        are above.
        """
        ...

    async def counts_above(self, board: str, points: Collection[int]) -> dict[int, int]:
        """`count` above each of some numbers of points, all from one view of the board."""
        ...

    async def users(self, *, after: str = "", limit: int = 1_000) -> list[str]:
        """Ids of all users with an entry or a projection, ascending by code point, above `after`."""
        ...

    async def projected(self, user_ids: Collection[str]) -> dict[str, Projected]:
        """What the projections hold of users, whatever its version; those of whom they hold nothing are left out."""
        ...

    async def ranking(self, board: str, user_id: str) -> Ranking | None:
        """What `standing`, `count` and `standings` tell of one user's rank, at once; None without a standing."""
        ...

    async def miscounted(self) -> list[str]:
        """Boards of which `count` tells something else than their lines, in order of their names. For `verify`.

        Looks at every line. While others write it reports none that is merely being written.
        """
        ...

    async def clear_projections(self) -> None:
        """Drop every snapshot, card and standing, and what is counted of them. The ledger stays."""
        ...

    async def publish(self, badges: Sequence[Badge]) -> bool:
        """Write the definitions of badges down, in their order, for people who look into the database; return whether
        they stood there otherwise, or not at all.

        Replaces those that were published before. Nothing is read back from there.
        """
        ...

    async def check(self) -> None:
        """Return when the store can read and write; raises StoreUnavailable otherwise."""
        ...

    async def close(self) -> None:
        """Give everything back. What was asked for before is finished first; a second call does nothing."""
        ...
