"""Rate limits for callers, counted in the store so that they hold across all processes.

A query to the store for each request would cost more than most requests. So a process takes several tokens out of a
bucket at a time and spends them itself; tokens not spent soon are lost, never granted twice. It takes as many as were
spent the last time, or twice as many if all were: else callers that come now and then would lose more than they spend.
A refused caller is refused again without a query until a new token can have arrived.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from math import ceil
from time import monotonic
from typing import NamedTuple

from msgspec import Struct

from laurels.application.lru_cache import LruCache
from laurels.application.ports.clock import Clock
from laurels.application.ports.limits import Bucket, LimitStore, TokenGrant
from laurels.errors import StoreError

# Most tokens taken at once: this fraction of a bucket, and this number.
_PART = 50
_MOST = 500
# Seconds after which tokens that were taken but not spent expire.
_KEEP = 1.0
# Names that a process remembers; beyond that it forgets the least recently seen.
_NAMES = 20_000


class RateLimitStatus(Struct, frozen=True):
    """The state of a caller's limit. `retry_after` (seconds) is 0 if this request was granted; `reset` is the number of
    seconds until the bucket is full again."""

    limit: int
    remaining: int
    reset: int
    retry_after: int


class NamedBucket(NamedTuple):
    """A bucket by its name in the store."""

    name: str
    bucket: Bucket


class _LocalTokens:
    """The tokens that this process holds from one bucket."""

    __slots__ = ("asking", "granted", "kept_until", "left", "refused_until", "tokens")

    def __init__(self) -> None:
        self.tokens = 0
        # The tokens of the last grant.
        self.granted = 0
        self.left = 0.0
        self.kept_until = 0.0
        self.refused_until = 0.0
        self.asking: asyncio.Task[None] | None = None


class RateLimiter:
    """The buckets of one store. While the store is away, each process counts for itself."""

    def __init__(self, store: LimitStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._local: LruCache[_LocalTokens] = LruCache(_NAMES)
        self._own: LruCache[tuple[float, float]] = LruCache(_NAMES)
        self.refused = 0

    async def take(self, name: str, bucket: Bucket) -> RateLimitStatus:
        """Take one token out of the bucket `name`. Raises nothing."""
        held = self._local.get(name)
        if held is None:
            held = _LocalTokens()
            self._local.keep(name, held)
        while True:
            now = monotonic()
            if held.tokens and now < held.kept_until:
                held.tokens -= 1
                return _left(bucket, held.left + held.tokens, 0)
            if now < held.refused_until:
                self.refused += 1
                return _left(bucket, held.left, max(1, ceil(held.refused_until - now)))
            if held.asking is None or held.asking.done():
                held.asking = asyncio.create_task(self._fill(name, held, bucket), name="laurels-meter")
            await asyncio.shield(held.asking)

    async def take_of_each(self, buckets: Sequence[NamedBucket]) -> RateLimitStatus:
        """Take one token out of each of these buckets, or out of those before the first that has none: the state of
        that one, else of the first. Raises nothing.

        No token is taken where one of them is known to have none, so a full bucket at the end keeps the store from
        getting new ones for all that come before it.
        """
        now = monotonic()
        for name, bucket in buckets:
            held = self._local.get(name)
            if held is not None and not (held.tokens and now < held.kept_until) and now < held.refused_until:
                return await self.take(name, bucket)
        first: RateLimitStatus | None = None
        for name, bucket in buckets:
            left = await self.take(name, bucket)
            if left.retry_after:
                return left
            first = first or left
        assert first is not None  # noqa: S101  nobody asks for none
        return first

    async def take_all(self, name: str, bucket: Bucket, count: int) -> RateLimitStatus:
        """Take `count` tokens, at most as many as a full bucket holds, or none. Raises nothing."""
        held = self._local.get(name)
        at_hand = 0
        if held is not None and monotonic() < held.kept_until:
            # Taken from the local tokens before the query: other requests may take from it before the store answers.
            at_hand = min(held.tokens, count)
            held.tokens -= at_hand
        wanted = count - at_hand
        if not wanted:
            return _left(bucket, (held.left + held.tokens) if held is not None else 0, 0)
        try:
            grant = await self._store.take(name, bucket, wanted, self._clock(), least=wanted)
        except StoreError:
            grant = self._take_here(name, bucket, wanted, least=wanted)
        if grant.taken:
            return _left(bucket, grant.left, 0)
        if held is not None:
            held.tokens += at_hand
        self.refused += 1
        return _left(bucket, grant.left, max(1, ceil((wanted - grant.left) / bucket.rate)))

    async def _fill(self, name: str, held: _LocalTokens, bucket: Bucket) -> None:
        spent = held.granted - held.tokens
        wanted = max(1, min(_MOST, bucket.size // _PART, spent if held.tokens else 2 * spent))
        try:
            grant = await self._store.take(name, bucket, wanted, self._clock())
        except StoreError:
            grant = self._take_here(name, bucket, wanted)
        now = monotonic()
        held.tokens = held.granted = grant.taken
        held.left, held.kept_until = grant.left, now + _KEEP
        if not grant.taken:
            held.refused_until = now + (1 - grant.left) / bucket.rate

    def _take_here(self, name: str, bucket: Bucket, wanted: int, *, least: int = 1) -> TokenGrant:
        now = monotonic()
        tokens, at = self._own.get(name) or (float(bucket.size), now)
        tokens = min(float(bucket.size), tokens + (now - at) * bucket.rate)
        taken = min(wanted, int(tokens))
        if taken < least:
            taken = 0
        self._own.keep(name, (tokens - taken, now))
        return TokenGrant(taken, tokens - taken)

    async def close(self) -> None:
        """Finish pending work."""
        asking = [held.asking for held in self._local.values() if held.asking is not None]
        await asyncio.gather(*asking, return_exceptions=True)


def _left(bucket: Bucket, left: float, retry_after: int) -> RateLimitStatus:
    return RateLimitStatus(bucket.size, int(left), ceil(max(0.0, bucket.size - left) / bucket.rate), retry_after)
