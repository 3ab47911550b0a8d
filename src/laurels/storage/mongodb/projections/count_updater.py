"""Reads the counts of the boards for ranks, and schedules their updates: while somebody queries ranks, and from time to
time.

Readers add lines that are not counted yet, so only their speed depends on this. Counting a line costs the server as
much as writing it; a line that changes ten times between two queries is counted once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from contextlib import suppress
from functools import partial
from time import monotonic

from laurels.application.coalescing_reader import CoalescingReader
from laurels.domain.boards.ranking import Ranking
from laurels.errors import StoreError
from laurels.storage.mongodb.connection import EACH_OPERATION, Database, Session
from laurels.storage.mongodb.projections.board_counts import Answer, BoardCounts
from laurels.storage.mongodb.projections.count_journal import count_fresh
from laurels.storage.mongodb.projections.transactions import Transactions

# Seconds between two updates at least, whatever the number of queries.
INTERVAL = 1.0
# Readers that are kept while unused.
_KEPT = 64
# Queries that share a read.
_TOGETHER = 100

_Asked = tuple[str | None, Collection[int | None]]
"""A user, or None, and points."""


class CountUpdater:
    """Counts at most every `INTERVAL` seconds and a quarter of the time, as long as ranks are queried. The search for
    users that are behind (`watermark.py`) counts, too."""

    def __init__(self, database: Database, session: Session, transactions: Transactions) -> None:
        self._database = database
        self._session = session
        self._transactions = transactions
        self._task: asyncio.Task[None] | None = None
        # By board; some of those without queries are kept.
        self._readers: dict[str, CoalescingReader[_Asked, Answer]] = {}

    async def counts_of(self, board: str, asked: Collection[int | None]) -> dict[int | None, int]:
        """The number of users on a board above each of the given points (None: all users), and perhaps above others.

        Simultaneous queries about the same board share the next read. Raises StoreError.
        """
        return (await self._ask(board, (None, asked))).counted

    async def ranking(self, board: str, user_id: str) -> Ranking | None:
        """The ranking of a user; None if they are not on the board. Raises StoreError."""
        return (await self._ask(board, (user_id, ()))).rankings.get(user_id)

    async def _ask(self, board: str, asked: _Asked) -> Answer:
        self._somebody_asks()
        reader = self._readers.get(board)
        if reader is None:
            if len(self._readers) >= _KEPT:
                self._readers = {name: each for name, each in self._readers.items() if not each.is_idle}
            reader = self._readers[board] = CoalescingReader(
                partial(self._read, BoardCounts(self._database, board)), size=_TOGETHER
            )
        return await reader.ask(asked)

    async def _read(self, counts: BoardCounts, asked: Sequence[_Asked]) -> Answer:
        user_ids = {user_id for user_id, _ in asked if user_id is not None}
        points = {above for _, each in asked for above in each}
        return await self._session.run(lambda: counts.read(user_ids, points))

    def _somebody_asks(self) -> None:
        """Count soon, in a task of its own."""
        if self._task is None:
            self._task = asyncio.create_task(self._count(), name="laurels-counting")

    async def _count(self) -> None:
        started = monotonic()
        # The next query tries again.
        with suppress(StoreError):
            await self._session.run(lambda: count_fresh(self._database, self._transactions), within=EACH_OPERATION)
        # Under a load that changes thousands of lines, leave most of the time to others.
        await asyncio.sleep(max(INTERVAL, 3 * (monotonic() - started)))
        self._task = None

    def close(self) -> None:
        """Stop counting."""
        if self._task is not None:
            self._task.cancel()
