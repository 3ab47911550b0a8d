"""What deleting a user needs of a store.

Part of `ports.Store`, and like it held sentence by sentence by tests of `laurels.testing.store_contract`.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Protocol

from laurels.domain.tombstones import Tombstone


class TombstoneStore(Protocol):
    """Users who were deleted, and removing what is held of them."""

    async def mark_deleted(self, user_id: str, at: int) -> Tombstone:
        """Write a tombstone, unless there is one, and return the one that stands.

        From then on every handle tells of the user as `deleted` in `load` and `read`, and none begins to record
        for them. Survives the end of the process and of the machine's power.
        """
        ...

    async def purge(self, user_ids: Collection[str]) -> frozenset[str]:
        """Remove entries, snapshots, cards and standings of users who are deleted; who is not is left alone.

        `count` stays exact all the while. May be begun again at any point. Returns those of whom something is left,
        which the next call removes.
        """
        ...

    async def tombstones(self, user_ids: Collection[str]) -> dict[str, Tombstone]:
        """The tombstones of those users who have one."""
        ...

    async def open_tombstones(self) -> list[str]:
        """The ids of users whose tombstone is open, in order."""
        ...

    async def close_tombstones(self, user_ids: Collection[str]) -> None:
        """Keep the ids of deleted users no longer, but for their hash."""
        ...

    async def remains(self) -> dict[str, list[str]]:
        """Where something is left of users who are deleted: in `ledger`, `snapshots` or `boards`. For `verify`.

        Looks at everybody of whom anything is held.
        """
        ...
