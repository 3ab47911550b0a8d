"""The active users of a period in the order of all their points: the order that some older clients expect.

No index has this order, and everybody may ask for it where boards are public. So one board at a time is put in order,
in small reads between which others get their turn, and the result is kept for a while.
"""

from __future__ import annotations

import asyncio
from time import monotonic

from msgspec import Struct

from laurels.application.lru_cache import LruCache
from laurels.application.ports.boards import BoardStore
from laurels.domain.boards.ranking import Standing

# A board of up to this many users is sorted as a whole. For a larger one the all-time board is read from its top: most
# boards have some of the users there.
_FEW = 1_000
# Users per read.
_PAGE = 500
# Lines that are kept of a board: the most that anybody may ask for.
_MOST = 100
_BOARDS = 200
# Seconds after which a board is put in order again even if nothing has changed, as for other pages.
_OLDEST = 1.0
# While the boards change, an order is kept for this many times the time that it took, but not for more seconds.
_LEISURE = 20
_LONGEST = 5.0

Line = tuple[Standing, int]
"""A user's standing on the board, and all their points."""


class _Kept(Struct, frozen=True):
    version: int
    made_at: float
    seconds: float
    lines: list[Line]


class TotalOrder:
    """The order of one store's boards. All methods raise StoreError."""

    def __init__(self, boards: BoardStore) -> None:
        self._boards = boards
        self._kept: LruCache[_Kept] = LruCache(_BOARDS)
        self._turn = asyncio.Lock()

    def forget(self) -> None:
        """Drop everything that is kept."""
        self._kept.clear()

    async def top(self, board: str, all_time: str, limit: int) -> list[Line]:
        """The first `limit` users of `board`, up to 100, in the order of the board `all_time`."""
        lines = await self._current(board)
        if lines is None:
            async with self._turn:
                # Somebody else may have just made it.
                lines = await self._current(board)
                if lines is None:
                    lines = await self._make(board, all_time)
        return lines[:limit]

    async def _current(self, board: str) -> list[Line] | None:
        kept = self._kept.get(board)
        if kept is None:
            return None
        age = monotonic() - kept.made_at
        if age < _OLDEST and kept.version == await self._boards.version():
            return kept.lines
        if age >= kept.seconds:
            return None
        # The order may be a little old; users who left the board are not shown for that.
        asked = [line.user_id for line, _ in kept.lines]
        shown = {each.user_id: each for each in await self._boards.standings_of(board, asked)}
        return [(shown[line.user_id], total) for line, total in kept.lines if line.user_id in shown]

    async def _make(self, board: str, all_time: str) -> list[Line]:
        version, made_at = await self._boards.version(), monotonic()
        lines = await self._lines(board, all_time)
        seconds = min(_LEISURE * (monotonic() - made_at), _LONGEST)
        self._kept.keep(board, _Kept(version, made_at, seconds, lines))
        return lines

    async def _lines(self, board: str, all_time: str) -> list[Line]:
        users = await self._boards.count(board)
        if users > _FEW:
            # Newcomers may all be far down: then the whole board is the shorter way.
            found = await self._from_top(board, all_time, most=users)
            if found is not None:
                return found
        return await self._of_all(board, all_time)

    async def _from_top(self, board: str, all_time: str, *, most: int) -> list[Line] | None:
        """The first of the all-time board who are on `board`; None if `most` users of it are too few to find them."""
        found: list[Line] = []
        after = None
        for _ in range(0, most, _PAGE):
            page = await self._boards.standings(all_time, limit=_PAGE, after=after)
            present = {each.user_id: each for each in await self._boards.standings_of(board, [o.user_id for o in page])}
            found += [(present[one.user_id], one.points) for one in page if one.user_id in present]
            if len(found) >= _MOST or len(page) < _PAGE:
                return found[:_MOST]
            after = page[-1].place
        return None

    async def _of_all(self, board: str, all_time: str) -> list[Line]:
        best: list[tuple[tuple[int, int, str], Line]] = []
        after = None
        while True:
            page = await self._boards.standings(board, limit=_PAGE, after=after)
            own = {standing.user_id: standing for standing in page}
            ever = await self._boards.standings_of(all_time, own)
            best += [(each.place.sort_key, (own[each.user_id], each.points)) for each in ever]
            best = sorted(best, key=lambda one: one[0])[:_MOST]
            if len(page) < _PAGE:
                return [line for _, line in best]
            after = page[-1].place
