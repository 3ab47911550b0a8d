"""The last answers, kept in memory within bounds, to be shown as stale while the store is away."""

from __future__ import annotations

from laurels.application.lru_cache import LruCache
from laurels.application.queries.board_views import Leaderboard, Rank
from laurels.application.recording.recorder import Recorder
from laurels.domain.progress import Progress

BOARDS_BYTES = 8 * 1024 * 1024


class LastKnown:
    """The progress of users who were read or who wrote in this process, and the requested boards."""

    def __init__(self, recorder: Recorder, users: LruCache[Progress]) -> None:
        self._recorder = recorder
        self._users = users
        self.boards: LruCache[Leaderboard] = LruCache(BOARDS_BYTES, _board_bytes)
        self.ranks: LruCache[Rank] = LruCache(BOARDS_BYTES, lambda _: 400)

    def forget(self) -> None:
        """Drop everything: a deleted user may appear in any of it."""
        self.boards.clear()
        self.ranks.clear()

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
