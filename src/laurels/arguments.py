"""What callers of the library hand over, checked as a decoder checks what comes as JSON.

Their code need not be typed: a wrong type is answered by a sentence that names the argument, not by a fault further in.
"""

# The annotations say what is right; these functions find out whether it is so.
# pyright: reportUnnecessaryIsInstance=false

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from laurels.domain.events import LearningEvent, check_id
from laurels.domain.periods import Timeframe, to_ms
from laurels.errors import InvalidEvent, InvalidQuery


def check_types(event: LearningEvent) -> None:
    """Raise InvalidEvent where a field of an event that was made in Python is of another type than it says."""
    if not isinstance(event, LearningEvent):
        raise InvalidEvent("", "Must be an event: laurels.LearningEvent(...).")
    if not isinstance(event.event_type, str):
        raise InvalidEvent("eventType", "Must be text: an event type that the rulebook declares.")
    if not isinstance(event.metadata, dict):
        raise InvalidEvent("metadata", 'Must be an object with text as keys, such as {"language": "python"}.')
    if event.timestamp is not None and not isinstance(event.timestamp, datetime):
        raise InvalidEvent("timestamp", "Must be a datetime with a time zone, such as datetime.now(UTC).")


def as_object(metadata: Mapping[str, Any] | None) -> Mapping[str, Any]:
    """The metadata of an event. Raises InvalidEvent."""
    if metadata is not None and not isinstance(metadata, Mapping):
        raise InvalidEvent("metadata", 'Must be an object with text as keys, such as {"language": "python"}.')
    return metadata or {}


def as_user_id(user_id: str) -> str:
    """The id of a user. Raises InvalidQuery."""
    return check_id(user_id, "userId", InvalidQuery)


def as_day(day: date | None, name: str) -> int | None:
    """A day as its ordinal. Raises InvalidQuery naming the argument."""
    if day is not None and not isinstance(day, date):
        raise InvalidQuery(name, "Must be a date, such as date(2026, 1, 31).")
    return None if day is None else day.toordinal()


def as_instant(moment: datetime | None, name: str) -> int | None:
    """An instant in milliseconds since the epoch. Raises InvalidQuery naming the argument."""
    if moment is not None and (not isinstance(moment, datetime) or moment.tzinfo is None):
        raise InvalidQuery(name, "Must be a datetime with a time zone, such as datetime.now(UTC).")
    return None if moment is None else to_ms(moment)


def as_timeframe(timeframe: Timeframe | str | None) -> Timeframe | None:
    """A timeframe by its name. Raises InvalidQuery."""
    try:
        return None if timeframe is None else Timeframe(timeframe)
    except ValueError:
        raise InvalidQuery("timeframe", f"Must be one of {', '.join(Timeframe)}.") from None
