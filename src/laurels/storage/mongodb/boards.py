"""The boards: each question is a walk along the index that keeps their order."""

from __future__ import annotations

from collections.abc import Collection

from bson.datetime_ms import DatetimeMS

from laurels.domain.ranking import Place, Standing
from laurels.storage.mongodb.connection import Database, Document
from laurels.storage.mongodb.documents import bounded, standing_of

ORDER = [("points", -1), ("reachedAt", 1), ("userId", 1)]
BACKWARDS = [("points", 1), ("reachedAt", -1), ("userId", -1)]
_LINE = {"_id": 0, "userId": 1, "points": 1, "events": 1, "reachedAt": 1}


def shown(board: str) -> Document:
    """The lines that a board shows; the index of its order holds no others."""
    return {"board": board, "shown": True}


def ranges(board: str, place: Place, *, ahead: bool) -> list[Document]:
    """What comes ahead of a place, or what follows it, as three ranges of the index: with other points, with the
    same points reached at another instant, and with both the same and another user id."""
    more, less = ("$gt", "$lt") if ahead else ("$lt", "$gt")
    points, reached_at = bounded(place.points), DatetimeMS(bounded(place.reached_at))
    return [
        {**shown(board), "points": {more: points}},
        {**shown(board), "points": points, "reachedAt": {less: reached_at}},
        {**shown(board), "points": points, "reachedAt": reached_at, "userId": {less: place.user_id}},
    ]


async def standings(
    database: Database, board: str, limit: int, after: Place | None, before: Place | None
) -> list[Standing]:
    """See `Store.standings`. The server merges the ranges in the order of the index and stops at the limit."""
    query, order = shown(board), ORDER
    if after is not None:
        query = {"$or": ranges(board, after, ahead=False)}
    elif before is not None:
        query, order = {"$or": ranges(board, before, ahead=True)}, BACKWARDS
    found = await database["standings"].find(query, _LINE).sort(order).limit(limit).to_list()
    lines = [standing_of(line["userId"], line) for line in found]
    return lines[::-1] if before is not None else lines


async def standings_of(database: Database, board: str, user_ids: Collection[str]) -> list[Standing]:
    """See `Store.standings_of`. By the index on user and board, however large the board."""
    asked = {"userId": {"$in": list(user_ids)}, **shown(board)}
    found = await database["standings"].find(asked, _LINE, hint="standings_user").to_list()
    return sorted((standing_of(line["userId"], line) for line in found), key=lambda line: line.place.sort_key)


async def standing(database: Database, board: str, user_id: str) -> Standing | None:
    """See `Store.standing`."""
    found = await database["standings"].find_one({"userId": user_id, **shown(board)}, _LINE)
    return standing_of(user_id, found) if found else None
