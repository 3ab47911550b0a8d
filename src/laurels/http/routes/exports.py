"""Exports of a learner's progress: one JSON document, a PDF report, or their events as CSV."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterable
from typing import Annotated, Any, Literal, Protocol

import msgspec
from litestar import Request, Response, get
from litestar.di import NamedDependency
from litestar.params import QueryParameter

from laurels.application.queries.learners.review import Review, check_year
from laurels.application.queries.views import EventView, Export
from laurels.application.service import Service
from laurels.http.auth.access import caller_of, own
from laurels.http.routes.learners import UserId
from laurels.http.wire.accept_language import in_language, language_asked
from laurels.http.wire.bodies import ANY_SEGMENT, last_segment, user_id_in
from laurels.http.wire.concurrency_limits import ConcurrencyLimit
from laurels.http.wire.envelopes import Envelope, enveloped
from laurels.http.wire.parameter_combinations import envelope_of_json, lang_of_pdf

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
    "boost",
)
CSV_TYPE = "text/csv; charset=utf-8"
# A piece is sent when it has this many characters: no more is held for a slow client.
_PIECE = 64 * 1024
_IS_QUOTED = re.compile('[",\r\n]').search

Lang = Annotated[str | None, QueryParameter(description="The language of a PDF; default by Accept-Language.")]


@get(
    "/api/progress/export/{user_id:path}",
    access=own("/export/"),
    together=(envelope_of_json, lang_of_pdf),
    summary="Export a learner's progress",
    tags=["learners"],
)
async def export(
    request: Request[Any, Any, Any],
    service: NamedDependency[Service],
    user_id: UserId,
    format: Annotated[  # noqa: A002  the wire's name
        Literal["json", "csv", "pdf"], QueryParameter(description="json (default), csv or pdf.")
    ] = "json",
    lang: Lang = None,
    envelope: Envelope = None,
) -> Export:
    """The whole progress as one document; with `format=csv` every event, streamed in the order of recording; with
    `format=pdf` the finished report."""
    user_id = user_id_in(request.scope, "/export/")
    if format == "pdf":
        async with _documents_of(request).making(caller_of(request.scope)):
            made = await reports_of(request).report(service, user_id, lang, request.headers.get("accept-language", ""))
        return _pdf(made, "report.pdf")  # pyright: ignore[reportReturnType]  described for JSON, sent as PDF
    if format == "csv":
        downloads_of(request).check(caller_of(request.scope))
        await service.learners.progress(user_id)
        return _csv(request, service, user_id)  # pyright: ignore[reportReturnType]  described for JSON, streamed for CSV
    return enveloped(request, envelope, await service.learners.export(user_id, language_asked(request.scope, service)))


@get(
    "/api/progress/review/{user_id:path}",
    access=own("/review/", tail=ANY_SEGMENT),
    in_path=("userId", "year"),
    together=(lang_of_pdf,),
    summary="A learner's year in review",
    tags=["learners"],
)
async def year_review(
    request: Request[Any, Any, Any],
    service: NamedDependency[Service],
    user_id: UserId,
    format: Annotated[  # noqa: A002  the wire's name
        Literal["json", "pdf"], QueryParameter(description="json (default) or pdf.")
    ] = "json",
    lang: Lang = None,
) -> Review:
    """A learner's year, by their own days. The path ends with the year: `/api/progress/review/ada/2026`."""
    user_id = user_id_in(request.scope, "/review/", tail=ANY_SEGMENT)
    year = check_year(last_segment(request.scope, "year"))
    if format == "pdf":
        async with _documents_of(request).making(caller_of(request.scope)):
            made = await reports_of(request).review(
                service, user_id, year, lang, request.headers.get("accept-language", "")
            )
        return _pdf(made, f"{year}.pdf")  # pyright: ignore[reportReturnType]  described for JSON, sent as PDF
    return in_language(request.scope, service, await service.learners.review(user_id, year))


class Reports(Protocol):
    """Makes the PDF documents. Raises UnknownUser, StoreError, InvalidQuery; SettingsError if PDFs are not
    available."""

    async def report(self, service: Service, user_id: str, asked: str | None, accepted: str) -> bytes:
        """A learner's report, in the requested or an accepted language."""
        ...

    async def review(self, service: Service, user_id: str, year: int, asked: str | None, accepted: str) -> bytes:
        """A learner's year."""
        ...


def reports_of(request: Request[Any, Any, Any]) -> Reports:
    """The maker of the documents, from the application that serves `request`."""
    return request.app.state.reports


def downloads_of(request: Request[Any, Any, Any]) -> ConcurrencyLimit:
    """The limit of simultaneous downloads, from the application that serves `request`."""
    return request.app.state.downloads


def _documents_of(request: Request[Any, Any, Any]) -> ConcurrencyLimit:
    return request.app.state.documents


def _pdf(document: bytes, name: str) -> Response[Any]:
    headers = {"Content-Type": "application/pdf", "Content-Disposition": f'inline; filename="{name}"'}
    return Response(document, headers=headers)


def _csv(request: Request[Any, Any, Any], service: Service, user_id: str) -> Response[Any]:
    # One more column if the rulebook has currencies; other rulebooks keep the earlier columns.
    has_currencies = bool(service.rulebook.currencies)
    pieces = _csv_pieces(service.learners.events(user_id), has_currencies=has_currencies)
    # Set as a header: the route's own media type would override the response's.
    headers = {"Content-Type": CSV_TYPE, "Content-Disposition": 'attachment; filename="events.csv"'}
    return downloads_of(request).stream(caller_of(request.scope), pieces, headers)


async def _csv_pieces(events: AsyncIterator[EventView], *, has_currencies: bool) -> AsyncIterator[bytes]:
    piece, size = [_line((*COLUMNS, "currencies") if has_currencies else COLUMNS)], 0
    async for event in events:
        row = _row(event)
        if has_currencies:
            row.append(msgspec.json.encode(event.currencies or {}).decode())
        piece.append(_line(row))
        size += len(piece[-1])
        if size >= _PIECE:
            yield "".join(piece).encode()
            piece, size = [], 0
    yield "".join(piece).encode()


def _line(cells: Iterable[object]) -> str:
    """A line as the module csv writes it. That module looks at each character, which is most of the time of large
    events."""
    return ",".join(map(_cell, cells)) + "\r\n"


def _cell(value: object) -> str:
    text = str(value)
    return '"' + text.replace('"', '""') + '"' if _IS_QUOTED(text) else text


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
        event.boost.boost_id if event.boost else "",
    ]


# Includes the full-width forms: some spreadsheets treat them like the plain ones.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")


def _inert(text: str) -> str:
    """A cell that no spreadsheet runs as a formula: it would otherwise run text that a learner wrote."""
    return f"'{text}" if text.startswith(_FORMULA) else text
