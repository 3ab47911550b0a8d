"""The supervised loop that runs every endless task, and the one way to notify observers.

If a task ends by an exception that nobody awaits, it ends in silence: its work stops, and its waiters wait for ever. So
each task is a turn of work that is repeated here, under supervision. Observers are notified of events and cannot stop
anything.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from time import monotonic
from typing import Generic, Literal, ParamSpec

from msgspec import Struct

from laurels.errors import StoreError

P = ParamSpec("P")
Health = Literal["ok", "failing", "dead"]

# Faults in a row after which a task counts as failing.
FAILING_AFTER = 3
# The maximum number of seconds between two turns that end by a fault.
LONGEST_PAUSE = 10.0
# A turn that ran for this many seconds was healthy for a while: a fault after that starts a new series.
LONG_TURN = 60.0

logger = logging.getLogger(__name__)


class Trouble(Struct, frozen=True):
    """The last error of a task: when (seconds, monotonic), and the sentence of an outage or the class of a fault."""

    at: float
    why: str
    is_outage: bool = False


class BackgroundTask:
    """Repeats a turn of work until it is closed.

    `turn` does one piece of work and returns the seconds until the next one, or None when there will be none. A turn
    that raises is repeated. A StoreError is an outage: it is logged when it begins, and the next turn comes after
    `retry` seconds. Any other error is a fault of ours: each is logged with its traceback, and the pause doubles from
    `retry` up to ten seconds.

    `is_vital`: without it no event can be recorded. `on_death` is called if the task ends although nobody closed it and
    its work was not done; it will not run again.
    """

    def __init__(
        self,
        name: str,
        turn: Callable[[], Awaitable[float | None]],
        *,
        retry: float = 1.0,
        is_vital: bool = False,
        on_death: Callable[[], None] | None = None,
    ) -> None:
        self.name = name
        self.is_vital = is_vital
        self.is_dead = False
        self.faults = 0
        self.trouble: Trouble | None = None
        self._turn = turn
        self._retry = retry
        self._on_death = on_death
        self._faults_in_a_row = 0
        self._is_closing = False
        self._task: asyncio.Task[None] | None = None

    @property
    def health(self) -> Health:
        """`failing`: the last turns all ended by a fault of ours. `dead`: it has ended, and only a restart helps."""
        if self.is_dead:
            return "dead"
        return "failing" if self._faults_in_a_row >= FAILING_AFTER else "ok"

    def start(self) -> None:
        """Begin with the first turn."""
        self._task = asyncio.create_task(self._run(), name=self.name)

    def cancel(self) -> None:
        """Stop at once, in the middle of a turn."""
        self._is_closing = True
        if self._task is not None:
            self._task.cancel()

    async def close(self) -> None:
        """Stop in the middle of a turn, and return when it has stopped."""
        self.cancel()
        await self.wait()

    async def wait(self) -> None:
        """Return when the task has ended for any reason."""
        if self._task is not None:
            await asyncio.wait({self._task})

    async def _run(self) -> None:
        is_done = False
        try:
            await self._repeat()
            is_done = True
        finally:
            if not is_done and not self._is_closing:
                self.is_dead = True
                self.trouble = Trouble(monotonic(), "")
                logger.error("%s has ended; restart the process", self.name)
                if self._on_death is not None:
                    self._on_death()

    async def _repeat(self) -> None:
        is_store_away = False
        # Checked each time: the object that a turn waits for may mistake a cancellation for its own.
        while not self._is_closing:
            started = monotonic()
            try:
                pause = await self._turn()
            except Exception as error:
                if monotonic() - started > LONG_TURN:
                    is_store_away, self._faults_in_a_row = False, 0
                if isinstance(error, StoreError):
                    self.trouble = Trouble(monotonic(), str(error), is_outage=True)
                    if not is_store_away:
                        logger.warning("%s waits: %s", self.name, error)
                    is_store_away, self._faults_in_a_row = True, 0
                    pause = self._retry
                else:
                    self.faults += 1
                    self.trouble = Trouble(monotonic(), type(error).__name__)
                    self._faults_in_a_row += 1
                    pause = self._pause_after_fault()
                    logger.exception("%s failed; it goes on in %g seconds", self.name, pause)
            else:
                is_store_away, self._faults_in_a_row = False, 0
                if pause is None:
                    return
            if pause > 0 and not self._is_closing:
                await asyncio.sleep(pause)

    def _pause_after_fault(self) -> float:
        return max(self._retry, min(self._retry * 2.0 ** min(self._faults_in_a_row - 1, 20), LONGEST_PAUSE))


async def wait_at_most(event: asyncio.Event, seconds: float) -> None:
    """Return when `event` is set, or after the given seconds.

    `asyncio.wait_for` would do, but on Python 3.11 it returns as if nobody had cancelled it if both happen at once.
    """
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()


class Observers(Generic[P]):
    """Callbacks that are called on some event, in the order of their subscription. An exception in one is logged and
    does not affect the others. False while there is none."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._callbacks: list[Callable[P, object]] = []

    def __bool__(self) -> bool:
        return bool(self._callbacks)

    def subscribe(self, callback: Callable[P, object]) -> None:
        """Call `callback` from now on."""
        self._callbacks.append(callback)

    def unsubscribe(self, callback: Callable[P, object]) -> None:
        """Stop calling `callback`. Does nothing if it is not subscribed."""
        if callback in self._callbacks:
            self._callbacks.remove(callback)

    def tell(self, *args: P.args, **kwargs: P.kwargs) -> None:
        """Call every callback. Raises nothing."""
        for callback in tuple(self._callbacks):
            try:
                callback(*args, **kwargs)
            except Exception:
                logger.exception("an observer of %s failed", self._name)
