"""When the counts of the boards are brought up to date: while somebody asks for ranks, and now and then.

Readers add what is not counted yet, so nothing depends on it but their speed. Counting a line costs the server as much
again as writing it; a line that changes ten times between two who ask is counted once.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress

from laurels.errors import StoreError
from laurels.storage.mongodb.connection import EACH_OPERATION, Database, Session
from laurels.storage.mongodb.counts import count_fresh

# Seconds between two times, however many ask.
INTERVAL = 1.0


class Counting:
    """Counts at most every `INTERVAL` seconds, as long as somebody asks. Who looks for users that are behind does so,
    too (`watermark.py`)."""

    def __init__(self, database: Database, session: Session) -> None:
        self._database = database
        self._session = session
        self._task: asyncio.Task[None] | None = None

    def somebody_asks(self) -> None:
        """Count soon, in a task of its own."""
        if self._task is None:
            self._task = asyncio.create_task(self._count(), name="laurels-counting")

    async def _count(self) -> None:
        # The next one who asks tries again.
        with suppress(StoreError):
            await self._session.run(lambda: count_fresh(self._database), within=EACH_OPERATION)
        await asyncio.sleep(INTERVAL)
        self._task = None

    def close(self) -> None:
        """Count no more."""
        if self._task is not None:
            self._task.cancel()
