"""Converts the answers of the service, which use the terms of the wire, into the values of the library.

Apart from `laurels.results`, so that the client of the HTTP service can use these values without the service.
"""

from __future__ import annotations

from typing import TypeVar

import msgspec
from msgspec import Struct

from laurels.application.queries.badges import badge_view
from laurels.application.recording import commands, spendings
from laurels.domain.periods import to_datetime
from laurels.domain.rules.rulebook import Rulebook
from laurels.results import EarnedBadge, Queued, Recorded, Spending

T = TypeVar("T", bound=Struct)


def result_of(view: object, kind: type[T]) -> T:
    """Convert a view of the service into a value of the library."""
    return msgspec.convert(msgspec.to_builtins(view), kind)


def recorded_of(result: commands.RecordedEntry | commands.QueuedEvent, rulebook: Rulebook) -> Recorded | Queued:
    """Convert the result of an event into a value of the library."""
    if isinstance(result, commands.QueuedEvent):
        event = result.event
        return Queued(
            user_id=event.user_id,
            event_id=event.event_id or "",
            event_type=event.event_type,
            timestamp=to_datetime(result.at),
        )
    body = result.body
    outcome = body.outcome
    return Recorded(
        user_id=result.entry.user_id,
        event_id=result.entry.event_id or "",
        event_type=body.event_type,
        timestamp=to_datetime(body.at),
        points=outcome.points,
        badges=[result_of(badge_view(award, rulebook), EarnedBadge) for award in outcome.awards],
        total_points=outcome.total_points,
        level=outcome.level,
        leveled_up=outcome.leveled_up,
        daily_streak=body.daily_streak,
        unpaid=outcome.unpaid,
        boost=outcome.boost,
        currencies=dict(outcome.currencies),
        is_replay=result.is_replay,
    )


def spending_of(done: spendings.Spending) -> Spending:
    """Convert a spending into a value of the library."""
    body = done.body
    return Spending(
        user_id=done.entry.user_id,
        spending_id=spendings.spending_id_of(done.entry),
        currency=body.currency,
        amount=body.amount,
        balance=body.balance,
        reason=body.reason,
        spent_at=to_datetime(done.entry.recorded_at),
        is_replay=done.is_replay,
    )
