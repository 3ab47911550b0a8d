"""What webhooks tell: from an entry of the ledger to signed JSON documents.

The id of a message follows from what it tells, so that whoever sends it again, in any process, sends the same one.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
from msgspec import Struct

from laurels.application.badges import badge_view
from laurels.domain.ledger import Award, Entry, EventRecorded, ProfileChanged
from laurels.domain.periods import iso
from laurels.domain.rulebook import Rulebook
from laurels.domain.webhooks import (
    BADGE_AWARDED,
    LEVEL_REACHED,
    STREAK_EXTENDED,
    USER_DELETED,
    Delivery,
    Endpoint,
    message_id_of,
)

_encode = msgspec.json.Encoder().encode


class Envelope(Struct, frozen=True):
    """The body of each message. `timestamp` is when it was recorded."""

    type: str
    timestamp: str
    data: dict[str, Any]


def body_of(message_type: str, at: int, data: dict[str, Any]) -> str:
    """The body of a message about something of the instant `at`."""
    return _encode(Envelope(message_type, iso(at), data)).decode()


def messages_of(endpoint: Endpoint, entry: Entry, rulebook: Rulebook, *, streak_before: int) -> list[Delivery]:
    """What an entry tells an endpoint, in order. `streak_before` is the streak that the user's event before showed.

    Parts are counted whether or not the endpoint asked for their type.
    """
    return [
        Delivery(
            endpoint=endpoint.id,
            id=message_id_of(endpoint.id, entry.user_id, entry.seq, entry.recorded_at, message_type, what),
            type=message_type,
            user_id=entry.user_id,
            body=body_of(message_type, entry.recorded_at, {"userId": entry.user_id, "eventId": entry.event_id, **data}),
            seq=entry.seq,
            part=part,
        )
        for part, (message_type, what, data) in enumerate(_parts(entry, rulebook, streak_before), 1)
        if message_type in endpoint.types
    ]


def deletion_of(endpoint: Endpoint, user_id: str, at: int) -> Delivery:
    """The message that everything of a user was deleted at the instant `at`."""
    return Delivery(
        endpoint=endpoint.id,
        id=message_id_of(endpoint.id, user_id, at, USER_DELETED),
        type=USER_DELETED,
        user_id=user_id,
        body=body_of(USER_DELETED, at, {"userId": user_id}),
        next_at=at,
        at=at,
    )


def _parts(entry: Entry, rulebook: Rulebook, streak_before: int) -> Iterator[tuple[str, str, dict[str, Any]]]:
    fact = entry.fact
    if isinstance(fact, ProfileChanged):
        return
    awards: list[Award] = fact.outcome.awards if isinstance(fact, EventRecorded) else fact.awards
    for award in awards:
        badge = msgspec.to_builtins(badge_view(award, rulebook))
        yield BADGE_AWARDED, award.badge_id, {"badge": badge}
    if isinstance(fact, EventRecorded):
        outcome = fact.outcome
        if outcome.leveled_up:
            yield LEVEL_REACHED, "", {"level": outcome.level, "totalPoints": outcome.total_points}
        if fact.daily_streak > max(1, streak_before):
            yield STREAK_EXTENDED, "", {"dailyStreak": fact.daily_streak}
