"""The last answers, kept in memory within bounds, to be shown as stale while the store is away."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from time import monotonic

from msgspec import Struct

from laurels.application.lru_cache import LruCache
from laurels.application.queries.board_views import Leaderboard, Rank
from laurels.application.recording.recorder import Recorder
from laurels.domain.progress import Progress

BOARDS_BYTES = 8 * 1024 * 1024
# Seconds before an outage in which a board must have been read to be shown in it: somebody may have left an older one
# through another process.
OLDEST = 600.0


class _ReadBoard(Struct, frozen=True):
    board: Leaderboard
    read_at: float


class LastKnown:
    """The progress of users who were read or who wrote in this process, and the requested boards. `now`: seconds,
    monotonic."""

    def __init__(self, recorder: Recorder, users: LruCache[Progress], *, now: Callable[[], float] = monotonic) -> None:
        self._recorder = recorder
        self._users = users
        self._now = now
        self._boards: LruCache[_ReadBoard] = LruCache(BOARDS_BYTES, lambda read: _board_bytes(read.board))
        # When the store was first found to be away; None since it has answered again.
        self._away_since: float | None = None
        self.ranks: LruCache[Rank] = LruCache(BOARDS_BYTES, lambda _: 400)

    def forget(self) -> None:
        """Drop everything: a deleted user may appear in any of it."""
        self.forget_boards()
        self.ranks.clear()

    def forget_boards(self) -> None:
        """Drop all boards."""
        self._boards.clear()

    def keep_board(self, key: Hashable, board: Leaderboard) -> None:
        """Remember a board that was read just now."""
        self._away_since = None
        self._boards.keep(key, _ReadBoard(board, self._now()))

    def board(self, key: Hashable) -> Leaderboard | None:
        """The board that was last read for `key`, unless that was long before the store went away."""
        if self._away_since is None:
            self._away_since = self._now()
        read = self._boards.get(key)
        return None if read is None or read.read_at < self._away_since - OLDEST else read.board

    def progress(self, user_id: str) -> Progress | None:
        """The newest progress known of a user, to be used before the next await."""
        read = self._users.get(user_id)
        # Changes that a running commit has folded are not acknowledged yet.
        written = None if user_id in self._recorder.committer.uncommitted else self._recorder.cache.peek(user_id)
        if read is None or (written is not None and written.seq > read.seq):
            return written
        return read


def _board_bytes(board: Leaderboard) -> int:
    return 500 + sum(800 + 80 * len(row.badges) for row in board.leaderboard)
