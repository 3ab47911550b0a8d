"""Converts the service's answers to the library's results, and rejects answers that are not the service's.

A proxy or a login page may answer in the service's place.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from typing import Any, Literal, TypeVar

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from laurels.client.errors import ServiceUnreachable, WrongField, error_by_code
from laurels.domain.events import LearningEvent
from laurels.domain.ledger.entries import Boosted, Unpaid
from laurels.errors import InvalidEvent, LaurelsError
from laurels.results import Dashboard, EarnedBadge, HistoryEntry, Leaderboard, Queued, Recorded, Repaired, Spending

T = TypeVar("T")

Outcome = Recorded | Queued | LaurelsError
"""The result of one event of many."""


class Answer(Struct, frozen=True):
    """An answer as received. The names of headers are in any case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class ProgressAfter(Struct, frozen=True, rename="camel"):
    """A user's state after an event."""

    total_points: int
    level: int
    leveled_up: bool
    daily_streak: int


class _Event(Struct, frozen=True, rename="camel"):
    user_id: str
    event_id: str
    event_type: str
    timestamp: datetime
    points: int | None = None
    unpaid: Unpaid | None = None
    boost: Boosted | None = None
    currencies: dict[str, int] = {}


class _Recorded(Struct, frozen=True, rename="camel"):
    event: _Event
    new_badges: list[EarnedBadge]
    progress: ProgressAfter | None = None


class Result(Struct, frozen=True, rename="camel"):
    """The service's result for one event of a batch."""

    status: Literal["recorded", "replayed", "queued", "conflict", "invalid"]
    event_id: str | None = None
    points: int | None = None
    unpaid: Unpaid | None = None
    boost: Boosted | None = None
    currencies: dict[str, int] = {}
    new_badges: list[EarnedBadge] = []
    progress: ProgressAfter | None = None
    timestamp: datetime | None = None
    error: str = ""
    code: str = ""
    errors: list[WrongField] = []


class _Repair(Struct, frozen=True, rename="camel"):
    user_id: str
    day: date
    last_day: date
    points: int


class _Repaired(Struct, frozen=True, rename="camel"):
    repair: _Repair
    new_badges: list[EarnedBadge]
    progress: ProgressAfter


class _Batch(Struct, frozen=True):
    results: list[Result]


class HistoryPage(Struct, frozen=True):
    """Lines of a ledger; `next` is the cursor of older ones."""

    entries: list[HistoryEntry]
    next: str | None


def read(kind: type[T], member: str | None = None) -> Callable[[Answer], T]:
    """A reader of answers that are a `kind`, or whose `member` is one."""
    whole: Any = (
        kind if member is None else msgspec.defstruct("_Document", [("value", kind, msgspec.field(name=member))])
    )
    decode = msgspec.json.Decoder(whole).decode

    def reader(answer: Answer) -> T:
        try:
            document = decode(answer.body)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise strange(answer) from error
        return document if member is None else document.value

    return reader


DASHBOARD = read(Dashboard)
LEADERBOARD = read(Leaderboard)
HISTORY = read(HistoryPage)
_RECORDED = read(_Recorded)
_REPAIRED = read(_Repaired)
_SPENDING = read(Spending, "spending")
_BATCH = read(_Batch)


def strange(answer: Answer) -> ServiceUnreachable:
    """The error for an answer from something else, such as the login page of a network."""
    return ServiceUnreachable(f"What answered (with the status {answer.status}) is not the service; check the address.")


def read_picture(answer: Answer) -> str:
    """An SVG document as text."""
    if not answer.headers.get("content-type", "").startswith("image/svg+xml"):
        raise strange(answer)
    try:
        return answer.body.decode()
    except UnicodeDecodeError as error:
        raise strange(answer) from error


def read_recorded(answer: Answer) -> Recorded | Queued:
    """The result of a single event."""
    found = _RECORDED(answer)
    event, after = found.event, found.progress
    if after is None or event.points is None:
        return Queued(
            user_id=event.user_id, event_id=event.event_id, event_type=event.event_type, timestamp=event.timestamp
        )
    is_replay = answer.headers.get("idempotent-replayed") == "true"
    return _recorded(event, event.points, found.new_badges, after, is_replay=is_replay)


def read_repaired(answer: Answer) -> Repaired:
    """A repair of a streak."""
    found = _REPAIRED(answer)
    repair, after = found.repair, found.progress
    return Repaired(
        user_id=repair.user_id,
        first=repair.day,
        last=repair.last_day,
        points=repair.points,
        badges=found.new_badges,
        total_points=after.total_points,
        level=after.level,
        daily_streak=after.daily_streak,
        is_replay=answer.headers.get("idempotent-replayed") == "true",
    )


def read_spending(answer: Answer) -> Spending:
    """A spending."""
    is_replay = answer.headers.get("idempotent-replayed") == "true"
    return replace(_SPENDING(answer), is_replay=is_replay)


def read_results(answer: Answer, count: int) -> list[Result]:
    """The results of a batch of `count` events. Raises ServiceUnreachable if their number differs."""
    results = _BATCH(answer).results
    if len(results) != count:
        raise strange(answer)
    return results


def read_batch(answer: Answer, part: Sequence[LearningEvent | InvalidEvent]) -> list[Outcome]:
    """A result for each of `part`; its errors were not sent, and are their own results."""
    results = iter(read_results(answer, sum(isinstance(each, LearningEvent) for each in part)))
    return [each if isinstance(each, InvalidEvent) else _outcome(each, next(results), answer) for each in part]


def _outcome(event: LearningEvent, result: Result, answer: Answer) -> Outcome:
    event_id = result.event_id or event.event_id or ""
    if result.status in ("conflict", "invalid"):
        known = error_by_code(result.code, result.error, result.errors, user_id=event.user_id, event_id=event_id)
        return known or InvalidEvent("", result.error)
    timestamp = result.timestamp or event.timestamp
    if timestamp is None:
        raise strange(answer)
    sent = _Event(
        event.user_id,
        event_id,
        event.event_type,
        timestamp,
        result.points,
        result.unpaid,
        result.boost,
        result.currencies,
    )
    if result.progress is None or result.points is None:
        return Queued(user_id=sent.user_id, event_id=event_id, event_type=sent.event_type, timestamp=timestamp)
    return _recorded(sent, result.points, result.new_badges, result.progress, is_replay=result.status == "replayed")


def _recorded(
    event: _Event, points: int, badges: list[EarnedBadge], after: ProgressAfter, *, is_replay: bool
) -> Recorded:
    return Recorded(
        user_id=event.user_id,
        event_id=event.event_id,
        event_type=event.event_type,
        timestamp=event.timestamp,
        points=points,
        badges=badges,
        total_points=after.total_points,
        level=after.level,
        leveled_up=after.leveled_up,
        daily_streak=after.daily_streak,
        unpaid=event.unpaid,
        boost=event.boost,
        currencies=event.currencies,
        is_replay=is_replay,
    )
