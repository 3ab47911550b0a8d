"""API keys: their hashes, scopes and dates, never the keys themselves.

Each sentence here is checked by a test of `laurels.testing.contracts.keys`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from laurels.domain.keys import ApiKey


class KeyStore(Protocol):
    """Keys that every process on the database sees."""

    async def add(self, key: ApiKey) -> bool:
        """Store a key; returns False and changes nothing if its prefix is taken."""
        ...

    async def revoke(self, prefix: str, at: int) -> bool:
        """Record that a key is invalid from the instant `at` on. The first such instant stays. False if there is no
        such key."""
        ...

    async def all(self) -> list[ApiKey]:
        """Every key, revoked and expired ones too, by time of creation, then by prefix."""
        ...

    async def version(self) -> int:
        """A number that changes with each `add` and `revoke` that any store on this database returned from, and stays
        the same while nothing changes."""
        ...

    async def touch(self, used: Mapping[str, int]) -> None:
        """Record for prefixes the instants at which their keys were used, if later than the recorded ones. Leaves
        `version` as it is."""
        ...
