"""History: a learner's ledger line by line, and the state of a single event."""

from __future__ import annotations

from typing import Annotated, Any

from litestar import Request, get
from litestar.di import NamedDependency
from litestar.params import PathParameter, QueryParameter

from laurels.application.queries.learners.history import history_page
from laurels.application.service import Service
from laurels.domain.events import check_id
from laurels.errors import InvalidQuery
from laurels.http.auth.access import own
from laurels.http.routes.learners import UserId
from laurels.http.wire.accept_language import in_language
from laurels.http.wire.bodies import ANY_SEGMENT, last_segment, user_id_in
from laurels.http.wire.schemas import EventAnswer, HistoryAnswer

MAX_ENTRIES = 500


@get(
    "/api/progress/history/{user_id:path}",
    access=own("/history/"),
    summary="A learner's history",
    tags=["learners"],
)
async def user_history(
    request: Request[Any, Any, Any],
    service: NamedDependency[Service],
    user_id: UserId,
    cursor: Annotated[str | None, QueryParameter(description="`next` of the page before.")] = None,
    limit: Annotated[int, QueryParameter(description="How many lines, 1 to 500.", ge=1, le=MAX_ENTRIES)] = 50,
) -> HistoryAnswer:
    """Every line of the learner's ledger, newest first, with its reason if it has one. `points` and the points of
    `awards` of all lines add up to `totalPoints`."""
    progress = await service.learners.progress(user_id_in(request.scope, "/history/"))
    page = await history_page(service.store, service.rulebook, service.cursors, progress, cursor=cursor, limit=limit)
    return in_language(request.scope, service, HistoryAnswer(entries=page.entries, next=page.next))


@get(
    "/api/progress/events/{user_id:path}",
    access=own("/events/", tail=ANY_SEGMENT),
    in_path=("userId", "eventId"),
    summary="What became of an event",
    tags=["events"],
)
async def event_state(
    request: Request[Any, Any, Any],
    service: NamedDependency[Service],
    user_id: Annotated[str, PathParameter(description="The learner's id, a slash, and the event's id.")],
) -> EventAnswer:
    """The state of an event: recorded, with its points and badges; retracted, and why; waiting on this server's disk
    for the database (`queued`); or set aside because it could not be recorded, and why (`setAside`).

    The path ends with the learner's id, a slash and the event's id, each percent-encoded.
    """
    learner = user_id_in(request.scope, "/events/", tail=ANY_SEGMENT)
    event_id = check_id(last_segment(request.scope, "eventId"), "eventId", InvalidQuery)
    state = await service.event_state(learner, event_id)
    answer = EventAnswer(status=state.status, event=state.event, new_badges=state.new_badges, reason=state.reason)
    return in_language(request.scope, service, answer)


ROUTES = (user_history, event_state)
