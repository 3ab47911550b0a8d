"""The order of a board, and the meaning of one place on it.

More points come first; with equal points the user who reached them earlier; then the user id. Users under an alias come
after all others with equal points. Every store must list in this order.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from hashlib import blake2b

from msgspec import Struct

# Far behind any instant, in milliseconds.
_ALIASES = 2**52


class Visibility(StrEnum):
    """How a user appears on the boards: as they are, under an alias, or not at all."""

    PUBLIC = "public"
    ALIAS = "alias"
    HIDDEN = "hidden"


class Standing(Struct, frozen=True, gc=False):
    """One user's line on one board. `reached_at` is the instant that brought the last of the points; for a user under
    an alias it is the value of `alias_order`.

    A hidden standing has no place on the board; it is kept only so that no older one can replace it.
    """

    user_id: str
    points: int
    events: int
    reached_at: int
    is_shown: bool = True

    @property
    def place(self) -> SortKey:
        """The position of this standing in the order."""
        return SortKey(self.points, self.reached_at, self.user_id)


class Ranking(Struct, frozen=True, gc=False):
    """A user's standing among all `of` a board: how many users have more points, and the points of the next one above,
    None if there is none."""

    standing: Standing
    above: int
    of: int
    next_points: int | None


class SortKey(Struct, frozen=True, gc=False):
    """A point in a board's order, whether or not a user holds it; cursors store it."""

    points: int
    reached_at: int
    user_id: str

    @property
    def sort_key(self) -> tuple[int, int, str]:
        """Ascending in the order of the board."""
        return (-self.points, self.reached_at, self.user_id)


def alias_order(pseudonym: str) -> int:
    """The position of a user under an alias among those with equal points: after the others, in an order derived from
    the pseudonym. Neither the time of the points nor the id affects it, so the order of a board reveals neither."""
    return _ALIASES + int.from_bytes(blake2b(pseudonym.encode(), digest_size=5).digest())


def is_alias_order(reached_at: int) -> bool:
    """Whether this is a value of `alias_order` instead of an instant."""
    return reached_at >= _ALIASES


def ranks_of(points: Sequence[int]) -> list[int]:
    """The ranks (1, 2, 2, 4) of lines with these points, which are a whole board in its order."""
    ranks: list[int] = []
    for position, held in enumerate(points):
        ranks.append(ranks[-1] if position and held == points[position - 1] else position + 1)
    return ranks


def percentile(rank: int, of: int) -> float:
    """Share of the board, in percent, at this rank or below: 100.0 for the first."""
    return round(100.0 * (of - rank + 1) / of, 2) if of else 0.0
