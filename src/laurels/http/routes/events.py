"""Recording events, one by one and in batches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

import msgspec
from litestar import Request, Response, post
from litestar.di import NamedDependency
from litestar.params import QueryParameter
from litestar.types import HTTPScope, Receive
from msgspec import UNSET

from laurels.application.queries.views import QueuedView, RecordedView
from laurels.application.recording.commands import QueuedEvent, RecordedEntry
from laurels.application.service import Service
from laurels.domain.events import LearningEvent, check_event, decode_event
from laurels.domain.periods import iso
from laurels.errors import EventConflict, InternalFault, InvalidEvent, LaurelsError, StoreError
from laurels.http.auth.access import WRITE_EVENTS, Caller, caller_of, check_recording, earliest_for, records_all
from laurels.http.auth.guard import BatchCharge, charge_written
from laurels.http.server.body_limits import BodyLimits, limits_of
from laurels.http.server.fast_path import JSON, json_answer
from laurels.http.server.routing import Answer
from laurels.http.wire.accept_language import in_language
from laurels.http.wire.batch_room import BatchRoom, parts_of
from laurels.http.wire.batches import Line, Turns, read_batch
from laurels.http.wire.bodies import JSON_TYPES, NDJSON_TYPES, media_type, not_json, read_body
from laurels.http.wire.envelopes import Envelope, enveloped
from laurels.http.wire.json_bodies import OtherBody
from laurels.http.wire.problems import FieldError, sentence
from laurels.http.wire.schemas import BatchAnswer, BatchResult

# Events between two checks whether other tasks should have their turn.
_STEPS = 16
REPLAYED = {"Idempotent-Replayed": "true"}

_REPLAYED = [*JSON, *((name.lower().encode(), value.encode()) for name, value in REPLAYED.items())]


async def answer_event(scope: HTTPScope, receive: Receive, service: Service, limits: BodyLimits) -> Answer:
    """The fast path of `record_event`."""
    recorded = await receive_event(scope, receive, service, limits)
    if isinstance(recorded, QueuedEvent):
        return json_answer(service.learners.queued(recorded), 202)
    answer = in_language(scope, service, service.learners.recorded(recorded))
    return json_answer(answer, 200, _REPLAYED) if recorded.is_replay else json_answer(answer, 201)


async def _check(request: Request[Any, Any, Any]) -> None:
    """Read and check the event of a request. Raises BodyRefused, or InvalidEvent naming every wrong field."""
    service: Service = request.app.state.running.service
    earliest = earliest_for(caller_of(request.scope), service)
    event = await _read_event(request.scope, request.receive, service, limits_of(request), earliest)
    least = service.earliest if earliest is None else earliest
    check_event(event, service.rulebook.event_types, now=service.clock(), earliest=least)


@post(
    "/api/progress/event",
    access=WRITE_EVENTS,
    short=answer_event,
    body=OtherBody(InvalidEvent, _check),
    summary="Record an event",
    tags=["events"],
)
async def record_event(
    request: Request[Any, Any, Any], service: NamedDependency[Service], envelope: Envelope = None
) -> Response[RecordedView | QueuedView]:
    """Records one learning event and answers with its points, the badges it brought and the progress after it.

    With an `eventId` a request is safe to repeat: the same content again gets the first answer (200, with
    `Idempotent-Replayed: true`), different content is refused (409). With a `onceKey` the event is paid only if no
    event with that key was paid to this learner before. `event.unpaid` is set if an event brought fewer points than its
    type pays, and says why. `event.boost` says which boost added how many points, and `event.currencies` how much of
    each currency it gave. A 2xx means that the event is on disk. With 202 it is on the server's own disk, and is
    recorded when the database is back.
    """
    recorded = await receive_event(request.scope, request.receive, service, limits_of(request))
    if isinstance(recorded, QueuedEvent):
        return Response(enveloped(request, envelope, service.learners.queued(recorded)), status_code=202)
    shown = in_language(request.scope, service, service.learners.recorded(recorded))
    answer = enveloped(request, envelope, shown)
    if recorded.is_replay:
        return Response(answer, status_code=200, headers=REPLAYED)
    return Response(answer, status_code=201)


async def receive_event(
    scope: HTTPScope, receive: Receive, service: Service, limits: BodyLimits
) -> RecordedEntry | QueuedEvent:
    """Record the event in a request's body, or queue it while the store is away."""
    caller = caller_of(scope)
    earliest = earliest_for(caller, service)
    try:
        event = await _read_event(scope, receive, service, limits, earliest)
    except InvalidEvent:
        service.recorder.stats.invalid += 1
        raise
    check_recording(caller, event.user_id)
    if caller.user_id is not None:
        await charge_written(scope, (len(msgspec.json.encode(event)),))
    return await service.accept_event(event, earliest=earliest)


