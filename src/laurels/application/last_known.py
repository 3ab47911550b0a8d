"""What was last shown, kept in memory within bounds, to be shown again as stale while the store is away."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

from laurels.application.recorder import Recorder
from laurels.application.views import Leaderboard, Rank
from laurels.domain.progress import Progress

T = TypeVar("T")

USERS_BYTES = 32 * 1024 * 1024
BOARDS_BYTES = 8 * 1024 * 1024


class Recent(Generic[T]):
    """Values by key, least recently used out first while the sum of their sizes is beyond `limit` bytes."""

    def __init__(self, limit: int, size_of: Callable[[T], int]) -> None:
        self._limit = limit
        self._size_of = size_of
        self._bytes = 0
        self._items: OrderedDict[Hashable, tuple[T, int]] = OrderedDict()

    def keep(self, key: Hashable, value: T) -> None:
        _, size = self._items.pop(key, (None, 0))
        self._bytes -= size
        size = self._size_of(value)
        self._items[key] = (value, size)
        self._bytes += size
        while self._bytes > self._limit:
            _, (_, size) = self._items.popitem(last=False)
            self._bytes -= size

    def get(self, key: Hashable) -> T | None:
        found = self._items.get(key)
        if found is None:
            return None
        self._items.move_to_end(key)
        return found[0]


class LastKnown:
    """The progress of users who were read or who wrote in this process, and the boards that were asked for."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._users: Recent[Progress] = Recent(USERS_BYTES, _progress_bytes)
        self.boards: Recent[Leaderboard] = Recent(BOARDS_BYTES, _board_bytes)
        self.ranks: Recent[Rank] = Recent(BOARDS_BYTES, lambda _: 400)

    def keep(self, progress: Progress) -> None:
        """Remember a progress that was read. It must not be changed any more."""
        self._users.keep(progress.user_id, progress)

    def progress(self, user_id: str) -> Progress | None:
        """The newest progress known of a user, to be used before the next await."""
        read = self._users.get(user_id)
        # What a commit under way has folded is not acknowledged yet.
        written = None if user_id in self._recorder.unsettled else self._recorder.cache.peek(user_id)
        if read is None or (written is not None and written.seq > read.seq):
            return written
        return read


def _progress_bytes(progress: Progress) -> int:
    return 4_000 + 300 * len(progress.days) + 150 * len(progress.awards) + 150 * sum(map(len, progress.parts.values()))


def _board_bytes(board: Leaderboard) -> int:
    return 500 + sum(800 + 80 * len(row.badges) for row in board.leaderboard)
