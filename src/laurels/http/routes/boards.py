"""The boards and the catalogue of badges."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from litestar import Request, Response, get
from litestar.di import NamedDependency
from litestar.params import QueryParameter
from litestar.types import HTTPScope, Receive

from laurels.application.queries.badges import catalogue
from laurels.application.queries.board_views import Leaderboard
from laurels.application.queries.boards.leaderboards import MAX_LIMIT
from laurels.application.queries.boards.shown_pages import ShownPage
from laurels.application.service import Service
from laurels.domain.periods import Timeframe
from laurels.errors import InvalidQuery
from laurels.http.auth.access import BADGES, BOARDS, check_about, check_friends
from laurels.http.server.body_limits import BodyLimits
from laurels.http.server.fast_path import JSON
from laurels.http.server.routing import Answer
from laurels.http.wire.accept_language import in_language
from laurels.http.wire.bodies import header, user_ids_in
from laurels.http.wire.envelopes import Envelope, enveloped
from laurels.http.wire.parameter_combinations import excludes, period_of_timeframe, top_by_total
from laurels.http.wire.schemas import BadgeCatalogue

_AT_A_GLANCE = re.compile(rb"[A-Za-z0-9-]+").fullmatch
_LIMIT = re.compile("[1-9][0-9]{0,2}").fullmatch
_TIMEFRAMES = frozenset(Timeframe)
# The parameters of the top of a board; with any other one the framework reads the query.
_PLAIN = frozenset({b"timeframe", b"period", b"limit", b"language", b"currency"})


async def answer_board(scope: HTTPScope, _receive: Receive, service: Service, _limits: BodyLimits) -> Answer | None:
    """The fast path of `leaderboard`, for the top of a board."""
    asked: dict[bytes, str] = {}
    for part in scope["query_string"].split(b"&") if scope["query_string"] else ():
        name, _, value = part.partition(b"=")
        if name not in _PLAIN or name in asked or not _AT_A_GLANCE(value):
            return None
        asked[name] = value.decode("ascii")
    limit, timeframe = asked.get(b"limit", "10"), asked.get(b"timeframe")
    if _LIMIT(limit) is None or not (timeframe is None or timeframe in _TIMEFRAMES):
        return None
    try:
        page = await service.leaderboards.top(
            None if timeframe is None else Timeframe(timeframe),
            period=asked.get(b"period"),
            limit=int(limit),
            language=asked.get(b"language"),
            currency=asked.get(b"currency"),
        )
    except InvalidQuery:
        # The normal path names everything that is wrong.
        return None
    return _answer(scope, page)


@get(
    "/api/progress/leaderboard",
    access=BOARDS,
    short=answer_board,
    reads_query=True,
    together=(
        excludes("cursor", "around"),
        excludes("users", "cursor", "around"),
        excludes("currency", "language"),
        top_by_total,
        period_of_timeframe,
    ),
    summary="A leaderboard",
    tags=["boards"],
)
async def leaderboard(
    request: Request[Any, Any, Any],
    service: NamedDependency[Service],
    *,
    timeframe: Annotated[Timeframe | None, QueryParameter(description="Which board; default all-time.")] = None,
    limit: Annotated[
        int,
        QueryParameter(description="How many lines, 1 to 100; of `users` all of them by default.", ge=1, le=MAX_LIMIT),
    ] = 10,
    cursor: Annotated[str | None, QueryParameter(description="`next` of the page before.")] = None,
    around: Annotated[str | None, QueryParameter(description="A user id to have in the middle of the page.")] = None,
    period: Annotated[
        str | None, QueryParameter(description="A period by name: all, 2026-11, 2026-W47 or 2026-11-23.")
    ] = None,
    users: Annotated[
        str | None,
        QueryParameter(description="Up to 200 user ids with commas between them, to be ranked among themselves."),
    ] = None,
    language: Annotated[
        str | None, QueryParameter(description="A board of one language, where the rulebook keeps them.")
    ] = None,
    currency: Annotated[
        str | None,
        QueryParameter(description="A board of what was earned of a currency, where the rulebook has one."),
    ] = None,
    sort: Annotated[
        Literal["points", "total"],
        QueryParameter(description="total: by `totalPoints`, the top alone; default: by the `points` of the period."),
    ] = "points",
    envelope: Envelope = None,
) -> Leaderboard:
    """A page of a board. `points` were earned in the period, `totalPoints` ever; equal points share a rank."""
    if users is not None:
        named = user_ids_in(users)
        check_friends(request.scope)
        most = limit if "limit" in request.query_params else None
        ranked = await service.leaderboards.among(
            named, timeframe, period=period, limit=most, language=language, currency=currency
        )
        return enveloped(request, envelope, ranked, only="leaderboard")
    if around is not None:
        check_about(request.scope, around)
    if sort == "total":
        top = await service.leaderboards.by_total(
            timeframe, period=period, limit=limit, language=language, currency=currency
        )
        return enveloped(request, envelope, top, only="leaderboard")
    if (envelope or request.app.state.envelope) == "flat" and cursor is None and around is None:
        top = await service.leaderboards.top(
            timeframe, period=period, limit=limit, language=language, currency=currency
        )
        status, headers, body = _answer(request.scope, top)
        sent = {name.decode(): value.decode() for name, value in headers}
        return Response(body, status_code=status, headers=sent)  # pyright: ignore[reportReturnType]  as described
    page = await service.leaderboards.page(
        timeframe, period=period, limit=limit, cursor=cursor, around=around, language=language, currency=currency
    )
    return enveloped(request, envelope, page, only="leaderboard")


def _answer(scope: HTTPScope, page: ShownPage) -> Answer:
    """The page, or that the caller's copy is still current (304)."""
    if not page.tag:
        return 200, JSON, page.body
    # Cached by the caller alone, since keys decide who may see it, and revalidated before each use.
    headers = [(b"etag", b'"%b"' % page.tag.encode()), (b"cache-control", b"private, no-cache")]
    if page.tag in header(scope, b"if-none-match", ""):
        return 304, headers, b""
    return 200, [*JSON, *headers], page.body


@get("/api/badges", access=BADGES, summary="All badges", tags=["badges"])
async def badge_catalogue(request: Request[Any, Any, Any], service: NamedDependency[Service]) -> BadgeCatalogue:
    """Every badge that can be earned, with its criterion as data; a hidden badge shows little more than that it
    exists."""
    badges = catalogue(service.rulebook, await service.rarity.shares())
    return in_language(request.scope, service, BadgeCatalogue(badges=badges, total=len(badges)))