@post("/api/progress/events", access=WRITE_EVENTS, status_code=200, summary="Record many events", tags=["events"])
async def record_events(
    request: Request[Any, Any, Any],
    service: NamedDependency[Service],
    outcomes: Annotated[
        Literal["short", "full"],
        QueryParameter(description="full: what each event brought, too; short (default): its points alone."),
    ] = "short",
) -> BatchAnswer:
    """Records up to 10,000 events from a JSON array or from NDJSON, in order, with one result for each.

    One bad event does not spoil the others.
    """
    is_list = media_type(request.scope, JSON_TYPES | NDJSON_TYPES) in JSON_TYPES
    limits, room = limits_of(request), _room_of(request)
    caller = caller_of(request.scope)
    is_full = outcomes == "full"
    with room.entering(caller) as take:
        charge = BatchCharge(request.scope, limits.event_bytes)

        async def come(size: int) -> None:
            take(size)
            await charge.take(size)

        lines = await read_batch(
            request.scope,
            request.receive,
            is_list=is_list,
            batch_bytes=limits.batch_bytes,
            event_bytes=limits.event_bytes,
            take=come,
        )
        await charge.events(len(lines))
        await charge_written(request.scope, (len(text) for _, text in lines if text is not None))
        batch = _Batch(service, caller, limits.event_bytes, is_full=is_full)
        await batch.check(lines)
        results: list[BatchResult] = []
        for part, size in parts_of(lines):
            async with room.working(size):
                results += await batch.record(part)
    answer = _answer(results)
    return in_language(request.scope, service, answer) if is_full else answer


class _Batch:
    """Records the lines of one batch part by part: a line in memory takes many times its bytes."""

    def __init__(self, service: Service, caller: Caller, event_bytes: int, *, is_full: bool) -> None:
        self._service = service
        self._caller = caller
        self._event_bytes = event_bytes
        self._earliest = earliest_for(caller, service)
        self._is_full = is_full
        self._turns = Turns()

    async def check(self, lines: Sequence[Line]) -> None:
        """Refuse the whole batch before any of it is recorded, if this caller may not record one of its events."""
        if records_all(self._caller):
            return
        for line in lines:
            event = self._read(line)
            if isinstance(event, LearningEvent):
                check_recording(self._caller, event.user_id)
            await self._turns.take()

    async def record(self, lines: Sequence[Line]) -> list[BatchResult]:
        """Record lines in order; one result each."""
        parsed: list[LearningEvent | BatchResult] = []
        for line in lines:
            parsed.append(self._read(line))
            # Describing a mistake takes longer.
            if not len(parsed) % _STEPS or isinstance(parsed[-1], BatchResult):
                await self._turns.take()
        events = [event for event in parsed if isinstance(event, LearningEvent)]
        self._service.recorder.stats.invalid += len(parsed) - len(events)
        found = iter(await self._service.accept_many(events, earliest=self._earliest) if events else [])
        results: list[BatchResult] = []
        for (number, _), each in zip(lines, parsed, strict=True):
            if isinstance(each, LearningEvent):
                results.append(_result(number, each, next(found), self._service if self._is_full else None))
            else:
                results.append(each)
            if not len(results) % _STEPS:
                await self._turns.take()
        return results

    def _read(self, line: Line) -> LearningEvent | BatchResult:
        number, text = line
        if text is None:
            too_large = InvalidEvent("", f"Is larger than an event may be, {self._event_bytes} bytes.")
            return _refused(number, None, too_large, is_full=self._is_full)
        return _parse(number, text, self._service, self._earliest, is_full=self._is_full)


