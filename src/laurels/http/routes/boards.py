"""The boards and the catalogue of badges."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from litestar import Request, get
from litestar.di import NamedDependency
from litestar.params import QueryParameter

from laurels.application.queries.badges import catalogue
from laurels.application.queries.views import Leaderboard
from laurels.application.service import Service
from laurels.domain.periods import Timeframe
from laurels.errors import InvalidQuery
from laurels.http.auth.access import BADGES, BOARDS, check_about, check_friends
from laurels.http.wire.bodies import user_ids_in
from laurels.http.wire.envelopes import Envelope, enveloped
from laurels.http.wire.schemas import BadgeCatalogue


@get("/api/progress/leaderboard", access=BOARDS, summary="A leaderboard", tags=["boards"])
async def leaderboard(
    request: Request[Any, Any, Any],
    service: NamedDependency[Service],
    *,
    timeframe: Annotated[Timeframe | None, QueryParameter(description="Which board; default all-time.")] = None,
    limit: Annotated[int, QueryParameter(description="How many lines, 1 to 100.")] = 10,
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
    sort: Annotated[
        Literal["points", "total"],
        QueryParameter(description="total: by `totalPoints`, the top alone; default: by the `points` of the period."),
    ] = "points",
    envelope: Envelope = None,
) -> Leaderboard:
    """A page of a board. `points` were earned in the period, `totalPoints` ever; equal points share a rank."""
    if sort == "total" and (cursor, around, users) != (None, None, None):
        raise InvalidQuery("sort", "With total only the top can be asked for: without 'cursor', 'around' and 'users'.")
    if users is not None:
        if cursor is not None or around is not None:
            raise InvalidQuery("users", "Cannot be combined with 'cursor' or 'around'.")
        named = user_ids_in(users)
        check_friends(request.scope)
        ranked = await service.leaderboards.among(named, timeframe, period=period, language=language)
        return enveloped(request, envelope, ranked, only="leaderboard")
    if around is not None:
        check_about(request.scope, around)
    if sort == "total":
        top = await service.leaderboards.by_total(timeframe, period=period, limit=limit, language=language)
        return enveloped(request, envelope, top, only="leaderboard")
    page = await service.leaderboards.page(
        timeframe, period=period, limit=limit, cursor=cursor, around=around, language=language
    )
    return enveloped(request, envelope, page, only="leaderboard")


@get("/api/badges", access=BADGES, summary="All badges", tags=["badges"])
async def badge_catalogue(service: NamedDependency[Service]) -> BadgeCatalogue:
    """Every badge that can be earned, with its criterion as data."""
    badges = catalogue(service.rulebook)
    return BadgeCatalogue(badges=badges, total=len(badges))
