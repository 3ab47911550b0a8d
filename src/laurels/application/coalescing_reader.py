"""Reads that come at the same time, put to the store together.

As with writes, no caller waits for a timer: one alone asks at once, and those that come while that is under way share
the next question. No answer is older than the call that gets it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

K = TypeVar("K")
T = TypeVar("T")


class CoalescingReader(Generic[K, T]):
    """Puts what callers ask to `question`, at most `size` of them in one, with at most `width` under way at once.

    All callers of one question get the same answer. A caller that stops waiting holds up no other one.
    """

    def __init__(
        self, question: Callable[[Sequence[K]], Awaitable[T]], *, width: int = 1, size: int | None = None
    ) -> None:
        self._question = question
        self._width = width
        self._size = size
        self._waiting: list[tuple[K, asyncio.Future[T]]] = []
        self._under_way: set[asyncio.Task[None]] = set()
        # Whether a task was created that has not taken its callers yet: it takes those that come meanwhile, too.
        self._is_starting = False

    async def ask(self, asked: K) -> T:
        """The answer to a question that was put after this call. Raises what the question raises."""
        answer: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._waiting.append((asked, answer))
        self._start()
        return await answer

    @property
    def is_idle(self) -> bool:
        """Whether nobody waits and no question is under way."""
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
