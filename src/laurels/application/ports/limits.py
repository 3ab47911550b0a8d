"""Request limits: token buckets that all processes on a database share.

Each sentence here is held by a test of `laurels.testing.contracts.limits`.
"""

from __future__ import annotations

from typing import Protocol

from msgspec import Struct


class Bucket(Struct, frozen=True):
    """A limit: `rate` tokens come in a second, until there are `size` of them. One request takes one, a batch one for
    each of its events."""

    size: int
    rate: float


class Grant(Struct, frozen=True):
    """Tokens that were taken out of a bucket, and how many were left in it."""

    taken: int
    left: float


class LimitStore(Protocol):
    """Token buckets."""

    async def take(self, name: str, bucket: Bucket, wanted: int, now: int, *, least: int = 1) -> Grant:
        """Take up to `wanted` whole tokens out of the bucket `name`, as it is at the instant `now` (milliseconds).

        Takes none where the bucket has fewer than `least`.
        A new bucket is full. No token is given twice, however many ask at the same moment. A clock that goes back
        fills nothing. A bucket may be forgotten, and so be full again, after an hour without a request.
        """
        ...
