"""Pauses planned by a learner: days on which this learner need not be active.

They are announced before they begin, so that no missed day is explained away; pauses that have begun stay.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any, cast

from laurels.domain.periods import day_name
from laurels.errors import InvalidProfile
from laurels.plurals import counted

FIELD = "pauses"
MOST_PAUSES = 200
LONGEST_PAUSE = 366
FARTHEST = 731
"""Days from today until which a pause may be planned: each day is examined when streaks are counted."""

Pause = tuple[int, int]
"""Its first and its last day."""


def days_of(pauses: Iterable[Pause]) -> frozenset[int]:
    """All days of some pauses."""
    return frozenset(day for first, last in pauses for day in range(first, last + 1))


def pauses_of(documents: object) -> list[Pause]:
    """Pauses from their wire form: `{"from": "2026-12-21", "until": "2027-01-06"}`, both included. Raises
    InvalidProfile."""
    if not isinstance(documents, list) or len(cast("list[object]", documents)) > MOST_PAUSES:
        raise InvalidProfile(FIELD, f"Must be a list of at most {MOST_PAUSES} pauses.")
    found = [_pause_of(each) for each in cast("list[object]", documents)]
    for first, last in found:
        if last < first:
            raise InvalidProfile(FIELD, f"The pause from {day_name(first)} must not end before it begins.")
        if last - first >= LONGEST_PAUSE:
            raise InvalidProfile(FIELD, f"The pause from {day_name(first)} must have at most {LONGEST_PAUSE} days.")
    return found


def _pause_of(document: object) -> Pause:
    try:
        days = cast("Mapping[str, Any]", document)
        if set(days) == {"from", "until"}:
            return date.fromisoformat(days["from"]).toordinal(), date.fromisoformat(days["until"]).toordinal()
    except (AttributeError, TypeError, ValueError):
        pass
    raise InvalidProfile(FIELD, 'Each must have two days: {"from": "2026-12-21", "until": "2027-01-06"}.')


def as_documents(pauses: Sequence[Pause]) -> list[dict[str, str]]:
    """Pauses in their wire form."""
    return [{"from": day_name(first), "until": day_name(last)} for first, last in pauses]


def planned(held: Sequence[Pause], asked: Sequence[Pause], today: int, most: int) -> list[Pause]:
    """The pauses after a change to `asked` on the day `today`: held pauses that have begun stay. `most` days of a
    calendar year may be paused. Raises InvalidProfile."""
    begun = [each for each in held if each[0] <= today]
    ahead = [each for each in asked if each not in begun]
    for first, _ in ahead:
        if first <= today:
            raise InvalidProfile(
                FIELD,
                f"The pause from {day_name(first)} must be planned before it begins: it can begin on "
                f"{day_name(today + 1)} or later.",
            )
    if any(last > today + FARTHEST for _, last in ahead):
        raise InvalidProfile(FIELD, f"A pause can be planned until {day_name(today + FARTHEST)}, not later.")
    after = sorted({*begun, *ahead})
    years = Counter(date.fromordinal(day).year for day in days_of(after))
    for year in {date.fromordinal(day).year for pause in ahead for day in pause}:
        if years[year] > most:
            allowed = f"At most {counted(most, 'day')}" if most else "No day"
            raise InvalidProfile(FIELD, f"{allowed} of {year} can be paused, and these would be {years[year]}.")
    return after
