"""Decides when a page or a picture is drawn: one at a time, and after the events that are being recorded.

Drawing takes up to a hundredth of a second of the event loop. A hundred drawings in a row would delay each event by a
second, though most events take a thousandth. And while events are recorded, so few can be drawn that one viewer could
ask for all of them: so viewers take turns, and known viewers with strangers.
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


class _Line:
    """Those who wait: one of each viewer in turn."""

    def __init__(self) -> None:
        self._of_viewer: dict[str, deque[asyncio.Future[None]]] = {}
        self.waiting = 0

    def append(self, viewer: str, waiting: asyncio.Future[None]) -> None:
        self._of_viewer.setdefault(viewer, deque()).append(waiting)
        self.waiting += 1

    def remove(self, viewer: str, waiting: asyncio.Future[None]) -> None:
        """Remove one who does not wait any more, and may have been passed over already."""
        own = self._of_viewer.get(viewer, deque())
        with suppress(ValueError):
            own.remove(waiting)
            self.waiting -= 1
            if not own:
                del self._of_viewer[viewer]

    def pop(self) -> asyncio.Future[None] | None:
        """The next who still waits."""
        while self._of_viewer:
            viewer = next(iter(self._of_viewer))
            own = self._of_viewer.pop(viewer)
            following = own.popleft()
            self.waiting -= 1
            if own:
                # Behind all others.
                self._of_viewer[viewer] = own
            if not following.done():
                return following
        return None


class DrawingTurns:
    """Gives turns to known viewers and strangers alternately, and among these to one viewer after the other. At most
    `waiting` strangers wait, since each holds a place of all requests.

    `is_recording` says whether an event is being recorded.
    """

    def __init__(self, *, waiting: int = WAITING) -> None:
        self._most = waiting
        self._known = _Line()
        self._strangers = _Line()
        self._is_taken = False
        self._was_stranger = False

    @asynccontextmanager
    async def turn(self, viewer: str, *, is_stranger: bool, is_recording: Callable[[], bool]) -> AsyncGenerator[None]:
        """Wait for a turn of `viewer`, which ends with the block. Raises HttpError where too many wait."""
        await self._take(viewer, self._strangers if is_stranger else self._known)
        self._was_stranger = is_stranger
        try:
            until = monotonic() + _PATIENCE
            while is_recording() and monotonic() < until:  # noqa: ASYNC110  a commit that ends has no event
                await asyncio.sleep(_LOOK)
            yield
        finally:
            # Not at once: requests that are ready together would all find it free, and draw in a row.
            asyncio.get_running_loop().call_soon(self._pass_on)

    async def _take(self, viewer: str, line: _Line) -> None:
        if not self._is_taken:
            self._is_taken = True
            return
        if line is self._strangers and line.waiting >= self._most:
            detail = "Too many pages are being drawn; try again in a moment."
            raise HttpError(503, detail, headers={"Retry-After": "2"})
        mine = asyncio.get_running_loop().create_future()
        line.append(viewer, mine)
        try:
            await mine
        except asyncio.CancelledError:
            if mine.done() and not mine.cancelled():
                self._pass_on()
            else:
                # It may have been passed over in this very turn of the event loop.
                line.remove(viewer, mine)
            raise

    def _pass_on(self) -> None:
        """Give the turn to the next who waits."""
        lines = (self._known, self._strangers) if self._was_stranger else (self._strangers, self._known)
        for line in lines:
            following = line.pop()
            if following is not None:
                following.set_result(None)
                return
        self._is_taken = False
