"""The shortest way for the requests that come most: recording one event, a dashboard, a rank.

The framework spends more on routing, injecting and wrapping such a request than all else that happens to it. Here
they are answered from the raw ASGI messages, by the same functions as in `routes/`; those routes describe the
addresses, and answer where this way is passed by (with a query, say). A test holds the two together.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

import msgspec
from litestar import Request
from litestar.exceptions import HTTPException
from litestar.types import HTTPScope, Receive, Send

from laurels.application.recording.commands import Queued
from laurels.application.service import Service
from laurels.errors import LaurelsError
from laurels.http.auth.access import WRITE_EVENTS, check, own
from laurels.http.routes.events import REPLAYED, receive_event
from laurels.http.server.limits import Limits
from laurels.http.wire.bodies import user_id_in
from laurels.http.wire.problems import on_fault, on_http_exception, on_laurels_error

EVENT = "/api/progress/event"
DASHBOARD = "/api/progress/dashboard/"
RANK = "/api/progress/rank/"

Headers = list[tuple[bytes, bytes]]
Answer = tuple[int, Headers, bytes]
Handler = Callable[[HTTPScope, Receive], Coroutine[Any, Any, Answer]]

_DASHBOARD = own("/dashboard/")
_RANK = own("/rank/")

_TYPE = (b"content-type", b"application/json")
_REPLAYED = [(name.lower().encode(), value.encode()) for name, value in REPLAYED.items()]
_encode = msgspec.json.Encoder().encode


class DirectRoutes:
    """Answers some requests for the service that `service` gives."""

    def __init__(self, service: Callable[[], Service], limits: Limits) -> None:
        self._service = service
        self._limits = limits

    def handler(self, scope: HTTPScope) -> tuple[str, Handler] | None:
        """Who answers a request, and its address as the description names it; None: the framework does."""
        path, method = scope["path"], scope["method"]
        if method == "POST":
            return (EVENT, self._event) if path == EVENT else None
        if method != "GET" or scope["query_string"]:
            return None
        if path.startswith(DASHBOARD) and path != DASHBOARD:
            return DASHBOARD + "{user_id}", self._dashboard
        if path.startswith(RANK) and path != RANK:
            return RANK + "{user_id}", self._rank
        return None

    async def answer(self, template: str, handler: Handler, scope: HTTPScope, receive: Receive, send: Send) -> None:
        """Answer a request, with the error's own document where the handler raises one."""
        try:
            status, headers, body = await handler(scope, receive)
        except Exception as error:
            await _refuse(template, error, scope, receive, send)
            return
        headers.append((b"content-length", b"%d" % len(body)))
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body, "more_body": False})

    async def _event(self, scope: HTTPScope, receive: Receive) -> Answer:
        service = self._service()
        check(WRITE_EVENTS, scope)
        recorded = await receive_event(scope, receive, service, self._limits)
        if isinstance(recorded, Queued):
            return 202, [_TYPE], _encode(service.learners.queued(recorded))
        body = _encode(service.learners.recorded(recorded))
        if recorded.is_replay:
            return 200, [_TYPE, *_REPLAYED], body
        return 201, [_TYPE], body

    async def _dashboard(self, scope: HTTPScope, _receive: Receive) -> Answer:
        check(_DASHBOARD, scope)
        dashboard = await self._service().learners.dashboard(user_id_in(scope, "/dashboard/"))
        return 200, [_TYPE], _encode(dashboard)

    async def _rank(self, scope: HTTPScope, _receive: Receive) -> Answer:
        check(_RANK, scope)
        rank = await self._service().leaderboards.rank(user_id_in(scope, "/rank/"))
        return 200, [_TYPE], _encode(rank)


async def _refuse(template: str, error: Exception, scope: HTTPScope, receive: Receive, send: Send) -> None:
    scope["path_template"] = template
    request = Request[Any, Any, Any](scope, receive, send)
    match error:
        case LaurelsError():
            response = on_laurels_error(request, error)
        case HTTPException():
            response = on_http_exception(request, error)
        case _:
            response = on_fault(request, error)
    answer = response.to_asgi_response(None, request)  # pyright: ignore[reportUnknownMemberType]
    await answer(scope, receive, send)
