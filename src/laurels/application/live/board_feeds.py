"""The feed of one client that follows a board, and what all followers of the board share.

There is nothing to catch up with: a client that was away or slow gets the present state of the board.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from time import monotonic

from laurels.application.live.feeds import Signal
from laurels.application.live.messages import Message


class BoardChannel:
    """The visible top of one board, shared by all its followers.

    `followers`: the number of feeds of each follower. `read_at`: when it was last read, in monotonic seconds.
    """

    def __init__(self) -> None:
        self.signal = Signal()
        self.followers: Counter[str] = Counter()
        self.read_at = float("-inf")
        self.message: Message | None = None

    def show(self, message: Message) -> None:
        """Set the present state of the board."""
        if self.message is None or self.message.id != message.id:
            self.message = message
            self.signal.give()


class BoardFeed:
    """The states of a board, each as it is when it is taken: a slow client misses the states in between."""

    def __init__(self, last_id: str, channel: BoardChannel, *, on_close: Callable[[], None]) -> None:
        self.is_ended = False
        self._woken = asyncio.Event()
        self._last_id = last_id
        self._channel = channel
        self._on_close = on_close

    async def take(self, within: float) -> list[Message]:
        until = monotonic() + within
        while not self.is_ended:
            message = self._channel.message
            if message is not None and message.id != self._last_id:
                self._last_id = message.id
                return [message]
            if not await self._channel.signal.wait(self._woken, until):
                break
        return []

    def close(self) -> None:
        if not self.is_ended:
            self.is_ended = True
            self._on_close()
            self._woken.set()
