"""API keys: their hashes, scopes and dates, never the keys themselves.

Each sentence here is held by a test of `laurels.testing.contracts.keys`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from laurels.domain.keys import ApiKey


class KeyStore(Protocol):
    """Keys that every process on the database sees."""

    async def add(self, key: ApiKey) -> bool:
        """Keep a key; False, and nothing changed, where its prefix is taken."""
        ...

    async def revoke(self, prefix: str, at: int) -> bool:
        """Note that a key no longer counts from the instant `at` on. The first instant stays. False: no such key."""
        ...

    async def all(self) -> list[ApiKey]:
        """Every key, revoked and expired ones too, in the order in which they were made, then by prefix."""
        ...

    async def version(self) -> int:
        """A number that changes with each `add` and `revoke` that any store on this database returned from, and stays
        the same while nothing changes."""
        ...

    async def touch(self, used: Mapping[str, int]) -> None:
        """Note for prefixes that their keys were used at an instant, where that is later than what is noted. Leaves
        `version` as it is."""
        ...
