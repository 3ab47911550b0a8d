"""Runs of consecutive active days, and of days joined by freezes.

A streak is read from the set of days, never counted up by a timer. So late events and a midnight without events need no
repair: the set contains everything.

This module is pure arithmetic. Without the table `[streak]` in the rulebook, `progress.py` (`daily_streak`) and
`folding.py` (`_run_with`) use it; with that table, `rules/streak_count.py` does.
"""

from __future__ import annotations

from collections.abc import Container

from msgspec import Struct

Runs = list[tuple[int, int]]
"""Streaks that may still be extended, as (misses left, length): by falling length, and so by rising misses left."""


def run_through(days: Container[int], day: int) -> int:
    """Length of the run of consecutive days around `day`, which itself counts whether or not it is in `days`."""
    first = day
    while first - 1 in days:
        first -= 1
    last = day
    while last + 1 in days:
        last += 1
    return last - first + 1


def streak_around(days: Container[int], today: int) -> int:
    """Length of the run that ends today, else of the one that ended yesterday, else 0, when there are days ahead of
    today.

    A day ahead of `today` (an event dated minutes ahead over midnight) belongs to the run that it continues.
    """
    for end in (today, today - 1):
        if end in days:
            return run_through(days, end)
    return 1 if today + 1 in days else 0


class MissBudget(Struct, frozen=True):
    """How much a run may miss. It begins with `start`, each active unit adds `gain` up to `most`, and a missed one
    takes `price`; if that much is not left, the run has ended.

    Any active unit may begin a run, so there are as many runs as active units. A run that is shorter than another and
    has no more left never becomes the longer one. Only the others are kept, at most `start` / `price` + 2. So the set
    of runs depends on the active units alone, and an additional unit never makes the longest run shorter.
    """

    start: int
    gain: int
    most: int
    price: int

    def lengthen(self, runs: Runs) -> Runs:
        """The runs after an active unit."""
        most, gain = self.most, self.gain
        longer: Runs = []
        for left, length in (*runs, (self.start, 0)):
            after = min(left + gain, most)
            if not longer or after > longer[-1][0]:
                longer.append((after, length + 1))
        return longer

    def miss(self, runs: Runs, missed: int) -> Runs:
        """The runs that still hold after this many missed units."""
        due = missed * self.price
        return [(left - due, length) for left, length in runs if left >= due] if due else runs

    def bears(self, runs: Runs) -> int:
        """How many units may be missed until no run holds any more."""
        return runs[-1][0] // self.price if runs else 0
