"""A learner's progress to take away: one JSON document, or their events as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator
from typing import Annotated, Any

import msgspec
from litestar import Request, Response, get
from litestar.di import NamedDependency
from litestar.params import QueryParameter
from litestar.response import Stream

from laurels.application.queries.views import EventView, Export
from laurels.application.service import Service
from laurels.errors import InvalidQuery
from laurels.http.auth.access import own
from laurels.http.routes.learners import UserId
from laurels.http.wire.bodies import user_id_in

COLUMNS = (
    "eventId",
    "eventType",
    "timestamp",
    "points",
    "language",
    "codeLength",
    "sessionDuration",
    "metadata",
    "onceKey",
    "unpaid",
)
CSV_TYPE = "text/csv; charset=utf-8"
_ROWS_PER_CHUNK = 500


@get(
    "/api/progress/export/{user_id:path}",
    access=own("/export/"),
    summary="Export a learner's progress",
    tags=["learners"],
)
async def export(
    request: Request[Any, Any, Any],
    service: NamedDependency[Service],
    user_id: UserId,
    format: Annotated[str, QueryParameter(description="json (default) or csv.")] = "json",  # noqa: A002  the wire's name
) -> Export:
    """The whole progress as one document, or with `format=csv` every event, streamed in the order of recording."""
    user_id = user_id_in(request.scope, "/export/")
    if format == "csv":
        await service.learners.progress(user_id)
        return _csv(service, user_id)  # pyright: ignore[reportReturnType]  described for JSON, streamed for CSV
    if format != "json":
        raise InvalidQuery("format", "Must be json or csv.")
    return await service.learners.export(user_id)


def _csv(service: Service, user_id: str) -> Response[Any]:
    return Stream(
        _csv_chunks(service.learners.events(user_id)),
        # As a header: the route's own media type would win over the response's.
        headers={"Content-Type": CSV_TYPE, "Content-Disposition": 'attachment; filename="events.csv"'},
    )


async def _csv_chunks(events: AsyncIterator[EventView]) -> AsyncIterator[bytes]:
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow(COLUMNS)
    rows = 0
    async for event in events:
        writer.writerow(_row(event))
        rows += 1
        if rows % _ROWS_PER_CHUNK == 0:
            yield _drain(buffer)
    yield _drain(buffer)


def _drain(buffer: io.StringIO) -> bytes:
    chunk = buffer.getvalue().encode()
    buffer.seek(0)
    buffer.truncate()
    return chunk


def _row(event: EventView) -> list[object]:
    return [
        _inert(event.event_id),
        event.event_type,
        event.timestamp,
        event.points,
        _inert(event.language or ""),
        "" if event.code_length is None else event.code_length,
        "" if event.session_duration is None else event.session_duration,
        msgspec.json.encode(event.metadata).decode(),
        _inert(event.once_key or ""),
        event.unpaid or "",
    ]


def _inert(text: str) -> str:
    """A spreadsheet takes a cell that begins so for a formula and would run what a learner wrote."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text
