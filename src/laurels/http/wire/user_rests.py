"""Bounds the share of a process that the long answers of one end user take.

A download is one request to the limits, however much it reads, and a document takes a tenth of a second of processor
time. So the parts of all long answers of one end user are made one after the other, with rests between them.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from time import monotonic

from laurels.http.auth.access import Caller

# A rest is this many times as long as the part before it, but at most so many seconds: a slow database alone must not
# keep a user from their data.
_REST = 3.0
_LONGEST = 1.0


class _Turns:
    __slots__ = ("lock", "rests_until", "users")

    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self.users = 0
        self.rests_until = 0.0


class UserRests:
    """The turns of the end users of this process. Keys have none: they are the platform's own."""

    def __init__(self) -> None:
        self._turns: dict[str, _Turns] = {}

    @asynccontextmanager
    async def turn(self, caller: Caller) -> AsyncGenerator[None]:
        """Wait for the caller's turn, and have it while the block runs."""
        user_id = caller.user_id
        if user_id is None:
            yield
            return
        turns = self._turns.setdefault(user_id, _Turns())
        turns.users += 1
        try:
            async with turns.lock:
                await asyncio.sleep(max(0.0, turns.rests_until - monotonic()))
                started = monotonic()
                try:
                    yield
                finally:
                    now = monotonic()
                    turns.rests_until = now + min(_REST * (now - started), _LONGEST)
        finally:
            turns.users -= 1
            if not turns.users:
                # Until the rest is over: who comes again at once waits for it.
                asyncio.get_running_loop().call_later(_LONGEST, self._forget, user_id)

    def _forget(self, user_id: str) -> None:
        turns = self._turns.get(user_id)
        if turns is not None and not turns.users and turns.rests_until <= monotonic():
            del self._turns[user_id]

    async def each(self, caller: Caller, pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """The pieces, each made in a turn of the caller."""
        while True:
            async with self.turn(caller):
                piece = await anext(pieces, None)
            if piece is None:
                return
            yield piece
