"""The guard in front of the routes: who sends a request, and whether they have sent too many."""

from __future__ import annotations

import hashlib

from litestar.types import ASGIApp, HTTPScope, Message, Receive, Scope, Send
from msgspec import Struct

from laurels.application.access.rate_limiter import Left, RateLimiter
from laurels.application.ports.limits import Bucket
from laurels.http.auth.access import Caller
from laurels.http.auth.identity import Identity, WrongCredentials
from laurels.http.server.addresses import client_of
from laurels.http.server.routing import route_of
from laurels.http.wire.refusal import Refusal

_NOBODY = Caller()


class Rates(Struct, frozen=True):
    """Requests a minute: of one key, of one end user, of one address without either, and failures of authentication
    of one address. None: no limit."""

    key: Bucket | None = None
    user: Bucket | None = None
    address: Bucket | None = None
    failures: Bucket | None = None


class Guard:
    """Passes a request on to `app` with its caller, or refuses it."""

    def __init__(self, app: ASGIApp, *, identity: Identity, limiter: RateLimiter, rates: Rates) -> None:
        self._app = app
        self._identity = identity
        self._limiter = limiter
        self._rates = rates

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        assert scope["type"] == "http"  # noqa: S101  nothing else comes here
        route = route_of(scope)
        if route is not None and route.is_probe:
            # Anybody may ask whether it lives, also while no keys are known.
            scope["state"]["caller"] = _NOBODY
            await self._app(scope, receive, send)
            return
        caller = await self._identify(scope)
        scope["state"]["caller"], scope["state"]["key_id"] = caller, caller.key
        if (left := await self._take(scope, caller)) is None:
            await self._app(scope, receive, send)
            return
        if left.retry_after:
            raise _too_many("Too many requests; wait a moment.", left)
        headers = [(name.lower().encode(), value.encode()) for name, value in _headers_of(left).items()]

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), *headers]
            await send(message)

        await self._app(scope, receive, answer)

    async def _identify(self, scope: HTTPScope) -> Caller:
        try:
            return await self._identity.of(scope)
        except WrongCredentials:
            bucket = self._rates.failures
            if bucket is not None:
                left = await self._limiter.take(_of_address("failures", scope), bucket)
                if left.retry_after:
                    detail = "Too many wrong keys or tokens from this address; wait a moment."
                    raise _too_many(detail, left) from None
            raise

    async def _take(self, scope: HTTPScope, caller: Caller) -> Left | None:
        rates, take = self._rates, self._limiter.take
        if caller.key is not None:
            return None if rates.key is None else await take(f"key:{caller.key}", rates.key)
        if caller.user_id is not None:
            return None if rates.user is None else await take(_hashed("user", caller.user_id), rates.user)
        if not caller.is_anonymous or rates.address is None:
            return None
        return await take(_of_address("address", scope), rates.address)


def _too_many(detail: str, left: Left) -> Refusal:
    return Refusal(429, detail, headers={"Retry-After": str(left.retry_after), **_headers_of(left)})


def _headers_of(left: Left) -> dict[str, str]:
    return {
        "RateLimit-Limit": str(left.limit),
        "RateLimit-Remaining": str(left.remaining),
        "RateLimit-Reset": str(left.reset),
    }


def _of_address(kind: str, scope: HTTPScope) -> str:
    client = scope["client"]
    return _hashed(kind, "" if client is None else client_of(client[0]))


def _hashed(kind: str, name: str) -> str:
    # Buckets are kept in the database: it need not learn who came from where.
    return f"{kind}:{hashlib.sha256(name.encode()).hexdigest()[:32]}"
