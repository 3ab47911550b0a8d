"""Deleting users: the marks that say who is deleted, and removing what is held of them.

Each sentence here is held by a test of `laurels.testing.contracts.tombstones`.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Protocol

from laurels.domain.tombstones import Tombstone


class TombstoneStore(Protocol):
    """Deleted users."""

    async def mark_deleted(self, user_id: str, at: int) -> Tombstone:
        """Write a tombstone, unless there is one, and return the one that stands.

        From then on every handle names the user as `deleted` in `load` and `read`, and none begins to record
        for them. Survives the end of the process and of the machine's power.
        """
        ...

    async def purge(self, user_ids: Collection[str]) -> frozenset[str]:
        """Remove entries, snapshots, cards and standings of deleted users; users who are not deleted keep theirs.

        `count` stays exact all the while. May be begun again at any point. Returns the users of whom something is
        left, which the next call removes.
        """
        ...

    async def find(self, user_ids: Collection[str]) -> dict[str, Tombstone]:
        """The tombstones of those users who have one."""
        ...

    async def open_ids(self) -> list[str]:
        """The ids of users whose tombstone is open, in order."""
        ...

    async def close(self, user_ids: Collection[str]) -> None:
        """Keep the ids of deleted users no longer, but for their hash."""
        ...

    async def leftovers(self) -> dict[str, list[str]]:
        """Where something is left of deleted users: in `ledger`, `snapshots` or `boards`. For `verify`.

        Looks at every user of whom anything is held.
        """
        ...
