"""The messages of webhooks: signed JSON documents made from ledger entries.

The id of a message is derived from its content, so that every process that sends it again uses the same id.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
from msgspec import Struct

from laurels.application.ports.spool import SetAside
from laurels.application.queries.badges import badge_view
from laurels.application.queries.goal_views import met_goal
from laurels.application.recording.spendings import spending_id_of
from laurels.domain.ledger.entries import (
    Award,
    BadgeRevoked,
    BadgesGiven,
    CurrencySpent,
    Entry,
    EventRecorded,
    EventRetracted,
    MergedInto,
    StreakRepaired,
    awards_of,
)
from laurels.domain.periods import Timeframe, day_name, iso
from laurels.domain.rules.rulebook import Rulebook
from laurels.domain.rules.streak_count import StreakEnd
from laurels.domain.webhooks import (
    BADGE_AWARDED,
    BADGE_REVOKED,
    BADGES_BACKFILLED,
    BOARD_CLOSED,
    EVENT_RETRACTED,
    EVENT_SET_ASIDE,
    GOAL_MET,
    LEVEL_REACHED,
    SPENDING_CREATED,
    STREAK_EXTENDED,
    STREAK_LOST,
    STREAK_REPAIRED,
    USER_DELETED,
    USER_MERGED,
    Delivery,
    Endpoint,
    message_id_of,
)

NOBODY = ""
"""The user id of messages about no user: no user can have it."""

_encode = msgspec.json.Encoder().encode


class Envelope(Struct, frozen=True):
    """The body of each message. `timestamp` is when it was recorded."""

    type: str
    timestamp: str
    data: dict[str, Any]


def body_of(message_type: str, at: int, data: dict[str, Any]) -> str:
    """The body of a message about the instant `at`."""
    return _encode(Envelope(message_type, iso(at), data)).decode()


def messages_of(endpoint: Endpoint, entry: Entry, rulebook: Rulebook) -> list[Delivery]:
    """The messages about an entry for an endpoint, in order.

    Parts are counted even if the endpoint did not subscribe to their type.
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
        for part, (message_type, what, data) in enumerate(_parts(entry, rulebook), 1)
        if message_type in endpoint.types
    ]


def deletion_of(endpoint: Endpoint, user_id: str, at: int) -> Delivery:
    """The message that a user was deleted at the instant `at`."""
    named = (user_id, at)
    return _due_now(endpoint, USER_DELETED, user_id, {"userId": user_id}, named=named, at=at, now=at)


def setting_aside_of(endpoint: Endpoint, refused: SetAside, at: int) -> Delivery:
    """The message that an accepted event could not be recorded, as found at the instant `at`."""
    event, arrived_at = refused.spooled.event, refused.spooled.arrived_at
    told = {"userId": event.user_id, "eventId": event.event_id, "reason": refused.reason}
    named = (event.user_id, str(event.event_id), arrived_at)
    return _due_now(endpoint, EVENT_SET_ASIDE, event.user_id, told, named=named, at=at, now=at)


def loss_of(endpoint: Endpoint, user_id: str, end: StreakEnd, lost_at: int, now: int, *, repaired: int = 0) -> Delivery:
    """The message that a streak was lost at `lost_at`. `repaired` is the last day that was ever repaired: if a streak
    is lost, repaired and lost again without an event in between, another message is sent."""
    told = {"userId": user_id, "dailyStreak": end.length, "lastDay": day_name(end.last_day)}
    named = (user_id, max(end.last_day, repaired))
    return _due_now(endpoint, STREAK_LOST, user_id, told, named=named, at=lost_at, now=now)


def closing_of(endpoint: Endpoint, timeframe: Timeframe, period: str, total: int, closed_at: int, now: int) -> Delivery:
    """The message that a period ended at `closed_at`, with `total` people on its board."""
    told = {"timeframe": timeframe.value, "period": period, "total": total}
    return _due_now(endpoint, BOARD_CLOSED, NOBODY, told, named=(period,), at=closed_at, now=now)


def _due_now(
    endpoint: Endpoint,
    message_type: str,
    user_id: str,
    data: dict[str, Any],
    *,
    named: tuple[str | int, ...],
    at: int,
    now: int,
) -> Delivery:
    """A message without an entry, to be sent from the instant `now` on. Its id is made from its type and `named`; its
    content is about the instant `at`."""
    return Delivery(
        endpoint=endpoint.id,
        id=message_id_of(endpoint.id, *named, message_type),
        type=message_type,
        user_id=user_id,
        body=body_of(message_type, at, data),
        next_at=now,
        at=now,
    )


def _parts(entry: Entry, rulebook: Rulebook) -> Iterator[tuple[str, str, dict[str, Any]]]:
    body = entry.body
    awards = awards_of(body)
    if isinstance(body, BadgesGiven) and body.notify != "each":
        if body.notify == "digest":
            yield BADGES_BACKFILLED, "", {"badges": [_badge(award, rulebook) for award in awards]}
        return
    for award in awards:
        yield BADGE_AWARDED, award.badge_id, {"badge": _badge(award, rulebook)}
    if isinstance(body, BadgeRevoked):
        yield BADGE_REVOKED, body.award.badge_id, {"badge": _badge(body.award, rulebook), "reason": body.reason}
    elif isinstance(body, EventRetracted):
        told: dict[str, Any] = {"eventId": body.event_id, "points": body.points, "reason": body.reason}
        if body.currencies:
            told["currencies"] = dict(body.currencies)
        yield EVENT_RETRACTED, "", told
        for award in body.revoked:
            yield BADGE_REVOKED, award.badge_id, {"badge": _badge(award, rulebook), "reason": body.reason}
    elif isinstance(body, CurrencySpent):
        told = {"eventId": None, "spendingId": spending_id_of(entry), "currency": body.currency}
        yield SPENDING_CREATED, "", {**told, "amount": body.amount, "balance": body.balance, "reason": body.reason}
    elif isinstance(body, StreakRepaired):
        told = {"day": day_name(body.repair.first), "points": -body.repair.price, "dailyStreak": body.daily_streak}
        yield STREAK_REPAIRED, "", told
    elif isinstance(body, MergedInto):
        yield USER_MERGED, "", {"into": body.into, "points": body.points, "reason": body.reason}
    elif isinstance(body, EventRecorded):
        yield from _parts_of_event(body)


def _parts_of_event(body: EventRecorded) -> Iterator[tuple[str, str, dict[str, Any]]]:
    outcome = body.outcome
    if outcome.leveled_up:
        yield LEVEL_REACHED, "", {"level": outcome.level, "totalPoints": outcome.total_points}
    if body.extends_streak:
        yield STREAK_EXTENDED, "", {"dailyStreak": body.daily_streak}
    for met in body.goals:
        yield GOAL_MET, met.goal_id, met_goal(met)


def _badge(award: Award, rulebook: Rulebook) -> dict[str, Any]:
    return msgspec.to_builtins(badge_view(award, rulebook))
