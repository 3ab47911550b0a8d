"""CORS: the pages of other origins that may call from a browser, as the framework's configuration allows.

The framework's own layer would be inside it, and would not see refusals of the guard and the fast path.
"""

from __future__ import annotations

from litestar.config.cors import CORSConfig
from litestar.types import ASGIApp, HTTPScope, Message, Receive, Scope, Send

from laurels.http.wire.bodies import header

_METHODS = ("GET", "POST", "PUT", "DELETE")
_SENT = ("authorization", "content-type", "last-event-id", "x-request-id")
_EXPOSED = (
    # For clients whose own clock is wrong.
    "date",
    "idempotent-replayed",
    "ratelimit-limit",
    "ratelimit-remaining",
    "ratelimit-reset",
    "retry-after",
    "x-request-id",
)


def origins_allowed(origins: tuple[str, ...]) -> CORSConfig:
    """The configuration for a list of origins."""
    return CORSConfig(
        allow_origins=list(origins),
        allow_methods=list(_METHODS),
        allow_headers=list(_SENT),
        expose_headers=list(_EXPOSED),
    )


class Cors:
    """Answers the preflights of browsers, and tells them which answers of `app` a page may see."""

    def __init__(self, app: ASGIApp, config: CORSConfig) -> None:
        self._app = app
        self._config = config
        self._headers = [
            (name.lower().encode(), value.encode())
            for name, value in {**config.preflight_headers, **config.simple_headers}.items()
            if name.lower() not in ("vary", "access-control-allow-origin")
        ]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        assert scope["type"] == "http"  # noqa: S101  nothing else comes here
        origin = header(scope, b"origin", "")
        if not origin:
            await self._app(scope, receive, send)
            return
        headers = self._headers_for(origin)
        if _is_preflight(scope):
            await send({"type": "http.response.start", "status": 204, "headers": headers})
            await send({"type": "http.response.body", "body": b"", "more_body": False})
            return

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), *headers]
            await send(message)

        await self._app(scope, receive, answer)

    def _headers_for(self, origin: str) -> list[tuple[bytes, bytes]]:
        if not self._config.is_origin_allowed(origin):
            return [(b"vary", b"Origin")]
        allowed = (b"access-control-allow-origin", origin.encode("latin-1"))
        return [(b"vary", b"Origin"), allowed, *self._headers]


def _is_preflight(scope: HTTPScope) -> bool:
    return scope["method"] == "OPTIONS" and header(scope, b"access-control-request-method", "") != ""
