"""The guard in front of the routes: identifies the caller of a request and enforces the rate limits.

It runs before the routes, so that a refused request costs as little as possible.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

from litestar.types import ASGIApp, HTTPScope, Message, Receive, ReceiveMessage, Scope, Send
from msgspec import Struct

from laurels.application.access.bucket_names import BucketNames
from laurels.application.access.rate_limiter import NamedBucket, RateLimiter, RateLimitStatus
from laurels.application.ports.limits import Bucket
from laurels.http.auth.access import Caller
from laurels.http.auth.identity import Identity, WrongCredentials
from laurels.http.auth.places import UserPlaces
from laurels.http.server.addresses import client_of, networks_of
from laurels.http.server.routing import is_probe, route_of
from laurels.http.wire.http_error import HttpError
from laurels.plurals import counted

_NOBODY = Caller()
_KIB = 1_024
# A change of a profile is charged as 16 KiB whatever its size, since preferences may be that large. A change of the
# fields in APPEARANCE writes all of the user's lines again, on hundreds of boards.
PROFILE_BYTES = 16 * _KIB
APPEARANCE_BYTES = 512 * _KIB
APPEARANCE = frozenset({"visibility", "alias"})
# The limits of a /56 and of a /48 of IPv6: so many times that of one address.
_OF_NETWORKS = (4, 16)


class Rates(Struct, frozen=True):
    """Requests a minute: of one key, of one end user, of one address without either, and failures of authentication
    of one address. `written`: KiB an hour that one end user may have recorded. None: no limit."""

    key: Bucket | None = None
    user: Bucket | None = None
    address: Bucket | None = None
    failures: Bucket | None = None
    written: Bucket | None = None


class _RequestQuota:
    """The bucket that counts a request."""

    __slots__ = ("bucket", "left", "limiter", "name")

    def __init__(self, limiter: RateLimiter, name: str, bucket: Bucket, left: RateLimitStatus) -> None:
        self.limiter = limiter
        self.name = name
        self.bucket = bucket
        self.left = left


class Guard:
    """Passes a request on to `app` with its caller, or refuses it."""

    def __init__(
        self, app: ASGIApp, *, identity: Identity, limiter: RateLimiter, names: BucketNames, rates: Rates
    ) -> None:
        self._app = app
        self._identity = identity
        self._limiter = limiter
        self._names = names
        self._rates = rates
        self._places = UserPlaces()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        assert scope["type"] == "http"  # noqa: S101  nothing else comes here
        if is_probe(scope):
            # Liveness is open to everybody, even while no keys are known.
            scope["state"]["caller"] = _NOBODY
            await self._app(scope, receive, send)
            return
        scope["state"]["count_failure"] = self._count_failure
        caller = await self._identify(scope)
        scope["state"]["caller"], scope["state"]["key_id"] = caller, caller.key
        if caller.user_id is not None and self._rates.written is not None:
            scope["state"]["charge_written"] = partial(self._charge_written, caller.user_id, self._rates.written)
        buckets = await self._buckets_of(scope, caller)
        if not buckets:
            await self._pass_on(caller, scope, receive, send)
            return
        left = await self._limiter.take_of_each(buckets)
        if left.retry_after:
            raise _too_many("Too many requests; wait a moment.", left)
        meter = scope["state"]["meter"] = _RequestQuota(self._limiter, *buckets[0], left)

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = [(name.lower().encode(), value.encode()) for name, value in _headers_of(meter.left).items()]
                message["headers"] = [*message.get("headers", ()), *headers]
            await send(message)

        await self._pass_on(caller, scope, receive, answer)

    async def _pass_on(self, caller: Caller, scope: HTTPScope, receive: Receive, send: Send) -> None:
        """Have the request answered; one of an end user when it is its turn. Streams have limits of their own."""
        route = route_of(scope)
        if caller.user_id is None or (route is not None and route.is_stream):
            await self._app(scope, receive, send)
            return
        async with self._places.entering(caller.user_id) as place:
            has_begun = False

            async def take() -> ReceiveMessage:
                # Who sends a body slowly holds up nothing else of theirs, which would wait in a place of all requests.
                if has_begun:
                    return await receive()
                place.leave()
                message = await receive()
                await place.take()
                return message

            async def answer(message: Message) -> None:
                # What is sent piece by piece is limited elsewhere, and takes as long as its reader wants.
                nonlocal has_begun
                has_begun = True
                place.leave()
                await send(message)

            await self._app(scope, take, answer)

    async def _identify(self, scope: HTTPScope) -> Caller:
        try:
            return await self._identity.of(scope)
        except WrongCredentials:
            await self._count_failure(scope)
            raise

    async def _count_failure(self, scope: HTTPScope) -> None:
        """Count a wrong key or token of an address. Raises HttpError if there were too many."""
        bucket = self._rates.failures
        if bucket is not None:
            left = await self._limiter.take_of_each(await self._of_address("failures", scope, bucket))
            if left.retry_after:
                raise _too_many("Too many wrong keys or tokens from this address; wait a moment.", left) from None

    async def _charge_written(self, user_id: str, bucket: Bucket, kib: int) -> None:
        """Count what an end user is about to have recorded. Raises HttpError where it is too much."""
        name = await self._names.of("written", user_id)
        if kib == 1:
            left = await self._limiter.take(name, bucket)
        else:
            left = await self._limiter.take_all(name, bucket, min(kib, bucket.size))
        if left.retry_after:
            detail = "Too much was recorded with tokens of this user in the last hour; wait a moment."
            raise HttpError(429, detail, headers={"Retry-After": str(left.retry_after)})

    async def _buckets_of(self, scope: HTTPScope, caller: Caller) -> list[NamedBucket]:
        """The buckets that count a request, its caller's own first; none for a caller without a limit."""
        rates = self._rates
        if caller.key is not None:
            return [] if rates.key is None else [NamedBucket(f"key:{caller.key}", rates.key)]
        if caller.user_id is not None:
            return [] if rates.user is None else [NamedBucket(await self._names.of("user", caller.user_id), rates.user)]
        if not caller.is_anonymous or rates.address is None:
            return []
        return await self._of_address("address", scope, rates.address)

    async def _of_address(self, kind: str, scope: HTTPScope, bucket: Bucket) -> list[NamedBucket]:
        """The bucket of the client of a request, and those of its wider networks."""
        client = scope["client"]
        host = "" if client is None else client[0]
        buckets = [NamedBucket(await self._names.of(kind, client_of(host)), bucket)]
        for network, times in zip(networks_of(host), _OF_NETWORKS, strict=False):
            wider = Bucket(times * bucket.size, times * bucket.rate)
            buckets.append(NamedBucket(await self._names.of(kind, network), wider))
        return buckets


