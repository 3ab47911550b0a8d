"""Live streams as server-sent events: one learner, and the top of a board."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from litestar import Request, Response, get
from litestar.di import NamedDependency
from litestar.params import HeaderParameter, QueryParameter

from laurels.application.live.feeds import Feed
from laurels.application.queries.boards.leaderboards import MAX_LIMIT
from laurels.application.service import Service
from laurels.domain.periods import Timeframe
from laurels.http.auth.access import BOARDS, caller_of, own
from laurels.http.auth.senders import sender_of
from laurels.http.routes.learners import UserId
from laurels.http.wire.bodies import user_id_in
from laurels.http.wire.parameter_combinations import period_of_timeframe
from laurels.http.wire.streams import EventStream, Streams

Header = Annotated[
    str | None,
    HeaderParameter(name="Last-Event-ID", description="The `id` of the last message that was got; goes on after it."),
]
Query = Annotated[
    str | None,
    QueryParameter(name="lastEventId", description="The same for a first connection, which has no such header."),
]


@get(
    "/api/progress/stream/{user_id:path}",
    access=own("/stream/"),
    is_stream=True,
    summary="What a learner does, live",
    tags=["streams"],
)
async def user_stream(
    request: Request[Any, Any, Any],
    service: NamedDependency[Service],
    user_id: UserId,
    last_event_id: Header = None,
    first_event_id: Query = None,
) -> Response[bytes]:
    """Server-sent events: each recorded event, each badge, and the learner's progress after it.

    Begins with the present `progress`, or after a given id with the messages since. A learner without entries begins at
    0.
    """
    user_id = user_id_in(request.scope, "/stream/")
    streams = streams_of(request)
    with streams.entering(request.scope) as leave:
        feed = service.live.follow_user(user_id, last_id=last_event_id or first_event_id or None)
        return _stream(request, feed, leave)


@get(
    "/api/progress/leaderboard/stream",
    access=BOARDS,
    together=(period_of_timeframe,),
    is_stream=True,
    summary="The top of a leaderboard, live",
    tags=["streams"],
)
async def leaderboard_stream(
    request: Request[Any, Any, Any],
    service: NamedDependency[Service],
    timeframe: Annotated[Timeframe | None, QueryParameter(description="Which board; default all-time.")] = None,
    period: Annotated[str | None, QueryParameter(description="A period by name, such as 2026-W47.")] = None,
    limit: Annotated[int, QueryParameter(description="How many lines, 1 to 100.", ge=1, le=MAX_LIMIT)] = 10,
    last_event_id: Header = None,
    first_event_id: Query = None,
) -> Response[bytes]:
    """Server-sent events: the whole visible top, at first and after each change, at most four times a second.

    After a given id, the first message comes when the top differs from the one with that id.
    """
    streams = streams_of(request)
    with streams.entering(request.scope) as leave:
        feed = await service.live.follow_board(
            timeframe,
            period=period,
            limit=limit,
            last_id=last_event_id or first_event_id,
            follower=sender_of(request.scope),
        )
        return _stream(request, feed, leave)


def _stream(request: Request[Any, Any, Any], feed: Feed, leave: Callable[[], None]) -> EventStream:
    is_still_valid = caller_of(request.scope).is_still_valid
    return EventStream(feed, leave, heartbeat=streams_of(request).limits.heartbeat, is_still_valid=is_still_valid)


def streams_of(request: Request[Any, Any, Any]) -> Streams:
    """The streams of the application that serves `request`."""
    return request.app.state.streams
