"""The order of a board, and what one place on it says.

More points first; equal points: who reached them earlier; then the user id. Who appears under an alias comes behind
those with equal points who do not. Every store must list in this order.
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
    """One user's line on one board. `reached_at` is the instant that brought the last of the points; of a user under an
    alias it is what `alias_order` gives.

    One that is not shown has no place on the board: it is only kept so that nothing older takes its place.
    """

    user_id: str
    points: int
    events: int
    reached_at: int
    is_shown: bool = True

    @property
    def place(self) -> Place:
        """Where this standing comes in the order."""
        return Place(self.points, self.reached_at, self.user_id)


class Ranking(Struct, frozen=True, gc=False):
    """A user's standing among all `of` a board: how many have more points, and how many points the next of them has,
    None where there is none."""

    standing: Standing
    above: int
    of: int
    next_points: int | None


class Place(Struct, frozen=True, gc=False):
    """A point in a board's order, held by someone or not; what a cursor remembers."""

    points: int
    reached_at: int
    user_id: str

    @property
    def sort_key(self) -> tuple[int, int, str]:
        """Ascending in the order of the board."""
        return (-self.points, self.reached_at, self.user_id)


def alias_order(pseudonym: str) -> int:
    """Where a user under an alias comes among those with equal points: behind the others, in the order of numbers
    that follow from the pseudonym. When they reached their points, and their id, decide nothing then: from the order
    of a board nothing can be learned of either."""
    return _ALIASES + int.from_bytes(blake2b(pseudonym.encode(), digest_size=5).digest())


def is_alias_order(reached_at: int) -> bool:
    """Whether this is no instant, but what `alias_order` gives."""
    return reached_at >= _ALIASES


def ranks_of(points: Sequence[int]) -> list[int]:
    """The ranks (1, 2, 2, 4) of lines with these points, which are all of a board, in its order."""
    ranks: list[int] = []
    for position, held in enumerate(points):
        ranks.append(ranks[-1] if position and held == points[position - 1] else position + 1)
    return ranks


def percentile(rank: int, of: int) -> float:
    """Share of the board, in percent, that stands at this rank or below: 100.0 for the first of it."""
    return round(100.0 * (of - rank + 1) / of, 2) if of else 0.0
