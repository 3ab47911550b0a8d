"""Snapshots: each user's progress as of an entry, written behind the ledger together with their card and standings.

Each sentence here is held by a test of `laurels.testing.contracts.snapshots`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Collection, Sequence
from typing import Protocol

from msgspec import Struct

from laurels.application.ports.boards import Card
from laurels.domain.progress import Progress
from laurels.domain.ranking import Standing


class Projection(Struct, frozen=True):
    """A user's progress to be kept as a snapshot, with their standings on the boards that changed, by board name."""

    progress: Progress
    standings: dict[str, Standing]


class Projected(Struct, frozen=True):
    """Everything that a store's projections hold of one user; None where there is no snapshot or no card."""

    progress: Progress | None
    card: Card | None
    standings: dict[str, Standing]


class SnapshotStore(Protocol):
    """Writing projections, and finding what they lack."""

    def project(self, projections: Sequence[Projection], *, cards: Sequence[Card]) -> Awaitable[None]:
        """Keep snapshots, their cards and standings; each only where what is kept has a smaller `seq`.

        A snapshot and its card also replace those of the same `seq` and another `version`.
        Takes all that it needs before it returns its awaitable: the progress may change afterwards. Each user's
        part is written whole or not at all. Nothing stays of deleted users. Survives a clean end of the
        process; after a crash it may be gone.
        """
        ...

    async def behind(self, limit: int, *, before: int) -> list[str]:
        """Users whose snapshot lacks an entry recorded before the instant `before`, the longest waiting first."""
        ...

    async def projected(self, user_ids: Collection[str]) -> dict[str, Projected]:
        """What the projections hold of users, whatever its version. A user of whom they hold nothing is left out."""
        ...

    async def clear(self) -> None:
        """Drop every snapshot, card and standing, and what is counted of them. The ledger and the horizon of the boards
        stay."""
        ...
