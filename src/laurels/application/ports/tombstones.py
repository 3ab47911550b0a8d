"""Deleting users: the marks that say which users are deleted, and the removal of their data.

Each sentence here is checked by a test of `laurels.testing.contracts.tombstones`.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Protocol

from laurels.domain.tombstones import Tombstone


class TombstoneStore(Protocol):
    """Deleted users."""

    async def mark_deleted(self, user_id: str, at: int) -> Tombstone:
        """Write a tombstone, unless there is one, and return the valid one.

        From then on every handle names the user as `deleted` in `load` and `read`, and none begins to record for them.
        Survives the end of the process and a power failure.
        """
        ...

    async def purge(self, user_ids: Collection[str]) -> frozenset[str]:
        """Remove entries, snapshots, cards and standings of deleted users; users who are not deleted keep theirs.

        `count` stays exact throughout. May be started again at any point. Returns the users with data left, which the
        next call removes.
        """
        ...

    async def find(self, user_ids: Collection[str]) -> dict[str, Tombstone]:
        """The tombstones of those users who have one."""
        ...

    async def open_ids(self) -> list[str]:
        """The ids of users whose tombstone is open, in order."""
        ...

    async def close(self, user_ids: Collection[str]) -> None:
        """Replace the ids of deleted users by their hashes."""
        ...

    async def leftovers(self) -> dict[str, list[str]]:
        """Remaining data of deleted users: in `ledger`, `snapshots` or `boards`. For `verify`.

        Reads every user with any data.
        """
        ...
