"""How many requests of one end user are worked on at once.

What a request costs differs a thousandfold, and the limit for a minute counts it as one. A hundred at once of the
costly ones would stand in the lines for the processor and the store ahead of everybody else's; here those of one user
stand in a line of their own.
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
    """Lets so many requests of each user through `at_once`, in the order in which they come, while at most so many
    more are `waiting`."""

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
