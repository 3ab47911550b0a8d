"""Boards: standings in their order, their counts, and the cards that a page shows beside them.

Each sentence here is checked by a test of `laurels.testing.contracts.boards` or `contracts.counts`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Protocol

from msgspec import Struct, field

from laurels.domain.boards.ranking import Ranking, SortKey, Standing
from laurels.domain.rules.board_retention import RetentionCutoff


class Card(Struct, frozen=True, rename="camel", omit_defaults=True):
    """A user as boards show them."""

    user_id: str
    total_points: int
    level: int
    badges: list[str]
    last_active_at: int | None = None
    display_name: str | None = None
    photo_url: str | None = field(default=None, name="photoURL")
    # Both are set for a user who appears under an alias: `pseudonym` then replaces the user id.
    alias: str | None = None
    pseudonym: str | None = None
    # Whether the rarity of badges counts this user.
    is_counted: bool = True
    # Of the badges that are earned between two days, those that the user could have earned.
    eligible: list[str] = []
    # When each of `badges` was first earned; nothing of a user who does not appear as themselves.
    earned_at: list[int] = []


class Holders(Struct, frozen=True):
    """How many users are counted for rarity, and how many of them hold each badge; a badge that none of them holds is
    left out. `eligible`: of those that are earned between two days, how many of the users could have earned each."""

    users: int
    badges: dict[str, int]
    eligible: dict[str, int] = {}

    @classmethod
    def of(cls, counted: Mapping[str, int]) -> Holders:
        """What a store has counted by the names that cards are counted under (`counted_under`)."""
        numbers = {name: number for name, number in counted.items() if number}
        users = numbers.pop(EVERYBODY, 0)
        return cls(
            users,
            {name: number for name, number in numbers.items() if not name.startswith(ELIGIBLE)},
            {badge_counted(name): number for name, number in numbers.items() if name.startswith(ELIGIBLE)},
        )


EVERYBODY = ""
"""What all users are counted under; no badge has this id."""

ELIGIBLE = "among:"
"""Stands before the id of a badge that a user could have earned. No id of a badge has a colon."""


def counted_under(badges: Iterable[str], eligible: Iterable[str]) -> list[str]:
    """The names that a card is counted under which shows `badges` and names others as `eligible`."""
    return [EVERYBODY, *badges, *(ELIGIBLE + badge for badge in eligible)]


def badge_counted(name: str) -> str:
    """The badge that one of these names is about; empty for all users."""
    return name.removeprefix(ELIGIBLE)


class Holder(Struct, frozen=True):
    """A user whom everybody may see with a badge, and when they first earned it."""

    user_id: str
    earned_at: int


class BoardStore(Protocol):
    """Queries about boards. `SnapshotStore.project` writes the data behind them."""

    async def cards(self, user_ids: Collection[str]) -> dict[str, Card]:
        """The cards of those users who have one."""
        ...

    async def standings(
        self, board: str, *, limit: int, after: SortKey | None = None, before: SortKey | None = None
    ) -> list[Standing]:
        """Visible standings of a board, in its order: the first ones, the ones after a place, or the last ones before
        it.

        A place is excluded from the standings after or before it, even if another user holds it now.
        """
        ...

    async def standings_of(self, board: str, user_ids: Collection[str]) -> list[Standing]:
        """The standings of the given users who are on a board, in its order, each once."""
        ...

    async def standing(self, board: str, user_id: str) -> Standing | None:
        """One user's standing on a board."""
        ...

    async def ranking(self, board: str, user_id: str) -> Ranking | None:
        """One user's rank, as `standing`, `count` and `standings` would give it, in one query; None without a
        standing."""
        ...

    async def count(self, board: str, *, above: int | None = None) -> int:
        """The number of users on a board, or of those with more than `above` points.

        Exact with respect to `standings`. The time depends neither on the number of users nor on how many are above.
        """
        ...

    async def counts_above(self, board: str, points: Collection[int]) -> dict[int, int]:
        """`count` above each of the given points, all from one view of the board."""
        ...

    async def holders(self) -> Holders:
        """How many cards are counted for rarity, how many of them show each badge, and how many name it as `eligible`.
        May take seconds where there are millions of users."""
        ...

    async def first_holders(self, badge: str, *, limit: int) -> list[Holder]:
        """Whose cards say that they earned a badge first, the first one first; a bounded look into an index. Of equal
        instants the store decides which come first."""
        ...

    async def latest_holders(self, badge: str, *, limit: int) -> list[Holder]:
        """The same of those who earned it last, the last one first."""
        ...

    async def version(self) -> int:
        """A number that changes whenever any shown data of boards changes; cheap to read.

        Read it first and the board after it: the board holds for as long as the number is the same. A process that dies
        while it writes may leave the number unchanged.
        """
        ...

    async def horizon(self) -> RetentionCutoff:
        """The horizon that `set_horizon` last set: the first periods whose boards are kept. At first all are kept."""
        ...

    async def set_horizon(self, horizon: RetentionCutoff) -> None:
        """Set the first periods whose boards are kept, for all processes. Their lines stay."""
        ...

    async def drop(self, horizon: RetentionCutoff, *, limit: int) -> int:
        """Delete lines that boards before `horizon` show, and their counts: about `limit` at most. Returns the number
        deleted; 0 if none are left."""
        ...

    async def miscounted(self) -> list[str]:
        """Boards whose `count` differs from their standings, in order of their names. For `verify`.

        Reads every standing. Standings that are just being written are not reported.
        """
        ...

    async def miscounted_badges(self) -> list[str]:
        """Badges of which `holders`, `first_holders` or `latest_holders` tell something else than the cards do, in
        order of their ids. For `verify`."""
        ...
