"""The counts of the boards as readers ask for them, and when they are brought up to date: while somebody asks for
ranks, and now and then.

Readers add what is not counted yet, so nothing depends on it but their speed. Counting a line costs the server as much
again as writing it; a line that changes ten times between two who ask is counted once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from contextlib import suppress
from functools import partial

from laurels.application.coalescing_reader import CoalescingReader
from laurels.errors import StoreError
from laurels.storage.mongodb.connection import EACH_OPERATION, Database, Session
from laurels.storage.mongodb.projections.counts import counts_of
from laurels.storage.mongodb.projections.journal import count_fresh

# Seconds between two times, however many ask.
INTERVAL = 1.0
# Readers that are kept while nobody asks.
_KEPT = 64

_Counted = dict[int | None, int]


class Counting:
    """Counts at most every `INTERVAL` seconds, as long as somebody asks. Who looks for users that are behind does so,
    too (`watermark.py`)."""

    def __init__(self, database: Database, session: Session) -> None:
        self._database = database
        self._session = session
        self._task: asyncio.Task[None] | None = None
        # By board; of those that nobody asks about some are kept.
        self._readers: dict[str, CoalescingReader[Collection[int | None], _Counted]] = {}

    async def counts_of(self, board: str, asked: Collection[int | None]) -> _Counted:
        """How many stand on a board above each of some numbers of points (None: in all), and perhaps above others.

        Those who ask while another asks about the same board share the next question. Raises StoreError.
        """
        self._somebody_asks()
        reader = self._readers.get(board)
        if reader is None:
            if len(self._readers) >= _KEPT:
                self._readers = {name: each for name, each in self._readers.items() if not each.is_idle}
            reader = self._readers[board] = CoalescingReader(partial(self._read, board))
        return await reader.ask(asked)

    async def _read(self, board: str, asked: Sequence[Collection[int | None]]) -> _Counted:
        wanted = {above for each in asked for above in each}
        return await self._session.run(lambda: counts_of(self._database, board, wanted))

    def _somebody_asks(self) -> None:
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
