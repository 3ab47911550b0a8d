"""Missed days that were paid for: they do a streak no harm.

A repair says by itself what would have made its days count, so that whether an event that came late filled them, and
the price comes back, hangs on no rulebook of later.
"""

from __future__ import annotations

from msgspec import Struct

RepairId = tuple[int, int]
"""The `seq` of the entry that made a repair, and its first day."""


class Repair(Struct, array_like=True, frozen=True, gc=False):
    """The days from `first` to `last` (one, or a week) do no harm, for `price` points.

    They would have counted with `days` of them that have `events` and `points`; then nothing is to be paid. `seq` is
    the entry that made it; an entry itself holds 0.
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
        """What tells it from a later repair of the same days."""
        return self.seq, self.first
