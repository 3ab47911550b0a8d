"""What every request passes first and every answer last: who calls, how often, how long, and the headers that tell
browsers to be careful.

Written on the raw ASGI messages around the application, so that the direct routes have it, too.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from typing import Any

from litestar import Request
from litestar.exceptions import HTTPException
from litestar.types import HTTPScope, Message, Receive, Send
from msgspec import Struct

from laurels.application.access.rate_limiter import Left, RateLimiter
from laurels.application.ports.keys import Bucket
from laurels.errors import LaurelsError
from laurels.http.auth.access import Caller
from laurels.http.auth.identity import Identity, WrongCredentials
from laurels.http.server.deadlines import Deadlines
from laurels.http.wire.bodies import BODY_IS_READ, header
from laurels.http.wire.problems import on_http_exception, on_laurels_error
from laurels.http.wire.refusal import Refusal

Headers = list[tuple[bytes, bytes]]
Inner = Callable[[HTTPScope, Receive, Send], Awaitable[None]]

_COMMON: Headers = [
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-frame-options", b"DENY"),
]
_API: Headers = [
    *_COMMON,
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"cache-control", b"no-store"),
]
_PAGE: Headers = [
    *_COMMON,
    (
        b"content-security-policy",
        b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
        b"connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    ),
]
_OPTIONAL = frozenset({b"content-security-policy", b"x-frame-options", b"cache-control"})
_NOBODY = Caller()
_CORS_METHODS = b"GET, POST, PUT, DELETE"
_CORS_HEADERS = b"authorization, content-type, last-event-id, x-request-id"
# `date` is there for clients whose own clock is wrong.
_CORS_EXPOSED = (
    b"date, idempotent-replayed, ratelimit-limit, ratelimit-remaining, ratelimit-reset, retry-after, x-request-id"
)


class Rates(Struct, frozen=True):
    """Requests a minute: of one key, of one end user, of one address without either, and failures of authentication
    of one address. None: no limit."""

    key: Bucket | None
    user: Bucket | None
    address: Bucket | None
    failures: Bucket | None


class EdgeRules(Struct, frozen=True):
    """`requests`: how many are worked on at once. `seconds`: how long one may take until its answer begins. `origins`:
    whose pages may call from a browser."""

    rates: Rates
    requests: int
    seconds: float
    origins: frozenset[str]


class Edge:
    """Surrounds an application whose service runs."""

    def __init__(self, rules: EdgeRules, identity: Identity, meters: RateLimiter) -> None:
        self._rules = rules
        self.identity = identity
        self.meters = meters
        self._deadlines = Deadlines(rules.seconds)
        self.under_way = 0
        self.shed = 0

    async def __call__(self, scope: HTTPScope, receive: Receive, send: Send, inner: Inner) -> None:
        """Answer a request by `inner`, or refuse it."""
        path = scope["path"]
        state: dict[str, Any] = scope.setdefault("state", {})  # pyright: ignore[reportUnknownMemberType]
        headers = list(_API if path.startswith(("/api", "/health", "/openapi")) else _PAGE)
        origin = header(scope, b"origin", "") if self._rules.origins else ""
        if origin:
            headers += self._cors(origin)
        has_begun = holds_place = False

        async def answer(message: Message) -> None:
            nonlocal has_begun, holds_place
            if message["type"] == "http.response.start":
                has_begun = True
                self._deadlines.end(deadline)
                given = list(message.get("headers", ()))
                # A page that may stand in a frame, or a picture with its own style, says its own rules. An empty one
                # takes a rule away.
                stated = {name.lower() for name, _ in given}
                message["headers"] = [
                    *((name, value) for name, value in given if value or name not in _OPTIONAL),
                    *(header for header in headers if header[0] not in stated or header[0] not in _OPTIONAL),
                ]
                if holds_place and "/stream" in path:
                    # Streams have a limit of their own.
                    holds_place = False
                    self.under_way -= 1
            await send(message)

        deadline = self._deadlines.begin()
        try:
            try:
                if origin and scope["method"] == "OPTIONS":
                    await _preflight(answer)
                    return
                if self.under_way >= self._rules.requests:
                    self.shed += 1
                    raise Refusal(503, "The server has as much to do as it takes; try again in a moment.")
                holds_place = True
                self.under_way += 1
                # Whether it lives is told to whoever asks, and while no keys are known.
                caller = _NOBODY if path.startswith("/health/") else await self._identify(scope)
                state["caller"], state["key_id"] = caller, caller.key
                if (left := await self._take(scope, caller)) is not None:
                    headers += _rate_headers(left)
                    if left.retry_after:
                        raise _too_many("Too many requests; wait a moment.", left)
            except (HTTPException, LaurelsError) as error:
                await _refuse(error, scope, receive, answer)
                return
            await inner(scope, receive, answer)
        except asyncio.CancelledError:
            # Somebody else may have cancelled it as well, such as a server that stops.
            if not deadline.passed or deadline.task.uncancel() or has_begun:
                raise
            seconds = self._rules.seconds
            error = (
                Refusal(503, f"The request was not carried out within {seconds:g} seconds; try again.")
                if scope["method"] in ("GET", "HEAD") or BODY_IS_READ in state
                else Refusal(408, f"The body did not arrive within {seconds:g} seconds.")
            )
            await _refuse(error, scope, receive, answer, closing=True)
        finally:
            self._deadlines.end(deadline)
            if holds_place:
                self.under_way -= 1

    def close(self) -> None:
        """Limit nothing any more."""
        self._deadlines.close()

    async def _identify(self, scope: HTTPScope) -> Caller:
        try:
            return await self.identity.of(scope)
        except WrongCredentials:
            bucket = self._rules.rates.failures
            if bucket is not None:
                left = await self.meters.take(_of_address("failures", scope), bucket)
                if left.retry_after:
                    detail = "Too many wrong keys or tokens from this address; wait a moment."
                    raise _too_many(detail, left) from None
            raise

    async def _take(self, scope: HTTPScope, caller: Caller) -> Left | None:
        rates = self._rules.rates
        if caller.key is not None:
            return None if rates.key is None else await self.meters.take(f"key:{caller.key}", rates.key)
        if caller.user_id is not None:
            return None if rates.user is None else await self.meters.take(_hashed("user", caller.user_id), rates.user)
        if not caller.is_anonymous or rates.address is None or caller is _NOBODY:
            return None
        return await self.meters.take(_of_address("address", scope), rates.address)

    def _cors(self, origin: str) -> Headers:
        headers = [(b"vary", b"Origin")]
        if origin in self._rules.origins:
            headers += [
                (b"access-control-allow-origin", origin.encode("latin-1")),
                (b"access-control-allow-methods", _CORS_METHODS),
                (b"access-control-allow-headers", _CORS_HEADERS),
                (b"access-control-expose-headers", _CORS_EXPOSED),
                (b"access-control-max-age", b"600"),
            ]
        return headers


def _too_many(detail: str, left: Left) -> Refusal:
    return Refusal(429, detail, headers={"Retry-After": str(left.retry_after)})


def _rate_headers(left: Left) -> Headers:
    return [
        (b"ratelimit-limit", b"%d" % left.limit),
        (b"ratelimit-remaining", b"%d" % left.remaining),
        (b"ratelimit-reset", b"%d" % left.reset),
    ]


def _of_address(kind: str, scope: HTTPScope) -> str:
    client = scope["client"]
    return _hashed(kind, "" if client is None else client[0])


def _hashed(kind: str, name: str) -> str:
    # Buckets are kept in the database: it need not learn who came from where.
    return f"{kind}:{hashlib.sha256(name.encode()).hexdigest()[:32]}"


async def _preflight(send: Send) -> None:
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _refuse(
    error: HTTPException | LaurelsError, scope: HTTPScope, receive: Receive, send: Send, *, closing: bool = False
) -> None:
    request = Request[Any, Any, Any](scope, receive, send)
    response = (
        on_laurels_error(request, error) if isinstance(error, LaurelsError) else on_http_exception(request, error)
    )
    if closing:
        response.headers["Connection"] = "close"
    answer = response.to_asgi_response(None, request)  # pyright: ignore[reportUnknownMemberType]
    await answer(scope, receive, send)
