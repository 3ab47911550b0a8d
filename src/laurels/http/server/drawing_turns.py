"""Decides when a page or a picture is drawn: one at a time, and after the events that are being recorded.

Drawing takes up to a hundredth of a second of the event loop. A hundred drawings in a row would delay each event by a
second, though most events take a thousandth.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress
from time import monotonic

from laurels.http.wire.http_error import HttpError

WAITING = 500
# Seconds that a drawing waits for events at most: pages must appear while events come without end.
_PATIENCE = 0.02
_LOOK = 0.001


class DrawingTurns:
    """Gives turns in the order of their requests, to known viewers before strangers. At most `waiting` strangers wait,
    since each holds a place of all requests.

    `is_recording` says whether an event is being recorded.
    """

    def __init__(self, *, waiting: int = WAITING) -> None:
        self._most = waiting
        self._known: deque[asyncio.Future[None]] = deque()
        self._strangers: deque[asyncio.Future[None]] = deque()
        self._is_taken = False

    @asynccontextmanager
    async def turn(self, *, is_stranger: bool, is_recording: Callable[[], bool]) -> AsyncGenerator[None]:
        """Wait for a turn, which ends with the block. Raises HttpError where too many wait."""
        await self._take(self._strangers if is_stranger else self._known)
        try:
            until = monotonic() + _PATIENCE
            while is_recording() and monotonic() < until:  # noqa: ASYNC110  a commit that ends has no event
                await asyncio.sleep(_LOOK)
            yield
        finally:
            # Not at once: requests that are ready together would all find it free, and draw in a row.
            asyncio.get_running_loop().call_soon(self._pass_on)

    async def _take(self, line: deque[asyncio.Future[None]]) -> None:
        if not self._is_taken:
            self._is_taken = True
            return
        if line is self._strangers and len(line) >= self._most:
            detail = "Too many pages are being drawn; try again in a moment."
            raise HttpError(503, detail, headers={"Retry-After": "2"})
        mine = asyncio.get_running_loop().create_future()
        line.append(mine)
        try:
            await mine
        except asyncio.CancelledError:
            if mine.done() and not mine.cancelled():
                self._pass_on()
            else:
                # It may have been passed over in this very turn of the event loop.
                with suppress(ValueError):
                    line.remove(mine)
            raise

    def _pass_on(self) -> None:
        """Give the turn to the next who waits."""
        for line in (self._known, self._strangers):
            while line:
                following = line.popleft()
                if not following.done():
                    following.set_result(None)
                    return
        self._is_taken = False
