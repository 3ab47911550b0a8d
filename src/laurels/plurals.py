"""Numbers of things in words: 1 event, 2 events. One helper, so that no surface says "1 events"."""

from __future__ import annotations


def counted(count: float, one: str, many: str = "") -> str:
    """`count` and the counted thing: `one` for exactly one, else `many`, by default `one` with an s.

    Words that agree with the number may be included: `counted(1, "event waits", "events wait")`.
    """
    number = int(count) if count == int(count) else count
    return f"{number:,} {one if number == 1 else many or one + 's'}"
