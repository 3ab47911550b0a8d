"""The fast path of the most frequent requests: from the raw messages to the answer, bypassing the framework.

The framework spends more on routing, injecting and wrapping such a request than everything else costs (docs/decisions
has the figures). A route declares its short handler beside the normal one. The short handler answers requests without a
query, or with a simple one, and a test compares the two.
"""

from __future__ import annotations

from typing import Any

import msgspec
from litestar.types import ASGIApp, Receive, Scope, Send

from laurels.application.service import Service
from laurels.http.auth.access import check
from laurels.http.server.body_limits import BodyLimits
from laurels.http.server.routing import Answer, Headers, route_of

JSON: Headers = [(b"content-type", b"application/json")]

_encode = msgspec.json.Encoder().encode


def json_answer(value: Any, status: int = 200, headers: Headers = JSON) -> Answer:
    """An answer with a document; `headers` name its type."""
    return status, headers, _encode(value)


class FastPath:
    """Answers requests that have a short handler; `app`, the framework, answers the rest."""

    def __init__(self, app: ASGIApp, service: Service, limits: BodyLimits) -> None:
        self._app = app
        self._service = service
        self._limits = limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        assert scope["type"] == "http"  # noqa: S101  nothing else comes here
        route = route_of(scope)
        answer = None
        if route is not None and route.short is not None and (route.reads_query or not scope["query_string"]):
            check(route.access, scope)
            answer = await route.short(scope, receive, self._service, self._limits)
        if answer is None:
            await self._app(scope, receive, send)
            return
        status, headers, body = answer
        headers = [*headers, (b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body, "more_body": False})
