"""Runs of consecutive active days.

A streak is read from the set of days, never counted up by a timer, so late events and a silent
midnight need no repair: the set says it all.
"""

from __future__ import annotations

from collections.abc import Container


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
    """Length of the run that ends today, else of the one that ended yesterday, else 0, where days lie ahead of today.

    A day ahead of `today` (an event dated minutes ahead over midnight) belongs to the run that it continues.
    """
    for end in (today, today - 1):
        if end in days:
            return run_through(days, end)
    return 1 if today + 1 in days else 0
