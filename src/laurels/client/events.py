"""Outgoing events: checked as the library checks them, so that a wrong one is found where it is made."""

from __future__ import annotations

import msgspec

from laurels.arguments import check_types
from laurels.domain.events import LearningEvent, check_id
from laurels.errors import InvalidEvent
from laurels.json_values import check_json

_encode = msgspec.json.Encoder().encode


def encoded(event: LearningEvent) -> bytes:
    """An event as JSON, on one line. Raises InvalidEvent for an event that no service accepts.

    Only the service knows the valid event types, and how far back a timestamp may lie.
    """
    check_types(event)
    if not event.event_type:
        raise InvalidEvent("eventType", "Must name an event type of the rulebook.")
    check_id(event.user_id, "userId")
    if event.event_id is not None:
        check_id(event.event_id, "eventId")
    if event.once_key is not None:
        check_id(event.once_key, "onceKey")
    if event.timestamp is not None and event.timestamp.tzinfo is None:
        raise InvalidEvent("timestamp", "Must carry an offset: a datetime such as datetime.now(UTC).")
    if event.metadata:
        check_json(event.metadata, "metadata", InvalidEvent)
    try:
        return _encode(event)
    except (UnicodeEncodeError, ValueError, TypeError) as cause:
        raise InvalidEvent("eventType", "Must be valid Unicode text: an event type of the rulebook.") from cause
