"""One learner's progress: dashboard, badges, activity, rank."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from litestar import Request, get
from litestar.di import NamedDependency
from litestar.params import PathParameter, QueryParameter
from litestar.types import HTTPScope, Receive

from laurels.application.queries.board_views import Rank
from laurels.application.queries.views import (
    Activity,
    Dashboard,
    Goals,
)
from laurels.application.service import Service
from laurels.domain.periods import Timeframe, parse_day, to_ms
from laurels.http.auth.access import own
from laurels.http.server.body_limits import BodyLimits
from laurels.http.server.fast_path import json_answer
from laurels.http.server.routing import Answer
from laurels.http.wire.accept_language import in_language
from laurels.http.wire.bodies import user_id_in
from laurels.http.wire.envelopes import Envelope, enveloped
from laurels.http.wire.parameter_combinations import days_in_order, excludes, period_of_timeframe
from laurels.http.wire.schemas import UserBadges

UserId = Annotated[str, PathParameter(description="The learner's id, percent-encoded.")]


async def answer_dashboard(scope: HTTPScope, _receive: Receive, service: Service, _limits: BodyLimits) -> Answer:
    """The fast path of `dashboard`."""
    shown = await service.learners.dashboard(user_id_in(scope, "/dashboard/"))
    return json_answer(in_language(scope, service, shown))


async def answer_rank(scope: HTTPScope, _receive: Receive, service: Service, _limits: BodyLimits) -> Answer:
    """The fast path of `rank`."""
    return json_answer(await service.leaderboards.rank(user_id_in(scope, "/rank/")))


@get(
    "/api/progress/dashboard/{user_id:path}",
    access=own("/dashboard/"),
    short=answer_dashboard,
    summary="A learner's dashboard",
    tags=["learners"],
)
async def dashboard(
    request: Request[Any, Any, Any],
    service: NamedDependency[Service],
    user_id: UserId,
    since: Annotated[
        datetime | None,
        QueryParameter(description="Badges earned from then on count as new; default: 24 hours ago."),
    ] = None,
    envelope: Envelope = None,
) -> Dashboard:
    """Totals, level, streaks, languages, badges held and the five nearest ones."""
    user_id = user_id_in(request.scope, "/dashboard/")
    shown = await service.learners.dashboard(user_id, since=None if since is None else to_ms(since))
    return enveloped(request, envelope, in_language(request.scope, service, shown))


@get(
    "/api/progress/badges/{user_id:path}",
    access=own("/badges/"),
    summary="A learner's badges",
    tags=["learners"],
)
async def badges(request: Request[Any, Any, Any], service: NamedDependency[Service], user_id: UserId) -> UserBadges:
    """Every badge of the rulebook, held or open, with the learner's progress towards it."""
    shares = await service.rarity.shares()
    known = await service.learners.known(user_id_in(request.scope, "/badges/"))
    shown = UserBadges(stale=known.stale, badges=service.learners.badges_of(known.progress, shares))
    return in_language(request.scope, service, shown)


@get(
    "/api/progress/activity/{user_id:path}",
    access=own("/activity/"),
    together=(days_in_order,),
    summary="A learner's activity by day",
    tags=["learners"],
)
async def activity(
    request: Request[Any, Any, Any],
    service: NamedDependency[Service],
    user_id: UserId,
    first: Annotated[
        str | None, QueryParameter(name="from", description="First local day, 2026-01-01; default: a year.")
    ] = None,
    last: Annotated[
        str | None, QueryParameter(name="to", description="Last local day, 2026-12-31; default: today.")
    ] = None,
) -> Activity:
    """Events and their points on each local day with activity; the range spans at most 3,660 days."""
    return await service.learners.activity(
        user_id_in(request.scope, "/activity/"),
        first=None if first is None else parse_day(first, "from"),
        last=None if last is None else parse_day(last, "to"),
    )


@get(
    "/api/progress/goals/{user_id:path}",
    access=own("/goals/"),
    summary="A learner's goals",
    tags=["learners"],
)
async def goals(request: Request[Any, Any, Any], service: NamedDependency[Service], user_id: UserId) -> Goals:
    """The goals that the learner has or had (events or points in each day or week), how they stand, and whether they
    were met before. They are set as `goals` of the profile."""
    return await service.learners.goals(user_id_in(request.scope, "/goals/"))


@get(
    "/api/progress/rank/{user_id:path}",
    access=own("/rank/"),
    short=answer_rank,
    together=(excludes("currency", "language"), period_of_timeframe),
    summary="A learner's rank",
    tags=["boards"],
)
async def rank(
    request: Request[Any, Any, Any],
    service: NamedDependency[Service],
    user_id: UserId,
    timeframe: Annotated[Timeframe | None, QueryParameter(description="Which board; default all-time.")] = None,
    period: Annotated[str | None, QueryParameter(description="A period by name, such as 2026-W47.")] = None,
    language: Annotated[
        str | None, QueryParameter(description="A board of one language, where the rulebook keeps them.")
    ] = None,
    currency: Annotated[
        str | None,
        QueryParameter(description="A board of what was earned of a currency, where the rulebook has one."),
    ] = None,
) -> Rank:
    """The learner's place on a board. `rank` is null for a learner without an event in the period."""
    return await service.leaderboards.rank(
        user_id_in(request.scope, "/rank/"), timeframe, period=period, language=language, currency=currency
    )
