"""Missed days that were paid for, so that they do not break a streak.

A repair itself states when its days would have counted. If late events fill the days, the price is refunded, and that
decision does not depend on any later rulebook.
"""

from __future__ import annotations

from msgspec import Struct

RepairId = tuple[int, int]
"""The `seq` of the entry that made a repair, and its first day."""


class Repair(Struct, array_like=True, frozen=True, gc=False):
    """The days from `first` to `last` (one, or a week) do not break the streak, for `price` points.

    The days count by themselves once `days` of them have `events` and `points`; then the price is refunded. `seq` is
    the entry that made the repair; in the entry itself it is 0.
    """

    first: int
    last: int
    price: int
    days: int = 1
    events: int = 1
    points: int = 0
    seq: int = 0

    @property
    def id(self) -> RepairId:
        """Distinguishes it from a later repair of the same days."""
        return self.seq, self.first
