"""Whose turn it is to be read: connections that have sent more than can be looked at in a moment, one after another.

What a client sends at once may be tens of thousands of chunks of a byte, and a thousand clients may send that: each of
them is read for a moment, and all of them together for no longer than a turn, after which everything else goes on.
"""

from __future__ import annotations

import asyncio
from collections import deque
from time import monotonic
from typing import Protocol

# Seconds of reading what one connection has sent, and what all have that wait for it, in one turn of the event loop.
SHARE = 0.0001
TURN = 0.001


class Reader(Protocol):
    """A connection with something to read."""

    def take_turn(self, until: float) -> bool:
        """Read until then, by `time.monotonic`. Whether there is more to read at once."""
        ...


class Turns:
    """The connections of one event loop that wait to be read. `share` and `turn`: see SHARE and TURN."""

    def __init__(self, loop: asyncio.AbstractEventLoop, *, share: float = SHARE, turn: float = TURN) -> None:
        self.loop = loop
        self.share = share
        self._turn = turn
        self._waiting: deque[Reader] = deque()
        self._next: asyncio.Handle | None = None

    @property
    def are_free(self) -> bool:
        """Whether nobody waits."""
        return not self._waiting

    def wait(self, reader: Reader) -> None:
        """Have it read after those who wait already."""
        self._waiting.append(reader)
        if self._next is None:
            self._next = self.loop.call_soon(self._take)

    def _take(self) -> None:
        self._next = None
        now = monotonic()
        until = now + self._turn
        while self._waiting:
            reader = self._waiting.popleft()
            if reader.take_turn(now + self.share):
                self._waiting.append(reader)
            now = monotonic()
            if now > until:
                break
        if self._waiting and self._next is None:
            self._next = self.loop.call_soon(self._take)