async def count_failure(scope: HTTPScope) -> None:
    """Count a wrong key that was not sent as the caller's own. Raises HttpError if there were too many."""
    counting = scope["state"].get("count_failure")
    if counting is not None:
        await counting(scope)


async def charge_written(scope: HTTPScope, sizes: Iterable[int]) -> None:
    """Count things of so many bytes that are about to be recorded, each as a KiB at least: the ledger keeps them for
    ever. Only those of end users count. Raises HttpError where it is too much."""
    counting = scope["state"].get("charge_written")
    if counting is not None and (kib := sum(max(1, -(-size // _KIB)) for size in sizes)):
        await counting(kib)


class BatchCharge:
    """The charge for a batch: one request per event, or per `event_bytes` of it if that is more. One request was
    counted on arrival."""

    # Requests that are counted together while a batch arrives.
    _STEP = 32

    def __init__(self, scope: HTTPScope, event_bytes: int) -> None:
        self._meter: _RequestQuota | None = scope["state"].get("meter")
        self._event_bytes = event_bytes
        self._bytes = 0
        self._counted = 1

    async def take(self, size: int) -> None:
        """Charge for bytes that have arrived: reading takes time even if they hold no event. Raises HttpError."""
        self._bytes += size
        count = self._bytes // self._event_bytes
        if count >= self._counted + self._STEP:
            await self.events(count)

    async def events(self, count: int) -> None:
        """Charge for events. Raises HttpError if the caller has fewer left; these are then not counted."""
        meter = self._meter
        if meter is None or count <= self._counted:
            return
        most = meter.bucket.size
        if count > most:
            detail = f"A batch of this caller may have at most {counted(most, 'event')}, its limit for a minute"
            raise HttpError(413, f"{detail}, and {self._event_bytes} bytes for each of these.")
        left = await meter.limiter.take_all(meter.name, meter.bucket, min(count - self._counted, most))
        if left.retry_after:
            raise _too_many("A batch counts as one request for each event; wait a moment, or send fewer.", left)
        meter.left = left
        self._counted = count


def _too_many(detail: str, left: RateLimitStatus) -> HttpError:
    return HttpError(429, detail, headers={"Retry-After": str(left.retry_after), **_headers_of(left)})


def _headers_of(left: RateLimitStatus) -> dict[str, str]:
    return {
        "RateLimit-Limit": str(left.limit),
        "RateLimit-Remaining": str(left.remaining),
        "RateLimit-Reset": str(left.reset),
    }
