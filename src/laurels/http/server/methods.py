"""Methods that work the same everywhere: HEAD for each GET, OPTIONS, and the refusal of methods that an address
lacks, of paths that have no address, and of paths and queries that are too long."""

from __future__ import annotations

from contextlib import suppress

from litestar.exceptions import NotFoundException
from litestar.types import ASGIApp, HTTPScope, Message, Receive, Scope, Send

from laurels.errors import InvalidQuery
from laurels.http.auth.access import caller_of
from laurels.http.server.query_caches import count_query
from laurels.http.server.routing import address_of, route_of
from laurels.http.wire.http_error import HttpError
from laurels.http.wire.query_parameters import MAX_PARAMETERS

# The framework caches the last 1,024 paths and queries of all senders. A query of 32 KB with thousands of parameters
# can take more than a megabyte there. No address with its ids is as long as this; in characters.
LONGEST_PATH = 2_000
# Bytes. Only a list of users is longer, and it takes a key or a token.
LONGEST_QUERY = 4_096


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
        if len(scope["path"]) > LONGEST_PATH:
            raise NotFoundException
        if scope["query_string"]:
            _check_query(scope)
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


def _check_query(scope: HTTPScope) -> None:
    """Raise InvalidQuery for a query that would take too much memory; of the API `check_request` finds what else is
    wrong."""
    query, route = scope["query_string"], route_of(scope)
    if route is None:
        return
    if route.query is None and query.count(b"&") >= MAX_PARAMETERS:
        raise InvalidQuery("query", f"Must have at most {MAX_PARAMETERS} parameters.")
    if len(query) > LONGEST_QUERY and caller_of(scope).is_anonymous:
        raise InvalidQuery("query", f"Must have at most {LONGEST_QUERY} bytes without a key or token.")
    count_query(query)
