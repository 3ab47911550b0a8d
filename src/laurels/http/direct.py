"""The shortest way for the request that comes most: recording one event.

The framework spends more on routing, injecting and wrapping such a request than all else that happens to it. Here
it is answered from the raw ASGI messages, by the same functions as in `routes/events.py`; that route describes the
address, and answers where this one is passed by (with a slash at the end, say). A test holds the two together.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
from litestar import Request
from litestar.exceptions import HTTPException
from litestar.types import HTTPScope, Receive, Send

from laurels.application.commands import Queued
from laurels.application.service import Service
from laurels.errors import LaurelsError
from laurels.http.limits import Limits
from laurels.http.problems import on_fault, on_http_exception, on_laurels_error
from laurels.http.routes.events import REPLAYED, receive_event

PATH = "/api/progress/event"

Headers = list[tuple[bytes, bytes]]

_TYPE = (b"content-type", b"application/json")
_REPLAYED = [(name.lower().encode(), value.encode()) for name, value in REPLAYED.items()]
_encode = msgspec.json.Encoder().encode


class EventRoute:
    """Answers `POST /api/progress/event` for the service that `service` gives."""

    def __init__(self, service: Callable[[], Service], limits: Limits) -> None:
        self._service = service
        self._limits = limits

    async def __call__(self, scope: HTTPScope, receive: Receive, send: Send) -> None:
        headers: Headers = [_TYPE]
        try:
            service = self._service()
            recorded = await receive_event(scope, receive, service, self._limits)
            if isinstance(recorded, Queued):
                status, body = 202, _encode(service.analytics.queued(recorded))
            else:
                status = 201
                if recorded.is_replay:
                    status = 200
                    headers += _REPLAYED
                body = _encode(service.analytics.recorded(recorded))
        except Exception as error:
            await _refuse(error, scope, receive, send)
            return
        headers.append((b"content-length", b"%d" % len(body)))
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body, "more_body": False})


async def _refuse(error: Exception, scope: HTTPScope, receive: Receive, send: Send) -> None:
    scope["path_template"] = PATH
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
