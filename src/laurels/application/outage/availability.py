"""Whether the store can be used now, found out by regular heartbeats rather than by failing requests.

While the store is away, no request waits for it. Besides a failed heartbeat, a failed commit and a hanging commit mark
the store as away at once. Only a heartbeat marks it as available again.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from time import monotonic

from laurels.application.background import BackgroundTask, Observers, wait_at_most
from laurels.errors import StoreError, StoreUnavailable
from laurels.plurals import counted

logger = logging.getLogger(__name__)


class Availability:
    """`is_available` is the present belief. `interval` (seconds) is the pause between two heartbeats; a heartbeat that
    takes longer than `limit` seconds counts as failed."""

    def __init__(self, *, interval: float, limit: float) -> None:
        self.limit = limit
        self.is_available = False
        # Called with the reason when the store goes away, before anything else happens.
        self.on_away: Observers[[str]] = Observers("outages")
        self._interval = interval
        self._check: Callable[[], Awaitable[None]] | None = None
        self._asked_at: Callable[[], float | None] = lambda: None
        self._pending: asyncio.Task[None] | None = None
        self._back = asyncio.Event()
        self._check_requested = asyncio.Event()
        self.tasks = [
            BackgroundTask("laurels-heartbeat", self._turn, is_vital=True),
            BackgroundTask("laurels-commit-watch", self._watch, is_vital=True),
        ]

    async def start(self, check: Callable[[], Awaitable[None]], *, is_away: bool = False) -> None:
        """Call `check` regularly from now on, the first time before this returns.

        The first check opens the store and gets twice the time. With `is_away`, because the store was just found to be
        away, it is not waited for. Raises the error of the first check, except that the store is away.
        """
        self._check = check
        if is_away:
            error = StoreUnavailable("The database could not be reached a moment ago; it is asked again and again.")
        else:
            error = await self._beat(2 * self.limit)
        if error is not None and not isinstance(error, StoreUnavailable):
            raise error
        if error is None:
            self._mark_up()
        else:
            logger.warning("the store is away: %s", error)
        for task in self.tasks:
            task.start()

    def watch(self, asked_at: Callable[[], float | None]) -> None:
        """Watch commits too: `asked_at` returns when the running commit began (seconds, monotonic), or None."""
        self._asked_at = asked_at

    def mark_down(self, why: str) -> None:
        """Treat the store as away until a heartbeat succeeds; one is started at once."""
        self._check_requested.set()
        if self.is_available:
            logger.warning("the store is away: %s", why)
            self.is_available = False
            self._back.clear()
            self.on_away.tell(why)

    def request_check(self) -> None:
        """Start the next heartbeat now: a read has failed."""
        self._check_requested.set()

    async def wait(self) -> None:
        """Return when the store is available."""
        await self._back.wait()

    async def close(self) -> None:
        """Stop the heartbeats."""
        for task in self.tasks:
            await task.close()
        if self._pending is not None:
            # Not awaited: it may hang. Nobody else reads its error.
            self._pending.cancel()
            self._pending.add_done_callback(lambda done: done.cancelled() or done.exception())

    def _mark_up(self) -> None:
        self.is_available = True
        self._back.set()

    async def _turn(self) -> float:
        """Wait for the next heartbeat, and act on its result."""
        await wait_at_most(self._check_requested, self._interval)
        self._check_requested.clear()
        error = await self._beat(self.limit)
        if error is not None:
            self.mark_down(str(error))
            self._check_requested.clear()
            # A refusal comes at once: the interval keeps us from asking again in the same instant.
            return min(self._interval, 0.1)
        if not self.is_available and not self._hangs():
            logger.warning("the store is back")
            self._mark_up()
        return 0

    async def _beat(self, limit: float) -> Exception | None:
        """The error that the check raised; None if it succeeded. Only one check runs at a time, however long it takes:
        checks must not queue up in a store that hangs."""
        assert self._check is not None  # noqa: S101  set by start
        if self._pending is None:
            self._pending = asyncio.create_task(_call(self._check), name="laurels-check")
        done, _ = await asyncio.wait({self._pending}, timeout=limit)
        if not done:
            return StoreUnavailable(f"it has not answered for {counted(limit, 'second')}")
        task, self._pending = self._pending, None
        error = StoreUnavailable("The check was cancelled.") if task.cancelled() else task.exception()
        if error is not None and not isinstance(error, StoreError):
            if not isinstance(error, Exception):
                raise error
            logger.error("the store cannot be checked", exc_info=error)
        return error

    def _hangs(self) -> bool:
        asked_at = self._asked_at()
        return asked_at is not None and monotonic() - asked_at > self.limit

    async def _watch(self) -> float:
        if self.is_available and self._hangs():
            self.mark_down(f"a commit has taken more than {counted(self.limit, 'second')}")
        return self.limit / 10


async def _call(check: Callable[[], Awaitable[None]]) -> None:
    await check()