def _room_of(request: Request[Any, Any, Any]) -> BatchRoom:
    return request.app.state.batches


async def _read_event(
    scope: HTTPScope, receive: Receive, service: Service, limits: BodyLimits, earliest: int | None
) -> LearningEvent:
    """The event in a body, without the checks of `check_event`."""
    media_type(scope, JSON_TYPES)
    body = await read_body(scope, receive, limits.event_bytes)
    try:
        return _decode(body, service, earliest)
    except (RecursionError, msgspec.DecodeError, UnicodeDecodeError) as cause:
        raise not_json(body, cause, InvalidEvent) from None


def _decode(data: bytes | msgspec.Raw, service: Service, earliest: int | None) -> LearningEvent:
    return decode_event(
        data,
        service.rulebook.event_types,
        now=service.clock(),
        earliest=service.earliest if earliest is None else earliest,
    )


def _parse(
    number: int, line: bytes | msgspec.Raw, service: Service, earliest: int | None, *, is_full: bool
) -> LearningEvent | BatchResult:
    try:
        return _decode(line, service, earliest)
    except InvalidEvent as error:
        return _refused(number, _event_id_of(line), error, is_full=is_full)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        no_json = InvalidEvent("", "Is not valid JSON; send one event in each line.")
        return _refused(number, None, no_json, is_full=is_full)


def _refused(number: int, event_id: str | None, error: LaurelsError, *, is_full: bool) -> BatchResult:
    """The result of a rejected event."""
    status = "conflict" if isinstance(error, EventConflict) else "invalid"
    if not is_full:
        return BatchResult(status, event_id, number, error=sentence(error))
    errors = [FieldError(*fault) for fault in error.faults] if isinstance(error, InvalidEvent) else UNSET
    return BatchResult(status, event_id, number, error=sentence(error), code=error.code, errors=errors)


def _event_id_of(line: bytes | msgspec.Raw) -> str | None:
    """The caller's id of an unreadable event, so that they can find it."""
    try:
        found: Any = msgspec.json.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        # The decoder stops at the first wrong field; the text after it may not be JSON at all.
        return None
    event_id: Any = found.get("eventId") if isinstance(found, dict) else None  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]  JSON
    return event_id if isinstance(event_id, str) else None


def _result(
    number: int, event: LearningEvent, outcome: RecordedEntry | QueuedEvent | LaurelsError, service: Service | None
) -> BatchResult:
    """The result of an event; in full, with its points and badges, if a service is given to show them."""
    if isinstance(outcome, QueuedEvent):
        timestamp = UNSET if service is None else iso(outcome.at)
        return BatchResult("queued", outcome.event.event_id, number, timestamp=timestamp)
    if isinstance(outcome, RecordedEntry):
        brought = outcome.body.outcome
        shown = None if service is None else service.learners.recorded(outcome)
        return BatchResult(
            "replayed" if outcome.is_replay else "recorded",
            outcome.entry.event_id,
            number,
            points=brought.points,
            unpaid=brought.unpaid or UNSET,
            boost=brought.boost or UNSET,
            currencies=dict(brought.currencies) or UNSET,
            new_badges=UNSET if shown is None else shown.new_badges,
            progress=UNSET if shown is None else shown.progress,
            timestamp=UNSET if shown is None else shown.event.timestamp,
        )
    if isinstance(outcome, StoreError | InternalFault):
        # The batch as a whole can be sent again: events recorded so far are then replays.
        raise outcome
    return _refused(number, event.event_id, outcome, is_full=service is not None)


def _answer(listed: list[BatchResult]) -> BatchAnswer:
    recorded = sum(result.status == "recorded" for result in listed)
    replayed = sum(result.status == "replayed" for result in listed)
    queued = sum(result.status == "queued" for result in listed)
    return BatchAnswer(
        results=listed,
        recorded=recorded,
        replayed=replayed,
        queued=queued or UNSET,
        rejected=len(listed) - recorded - replayed - queued,
    )
