"""Snapshots: each user's progress as of an entry, written behind the ledger together with their card and standings.

Each sentence here is checked by a test of `laurels.testing.contracts.snapshots`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Collection, Sequence
from typing import Protocol

from msgspec import Struct

from laurels.application.ports.boards import Card
from laurels.domain.boards.ranking import Standing
from laurels.domain.progress import Progress


class Projection(Struct, frozen=True):
    """A user's progress for a snapshot, with their standings on the boards that changed, by board name."""

    progress: Progress
    standings: dict[str, Standing]


class Projected(Struct, frozen=True):
    """Everything that a store's projections hold of one user; None for a missing snapshot or card."""

    progress: Progress | None
    card: Card | None
    standings: dict[str, Standing]


class SnapshotStore(Protocol):
    """Writing projections, and finding missing ones."""

    def project(self, projections: Sequence[Projection], *, cards: Sequence[Card]) -> Awaitable[None]:
        """Store snapshots, their cards and standings; each only if the stored one has a smaller `seq`.

        A snapshot and its card also replace those of the same `seq` and a different `version`. All input is read before
        the awaitable is returned: the progress may change afterwards. Each user's part is written whole or not at all.
        Nothing of deleted users is kept. Survives a clean end of the process; after a crash it may be gone.
        """
        ...

    async def behind(self, limit: int, *, before: int) -> list[str]:
        """Users whose snapshot lacks an entry recorded before the instant `before`, the longest waiting first."""
        ...

    async def projected(self, user_ids: Collection[str]) -> dict[str, Projected]:
        """The projections of users, of any version. A user without projections is left out."""
        ...

    async def clear(self) -> None:
        """Drop every snapshot, card and standing, and all counts of them. The ledger and the horizon of the boards
        stay."""
        ...
