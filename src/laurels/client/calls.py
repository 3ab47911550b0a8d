"""Every verb of the client as data: the request, and how its answer is read. Nothing here waits, so the synchronous and
the asynchronous client share these verbs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Any, Generic, TypeVar
from urllib.parse import quote, urlencode

import msgspec
from msgspec import UNSET, Struct, UnsetType

from laurels.application.queries.goal_views import GoalRecord
from laurels.arguments import as_day, as_goal, as_instant, as_moment, as_pauses, as_timeframe, as_user_id, event_of
from laurels.client.answers import (
    DASHBOARD,
    HISTORY,
    LEADERBOARD,
    Answer,
    HistoryPage,
    Outcome,
    read,
    read_batch,
    read_picture,
    read_recorded,
    read_repaired,
    read_spending,
)
from laurels.client.events import encoded
from laurels.domain.events import LearningEvent
from laurels.domain.periods import Timeframe, iso
from laurels.errors import InvalidEvent, InvalidInput, InvalidProfile, InvalidQuery
from laurels.results import (
    Activity,
    BadgeProgress,
    Dashboard,
    Leaderboard,
    Profile,
    Queued,
    Rank,
    Recorded,
    Repaired,
    Spending,
)

T = TypeVar("T")
BATCH = 1_000
BATCH_BYTES = 4 * 1024 * 1024
HISTORY_PAGE = 100


class Call(Struct, Generic[T], frozen=True):
    """A request, and how its answer is read. `target` is the path with its query; `body` is JSON. `read` raises
    ServiceUnreachable if the answer is not the service's.

    `user_id` and `event_id` are for the errors that name them.
    """

    method: str
    target: str
    read: Callable[[Answer], T]
    body: bytes | None = None
    user_id: str = ""
    event_id: str = ""


def record(
    user_id: str,
    event_type: str,
    metadata: Mapping[str, Any] | None = None,
    *,
    language: str | None = None,
    code_length: int | None = None,
    session_duration: float | None = None,
    event_id: str | None = None,
    timestamp: datetime | None = None,
    once_key: str | None = None,
) -> Call[Recorded | Queued]:
    """Record one event, and wait until the service has it on disk; see `Laurels.record` for the arguments.

    Nothing is retried: after ServiceUnreachable it is not known whether the event was recorded, and repeating it with
    its `event_id` settles that. `track` does so by itself.
    """
    event = event_of(
        user_id,
        event_type,
        metadata,
        language=language,
        code_length=code_length,
        session_duration=session_duration,
        event_id=event_id,
        timestamp=timestamp,
        once_key=once_key,
    )
    target = "/api/progress/event?envelope=flat"
    return Call("POST", target, read_recorded, encoded(event), user_id=user_id, event_id=event_id or "")


def record_many(events: Iterable[LearningEvent]) -> Iterator[Call[list[Outcome]]]:
    """The requests for any number of events, each with the results of its part."""
    part: list[LearningEvent | InvalidEvent] = []
    bodies: list[bytes] = []
    size = 0
    for event in events:
        try:
            body = encoded(event)
        except InvalidEvent as error:
            part.append(error)
            continue
        if bodies and (len(bodies) >= BATCH or size + len(body) > BATCH_BYTES):
            yield _batch(part, bodies)
            part, bodies, size = [], [], 0
        part.append(event)
        bodies.append(body)
        size += len(body)
    if part:
        yield _batch(part, bodies)


def _batch(part: Sequence[LearningEvent | InvalidEvent], bodies: Sequence[bytes]) -> Call[list[Outcome]]:
    body = b"[" + b",".join(bodies) + b"]"
    return Call("POST", "/api/progress/events?outcomes=full", lambda answer: read_batch(answer, part), body)


def dashboard(user_id: str, *, since: datetime | None = None) -> Call[Dashboard]:
    """Everything that a learner's own page shows. Badges count as new from `since` on (default: 24 hours ago)."""
    at = as_instant(since, "since")
    query = {"since": None if at is None else iso(at), "envelope": "flat"}
    return _get("dashboard", user_id, query, DASHBOARD)


def profile(user_id: str) -> Call[Profile]:
    """A user with every field that they can set."""
    return _get("users", user_id, {}, read(Profile, "user"))


def badges(user_id: str) -> Call[list[BadgeProgress]]:
    """Every badge of the rulebook, with the user's progress towards it."""
    return _get("badges", user_id, {}, read(list[BadgeProgress], "badges"))


def card(user_id: str) -> Call[str]:
    """A user's card as an SVG document: name, level, points, streak and the best badges."""
    return Call("GET", f"/embed/{quote(as_user_id(user_id), safe='')}/card.svg", read_picture, user_id=user_id)


def activity(user_id: str, *, first: date | None = None, last: date | None = None) -> Call[Activity]:
    """Events and points on the user's local days from `first` to `last`, both included; at most 3,660 days.

    By default the 365 days up to today, or up to `last`.
    """
    return _get("activity", user_id, {"from": _day(first, "first"), "to": _day(last, "last")}, read(Activity))


def goals(user_id: str) -> Call[list[GoalRecord]]:
    """The goals that a user has or had, how they stand, and whether they were met before."""
    return _get("goals", user_id, {}, read(list[GoalRecord], "goals"))


def history_page(user_id: str, cursor: str | None) -> Call[HistoryPage]:
    """Some lines of a user's ledger, newest first."""
    return _get("history", user_id, {"cursor": cursor, "limit": HISTORY_PAGE}, HISTORY)


