"""The counts of the boards as readers ask for them, and when they are brought up to date: while somebody asks for
ranks, and now and then.

Readers add what is not counted yet, so nothing depends on it but their speed. Counting a line costs the server as much
again as writing it; a line that changes ten times between two who ask is counted once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from contextlib import suppress

from laurels.errors import StoreError
from laurels.storage.mongodb.connection import EACH_OPERATION, Database, Session
from laurels.storage.mongodb.projections.counts import counts_of
from laurels.storage.mongodb.projections.journal import count_fresh

# Seconds between two times, however many ask.
INTERVAL = 1.0

_Counted = dict[int | None, int]
_Asked = tuple[Collection[int | None], "asyncio.Future[_Counted]"]


class Counting:
    """Counts at most every `INTERVAL` seconds, as long as somebody asks. Who looks for users that are behind does so,
    too (`watermark.py`)."""

    def __init__(self, database: Database, session: Session) -> None:
        self._database = database
        self._session = session
        self._task: asyncio.Task[None] | None = None
        self._waiting: dict[str, list[_Asked]] = {}
        self._asking: dict[str, asyncio.Task[None]] = {}

    async def counts_of(self, board: str, asked: Collection[int | None]) -> _Counted:
        """How many stand on a board above each of some numbers of points (None: in all), and perhaps above others.

        Those who ask while another asks about the same board share the next question. Raises StoreError.
        """
        self._somebody_asks()
        answer: asyncio.Future[_Counted] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(board, []).append((asked, answer))
        self._ask(board)
        return await answer

    def _ask(self, board: str) -> None:
        if board in self._asking or board not in self._waiting:
            return
        task = asyncio.create_task(self._answer(board, self._waiting.pop(board)), name="laurels-counts")
        self._asking[board] = task
        task.add_done_callback(lambda _: self._answered(board))

    def _answered(self, board: str) -> None:
        del self._asking[board]
        self._ask(board)

    async def _answer(self, board: str, waiting: list[_Asked]) -> None:
        asked = {above for each, _ in waiting for above in each}
        try:
            found = await self._session.run(lambda: counts_of(self._database, board, asked))
        except BaseException as error:
            for _, answer in waiting:
                if not answer.done():
                    answer.set_exception(error)
            if not isinstance(error, Exception):
                raise
            return
        for _, answer in waiting:
            if not answer.done():
                answer.set_result(found)

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
