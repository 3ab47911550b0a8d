"""Combines simultaneous reads into one query to the store.

As with writes, no caller waits for a timer: one caller alone queries at once, and callers that arrive while a query
runs share the next one. No answer is older than the call that gets it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

K = TypeVar("K")
T = TypeVar("T")


class CoalescingReader(Generic[K, T]):
    """Passes the requests of callers to `question`, at most `size` of them in one query, with at most `width` queries
    at once.

    All callers of one query get the same answer. A caller that stops waiting delays no other one.
    """

    def __init__(
        self, question: Callable[[Sequence[K]], Awaitable[T]], *, width: int = 1, size: int | None = None
    ) -> None:
        self._question = question
        self._width = width
        self._size = size
        self._waiting: list[tuple[K, asyncio.Future[T]]] = []
        self._under_way: set[asyncio.Task[None]] = set()
        # Whether a task was created that has not taken its callers yet: it also takes those that arrive in the
        # meantime.
        self._is_starting = False

    async def ask(self, asked: K) -> T:
        """The answer of a query that started after this call. Raises the errors of `question`."""
        answer: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._waiting.append((asked, answer))
        self._start()
        return await answer

    @property
    def is_idle(self) -> bool:
        """Whether no caller waits and no query runs."""
        return not (self._waiting or self._under_way)

    def _start(self) -> None:
        if self._is_starting or not self._waiting or len(self._under_way) >= self._width:
            return
        self._is_starting = True
        task = asyncio.create_task(self._put(), name="laurels-read")
        self._under_way.add(task)
        task.add_done_callback(self._end)

    def _end(self, task: asyncio.Task[None]) -> None:
        self._under_way.discard(task)
        self._start()

    async def _put(self) -> None:
        self._is_starting = False
        taken = self._waiting[: self._size]
        del self._waiting[: self._size]
        self._start()
        try:
            found = await self._question([asked for asked, _ in taken])
        except BaseException as error:
            for _, answer in taken:
                if not answer.done():
                    answer.set_exception(error)
            if not isinstance(error, Exception):
                raise
            return
        for _, answer in taken:
            if not answer.done():
                answer.set_result(found)
