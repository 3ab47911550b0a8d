"""When the counts of the boards are brought up to date: soon after their lines, and not for each few of them.

Readers add what is not counted yet, so nothing depends on it but their speed.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from time import monotonic

from laurels.errors import StoreError
from laurels.storage.mongodb.connection import EACH_OPERATION, Database, Session
from laurels.storage.mongodb.counts import count_fresh

# Seconds. Lines that change again meanwhile are counted once, and a batch shares its journal and the upper ranges.
INTERVAL = 1.0


class Counting:
    """Counts at most every `INTERVAL` seconds, as long as somebody tells of lines."""

    def __init__(self, database: Database, session: Session) -> None:
        self._database = database
        self._session = session
        self._counted_at = float("-inf")
        self._waiting: asyncio.Task[None] | None = None

    async def lines_changed(self) -> None:
        """Count now, or later in a task of its own where that was done just before. Raises the driver's errors."""
        wait = self._counted_at + INTERVAL - monotonic()
        if wait <= 0:
            self._counted_at = monotonic()
            await count_fresh(self._database)
        elif self._waiting is None:
            self._waiting = asyncio.create_task(self._count_after(wait), name="laurels-counting")

    async def _count_after(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
        self._waiting = None
        self._counted_at = monotonic()
        # Whoever projects next, or looks for who is behind, counts it.
        with suppress(StoreError):
            await self._session.run(lambda: count_fresh(self._database), within=EACH_OPERATION)

    def close(self) -> None:
        """Count no more."""
        if self._waiting is not None:
            self._waiting.cancel()
