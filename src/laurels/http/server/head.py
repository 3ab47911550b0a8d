"""HEAD wherever GET answers: the same status and headers, without the body.

One layer for all addresses, so that no route can forget it.
"""

from __future__ import annotations

from litestar.types import ASGIApp, HTTPDisconnectEvent, Message, Receive, Scope, Send


class Head:
    """Asks `app` as for GET and keeps the body back. A stream, which has no end of its own, is ended at its head."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        assert scope["type"] == "http"  # noqa: S101  nothing else comes here
        if scope["method"] != "HEAD":
            await self._app(scope, receive, send)
            return
        is_ended = False

        async def head_only(message: Message) -> None:
            nonlocal is_ended
            if message["type"] == "http.response.start":
                await send(message)
            elif message["type"] == "http.response.body" and not is_ended:
                is_ended = True
                await send({"type": "http.response.body", "body": b"", "more_body": False})

        await self._app({**scope, "method": "GET"}, _gone, head_only)  # type: ignore[typeddict-item]


async def _gone() -> HTTPDisconnectEvent:
    """No body comes with HEAD, and nobody waits for more than the head."""
    return {"type": "http.disconnect"}
