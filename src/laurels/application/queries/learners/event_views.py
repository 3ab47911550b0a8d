"""Events as views: recorded ones, and those that wait to be recorded."""

from __future__ import annotations

from msgspec import UNSET
from msgspec.structs import asdict

from laurels.application.queries.views import EventView, KnownEventView, QueuedEventView
from laurels.domain.events import LearningEvent
from laurels.domain.ledger.entries import Entry, EventRecorded
from laurels.domain.periods import iso


def event_view(entry: Entry, body: EventRecorded) -> EventView:
    """The event of an entry."""
    metadata = body.metadata
    return EventView(
        event_id=entry.event_id or "",
        user_id=entry.user_id,
        event_type=body.event_type,
        language=metadata.get("language"),
        code_length=metadata.get("codeLength"),
        session_duration=metadata.get("sessionDuration"),
        points=body.outcome.points,
        metadata=metadata,
        timestamp=iso(body.at),
        once_key=body.once_key or UNSET,
        unpaid=body.outcome.unpaid or UNSET,
        boost=body.outcome.boost or UNSET,
        currencies=dict(body.outcome.currencies) or UNSET,
    )


def queued_event_view(event: LearningEvent, at: int) -> QueuedEventView:
    """A queued event that happened at the instant `at`."""
    return QueuedEventView(
        event_id=event.event_id or "",
        user_id=event.user_id,
        event_type=event.event_type,
        language=event.metadata.get("language"),
        code_length=event.metadata.get("codeLength"),
        session_duration=event.metadata.get("sessionDuration"),
        metadata=event.metadata,
        timestamp=iso(at),
        once_key=event.once_key or UNSET,
    )


def known_event_view(event: EventView | QueuedEventView) -> KnownEventView:
    """The same event for callers to which the difference does not matter."""
    return KnownEventView(**asdict(event))
