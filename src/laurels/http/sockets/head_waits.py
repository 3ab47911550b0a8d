"""The connections whose next request has not arrived, those that have waited longest first.

Half a request costs its sender nothing, and neither does an idle connection. Where all places are taken, the connection
that has waited longest gives up its place to a new one: a usual client sends a request in one piece, and opens another
connection where its idle one is closed.
"""

from __future__ import annotations

from typing import Protocol


class Waiting(Protocol):
    """A connection that waits for a request."""

    def give_up_place(self) -> None:
        """Close."""
        ...


class HeadWaits:
    """The waiting connections of a process."""

    def __init__(self) -> None:
        self._waiting: dict[Waiting, None] = {}

    def add(self, connection: Waiting) -> None:
        """It waits from now on."""
        # At the end, even if it was there.
        self._waiting.pop(connection, None)
        self._waiting[connection] = None

    def discard(self, connection: Waiting) -> None:
        """It does not wait any more."""
        self._waiting.pop(connection, None)

    def end_oldest(self) -> bool:
        """End the connection that has waited longest; False if none waits."""
        for connection in self._waiting:
            del self._waiting[connection]
            connection.give_up_place()
            return True
        return False
