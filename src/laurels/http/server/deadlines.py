"""One time limit for many requests, with one timer for all of them.

All have the same limit, so they are due in the order in which they began, and only the oldest must be watched. A
separate timer would cost each request more than most of the work around it.
"""

from __future__ import annotations

import asyncio
from typing import Any


class Deadline:
    """The time limit of the task that made it. `passed`: it was reached, and the task was cancelled for it."""

    __slots__ = ("at", "passed", "task")

    def __init__(self, task: asyncio.Task[Any], at: float) -> None:
        self.task = task
        self.at = at
        self.passed = False


class Deadlines:
    """Cancels tasks that take longer than `seconds`, until `end` is called for them."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        # In the order in which they are due.
        self._open: dict[Deadline, None] = {}
        self._timer: asyncio.TimerHandle | None = None

    def begin(self) -> Deadline:
        """Cancel the calling task unless it calls `end` within the limit."""
        task = asyncio.current_task()
        assert task is not None  # noqa: S101  there is one in a coroutine
        loop = asyncio.get_running_loop()
        deadline = Deadline(task, loop.time() + self._seconds)
        self._open[deadline] = None
        if self._timer is None:
            self._timer = loop.call_at(deadline.at, self._look)
        return deadline

    def end(self, deadline: Deadline) -> None:
        """End the limit of a task. May be called after it has passed."""
        self._open.pop(deadline, None)

    def _look(self) -> None:
        loop = asyncio.get_running_loop()
        now = loop.time()
        self._timer = None
        for deadline in list(self._open):
            if deadline.at > now:
                self._timer = loop.call_at(deadline.at, self._look)
                return
            del self._open[deadline]
            deadline.passed = True
            deadline.task.cancel()

    def close(self) -> None:
        """Stop watching."""
        self._open.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
