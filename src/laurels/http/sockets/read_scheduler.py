"""Turns for parsing: connections that have sent more than can be parsed in a moment take turns.

A client may send tens of thousands of one-byte chunks at once, and a thousand clients may do so. Each is parsed for a
moment, and all together for no longer than a turn, after which everything else continues.
"""

from __future__ import annotations

import asyncio
from collections import deque
from time import monotonic
from typing import Protocol

# Seconds for parsing the data of one connection, and of all waiting connections, in one turn of the event loop.
SHARE = 0.0001
TURN = 0.001


class Reader(Protocol):
    """A connection with data to parse."""

    def take_turn(self, until: float) -> bool:
        """Parse until then, by `time.monotonic`. Returns whether there is more to parse at once."""
        ...


class ReadScheduler:
    """The waiting connections of one event loop. `share` and `turn`: see SHARE and TURN."""

    def __init__(self, loop: asyncio.AbstractEventLoop, *, share: float = SHARE, turn: float = TURN) -> None:
        self.loop = loop
        self.share = share
        self._turn = turn
        self._waiting: deque[Reader] = deque()
        self._next: asyncio.Handle | None = None

    @property
    def are_free(self) -> bool:
        """Whether no connection waits."""
        return not self._waiting

    def wait(self, reader: Reader) -> None:
        """Queue it after those that wait already."""
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
