"""What the guarding of a server needs of a store: its keys, and what is left of the limits.

Part of `ports.Store`, and like it held sentence by sentence by tests of `laurels.testing.store_contract`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from msgspec import Struct

from laurels.domain.keys import ApiKey


class Bucket(Struct, frozen=True):
    """A limit: `rate` tokens come in a second, until there are `size` of them. One request takes one."""

    size: int
    rate: float


class Grant(Struct, frozen=True):
    """Tokens that were taken out of a bucket, and how many were left in it."""

    taken: int
    left: float


class CallerStore(Protocol):
    """API keys, and token buckets that all processes share."""

    async def add_key(self, key: ApiKey) -> bool:
        """Keep a key; False, and nothing changed, where its prefix is taken."""
        ...

    async def revoke_key(self, prefix: str, at: int) -> bool:
        """Note that a key counts no longer from the instant `at` on. The first instant stays. False: no such key."""
        ...

    async def keys(self) -> list[ApiKey]:
        """Every key, revoked and expired ones too, in the order of their making, then by prefix."""
        ...

    async def keys_version(self) -> int:
        """A number that is another one after each `add_key` and `revoke_key` that any store on this database returned
        from, and the same while nothing changes."""
        ...

    async def touch_keys(self, used: Mapping[str, int]) -> None:
        """Note for prefixes that their keys were used at an instant, where that is later than what is noted. Leaves
        `keys_version` as it is."""
        ...

    async def take_tokens(self, name: str, bucket: Bucket, wanted: int, now: int) -> Grant:
        """Take up to `wanted` whole tokens out of the bucket `name`, as it is at the instant `now` (milliseconds).

        A bucket that nobody has asked for is full. Of callers at the same moment no two get the same token. A clock
        that goes back fills nothing. May be forgotten, and so full again, after it has not been asked for an hour.
        """
        ...
