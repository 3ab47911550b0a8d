"""The order in which followed boards are read, when there are more than can be read at once.

Each board costs a read, and one follower may follow hundreds of boards that nobody else asks for. So the boards that
most followers have in common are read first, and then one of each follower in turn, longest waiting first.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TypeVar

from laurels.application.live.board_feeds import BoardChannel

K = TypeVar("K")

# Boards that are read before those of each follower in turn: the ones with the most followers.
COMMON = 16


def in_turn(boards: Mapping[K, BoardChannel]) -> list[tuple[K, BoardChannel]]:
    """The boards, those that are to be read first at the beginning."""
    waiting = sorted(boards.items(), key=lambda board: board[1].read_at)
    common = sorted((board for board in waiting if len(board[1].followers) > 1), key=_unpopularity)[:COMMON]
    # How many boards of each follower come before; a board has the best place that one of its followers gives it.
    before: Counter[str] = Counter()
    places: dict[K, int] = {key: -1 for key, _ in common}
    for _, channel in common:
        before.update(channel.followers.keys())
    for key, channel in waiting:
        if key not in places:
            places[key] = min((before[follower] for follower in channel.followers), default=0)
            before.update(channel.followers.keys())
    return sorted(waiting, key=lambda board: places[board[0]])


def _unpopularity(board: tuple[object, BoardChannel]) -> int:
    return -len(board[1].followers)