def leaderboard(
    timeframe: Timeframe | str | None = None,
    *,
    period: str | None = None,
    limit: int | None = None,
    cursor: str | None = None,
    around: str | None = None,
    language: str | None = None,
    currency: str | None = None,
    users: Sequence[str] | None = None,
) -> Call[Leaderboard]:
    """A page of a board: its top, the lines after a `cursor`, or the surroundings of the user `around`.

    See `Laurels.leaderboard` for the arguments.
    """
    if users is not None and (cursor is not None or around is not None):
        raise InvalidQuery("users", "Cannot be combined with 'cursor' or 'around'.")
    query = {
        "timeframe": as_timeframe(timeframe),
        "period": period,
        "limit": limit,
        "cursor": cursor,
        "around": around,
        "language": language,
        "currency": currency,
        # An id may hold a comma: each is encoded before they are joined.
        "users": None if users is None else ",".join(quote(each, safe="") for each in users),
        "envelope": "flat",
    }
    return Call("GET", f"/api/progress/leaderboard{_query(query)}", LEADERBOARD, user_id=around or "")


def rank(
    user_id: str,
    timeframe: Timeframe | str | None = None,
    *,
    period: str | None = None,
    language: str | None = None,
    currency: str | None = None,
) -> Call[Rank]:
    """A user's place on a board; see `leaderboard` for the arguments."""
    query = {"timeframe": as_timeframe(timeframe), "period": period, "language": language, "currency": currency}
    return _get("rank", user_id, query, read(Rank))


def set_profile(
    user_id: str,
    *,
    display_name: str | UnsetType | None = UNSET,
    photo_url: str | UnsetType | None = UNSET,
    time_zone: str | UnsetType = UNSET,
    preferences: Mapping[str, Any] | UnsetType = UNSET,
    visibility: str | UnsetType = UNSET,
    alias: str | UnsetType | None = UNSET,
    badges_seen_at: datetime | UnsetType | None = UNSET,
    pauses: Sequence[tuple[date, date]] | UnsetType = UNSET,
) -> Call[Profile]:
    """Set the given fields of a user's profile and return the whole profile; an unknown user is created.

    See `Laurels.set_profile` for the arguments.
    """
    given = {
        "displayName": display_name,
        "photoURL": photo_url,
        "timeZone": time_zone,
        "preferences": preferences if isinstance(preferences, UnsetType) else dict(preferences),
        "visibility": visibility,
        "alias": alias,
        "badgesSeenAt": as_moment(badges_seen_at, "badges_seen_at"),
        "pauses": as_pauses(pauses),
    }
    try:
        body = msgspec.json.encode({name: value for name, value in given.items() if value is not UNSET})
    except (UnicodeEncodeError, ValueError, TypeError) as cause:
        raise InvalidProfile("preferences", "Must be JSON of valid Unicode text and finite numbers.") from cause
    return Call("PUT", _of_user("users", user_id), read(Profile, "user"), body, user_id=user_id)


def set_goal(user_id: str, measure: str, *, per: str, target: int | None) -> Call[Profile]:
    """Set a goal of a user: `target` "events" or "points" in each of their days or weeks (`per`), from the present one
    on; None ends the goal."""
    body = msgspec.json.encode(as_goal(measure, per, target))
    return Call("PUT", _of_user("users", user_id), read(Profile, "user"), body, user_id=user_id)


def spend(user_id: str, currency: str, amount: int, *, reason: str, spending_id: str | None = None) -> Call[Spending]:
    """Spend an amount of a currency that the user has earned.

    See `Laurels.spend` for the arguments.
    """
    asked = {"userId": as_user_id(user_id), "currency": currency, "amount": amount, "reason": reason}
    given = asked if spending_id is None else {**asked, "spendingId": spending_id}
    try:
        body = msgspec.json.encode(given)
    except (UnicodeEncodeError, TypeError) as cause:
        raise InvalidInput("currency", "Currency, reason and id must be valid Unicode text.") from cause
    return Call("POST", "/api/progress/spendings", read_spending, body, user_id=user_id)


def repair_streak(user_id: str, day: date, *, reason: str | None = None) -> Call[Repaired]:
    """Pay with points for a day that a user missed, so that it does not break their streak.

    See `Laurels.repair_streak` for the arguments.
    """
    asked = {"userId": as_user_id(user_id), "day": _day(day, "day"), "reason": reason}
    body = msgspec.json.encode({name: value for name, value in asked.items() if value is not None})
    return Call("POST", "/api/progress/repairs", read_repaired, body, user_id=user_id)


def delete_user(user_id: str) -> Call[datetime]:
    """Delete all data of a user, for good, and return when they were deleted. May be repeated.

    From then on nothing is recorded for them. Raises UnknownUser for an id without data.
    """
    return Call("DELETE", _of_user("users", user_id), read(datetime, "deletedAt"), user_id=user_id)


def _get(route: str, user_id: str, query: Mapping[str, object], reader: Callable[[Answer], T]) -> Call[T]:
    return Call("GET", _of_user(route, user_id) + _query(query), reader, user_id=user_id)


def _of_user(route: str, user_id: str) -> str:
    return f"/api/progress/{route}/{quote(as_user_id(user_id), safe='')}"


def _query(query: Mapping[str, object]) -> str:
    given = {name: str(value) for name, value in query.items() if value is not None}
    return f"?{urlencode(given)}" if given else ""


def _day(day: date | None, name: str) -> str | None:
    ordinal = as_day(day, name)
    return None if ordinal is None else date.fromordinal(ordinal).isoformat()
