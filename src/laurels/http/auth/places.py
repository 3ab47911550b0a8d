"""Limits how many requests of one end user run at once.

The rate limit counts each request as one, though some cost a thousand times more than others. A hundred costly ones at
once would delay everybody else's. So a few of one end user run at once, and the others wait for these.
"""

from __future__ import annotations

from asyncio import Semaphore
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from laurels.http.wire.http_error import HttpError

AT_ONCE = 4
# A browser sends six at a time, or by HTTP/2 through a proxy a page's pictures all together.
WAITING = 60


class _Line:
    __slots__ = ("inside", "turn")

    def __init__(self, at_once: int) -> None:
        self.inside = 0
        self.turn = Semaphore(at_once)


class Place:
    """A place of one request, which it may give back and take again."""

    __slots__ = ("_is_held", "_turn")

    def __init__(self, turn: Semaphore) -> None:
        self._turn = turn
        self._is_held = False

    async def take(self) -> None:
        """Wait for a place."""
        await self._turn.acquire()
        self._is_held = True

    def leave(self) -> None:
        """Give it back, if it is held."""
        if self._is_held:
            self._is_held = False
            self._turn.release()


class UserPlaces:
    """Lets `at_once` requests of each user run, in the order of their arrival, while at most `waiting` more wait."""

    def __init__(self, *, at_once: int = AT_ONCE, waiting: int = WAITING) -> None:
        self._at_once = at_once
        self._most = at_once + waiting
        self._lines: dict[str, _Line] = {}

    @asynccontextmanager
    async def entering(self, user_id: str) -> AsyncGenerator[Place]:
        """Wait for a place, which is given back at the end of the block. Raises HttpError where too many are inside."""
        line = self._lines.get(user_id)
        if line is None:
            line = self._lines[user_id] = _Line(self._at_once)
        if line.inside >= self._most:
            detail = "Too many requests with tokens of this user are under way; wait for the answers to some."
            raise HttpError(429, detail, headers={"Retry-After": "1"})
        line.inside += 1
        place = Place(line.turn)
        try:
            await place.take()
            yield place
        finally:
            place.leave()
            line.inside -= 1
            if not line.inside:
                del self._lines[user_id]

    def __len__(self) -> int:
        return len(self._lines)
