"""Methods that work the same everywhere: HEAD for each GET, OPTIONS, and the refusal of methods that an address
lacks, and of paths that have no address."""

from __future__ import annotations

from contextlib import suppress

from litestar.exceptions import NotFoundException
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from laurels.http.server.routing import address_of
from laurels.http.wire.http_error import HttpError


class _HeadIsSent(BaseException):
    """The answer to a HEAD is complete; the code that makes its body can stop."""


class Methods:
    """Passes the methods of the routes on to `app`, HEAD as GET."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        assert scope["type"] == "http"  # noqa: S101  nothing else comes here
        address, method = address_of(scope), scope["method"]
        if address is None:
            # The framework drops empty segments: it would find a route for `/stream//leaderboard`, whose declarations
            # the layers around it do not know. The stream would hold a place of all requests for as long as it lasts.
            raise NotFoundException
        if method != "HEAD" and method in address.routes:
            await self._app(scope, receive, send)
        elif method == "HEAD" and "GET" in address.routes:
            await self._head({**scope, "method": "GET"}, receive, send)
        elif method == "OPTIONS":
            await send({"type": "http.response.start", "status": 204, "headers": [(b"allow", address.allow.encode())]})
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        else:
            detail = f"This address does not take that method; it takes {address.allow}."
            raise HttpError(405, detail, headers={"Allow": address.allow})

    async def _head(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def answer(message: Message) -> None:
            if message["type"] != "http.response.start":
                return
            await send(message)
            await send({"type": "http.response.body", "body": b"", "more_body": False})
            raise _HeadIsSent

        with suppress(_HeadIsSent):
            await self._app(scope, receive, answer)
