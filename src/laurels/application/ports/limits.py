"""Request limits: token buckets that all processes on a database share.

Each sentence here is checked by a test of `laurels.testing.contracts.limits`.
"""

from __future__ import annotations

from typing import Protocol

from msgspec import Struct


class Bucket(Struct, frozen=True):
    """A limit: `rate` tokens arrive per second, until there are `size` of them. A request takes one token, a batch one
    for each of its events."""

    size: int
    rate: float


class TokenGrant(Struct, frozen=True):
    """Tokens taken out of a bucket, and the number left in it."""

    taken: int
    left: float


class LimitStore(Protocol):
    """Token buckets."""

    async def take(self, name: str, bucket: Bucket, wanted: int, now: int, *, least: int = 1) -> TokenGrant:
        """Take up to `wanted` whole tokens out of the bucket `name`, as it is at the instant `now` (milliseconds).

        Takes none if the bucket has fewer than `least`. A new bucket is full. No token is granted twice, even to
        simultaneous callers. A clock that goes back adds no tokens. A bucket may be forgotten, and so be full again,
        after an hour without a request.
        """
        ...
