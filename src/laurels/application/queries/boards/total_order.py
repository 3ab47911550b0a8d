"""The active users of a period in the order of all their points: the order that some older clients expect."""

from __future__ import annotations

from laurels.application.ports.store import Store
from laurels.domain.boards.ranking import Standing

# A board of up to this many users is sorted as a whole; for a larger one the all-time board is read from its top.
_FEW = 5_000
_PAGE = 1_000


async def by_total(store: Store, board: str, all_time: str, limit: int) -> list[tuple[Standing, int]]:
    """The first `limit` users of `board`, in the order of the board `all_time`: their standings on the first and their
    points on the second. Raises StoreError."""
    if await store.boards.count(board) <= _FEW:
        active = await store.boards.standings(board, limit=_FEW)
        own = {standing.user_id: standing for standing in active}
        ever = await store.boards.standings_of(all_time, own)
        return [(own[standing.user_id], standing.points) for standing in ever[:limit]]
    found: list[tuple[Standing, int]] = []
    after = None
    while len(found) < limit:
        page = await store.boards.standings(all_time, limit=_PAGE, after=after)
        if not page:
            break
        after = page[-1].place
        present = {each.user_id: each for each in await store.boards.standings_of(board, [one.user_id for one in page])}
        found += [(present[one.user_id], one.points) for one in page if one.user_id in present]
    return found[:limit]
