"""Queries for the counts of the boards, and sums of them (`count_journal` explains how lines are counted, and
`board_counts` which of them a process keeps).

See `laurels.domain.boards.point_ranges` for the meaning of a count.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection, Iterable, Mapping, Sequence

from laurels.domain.boards.point_ranges import LARGEST, LEVELS, TOP, WIDTH, PointRange, roll_up
from laurels.storage.mongodb.connection import Collection as Collected
from laurels.storage.mongodb.connection import Database, Document
from laurels.storage.mongodb.documents import bounded
from laurels.storage.mongodb.projections.count_journal import (
    FRESH,
    ID,
    UNCOUNTED,
    carry_out,
    open_batch,
)

# Milliseconds during which nobody starts a batch while somebody compares counts with lines.
HOLD = 600_000
# Branches of one query: the server's planning time grows faster than their number.
_BRANCHES = 100

Family = tuple[int, int]
"""A level, and the range of the next level that its ranges make together. The highest level is one family."""

Users = dict[int, int]
"""The numbers of users in the ranges of a family, by bucket."""

_IS_OPEN: Document = {"$ne": ["$lines", []]}


def now_pipeline(board: str, user_ids: Collection[str], lines: int) -> list[Document]:
    """Over `standings`: the lines of users on a board, shown or not, up to `lines` of its fresh lines, and then the
    last batch and the version of the boards. The server reads the parts in this order.

    Lines come whole: each stage costs more time than the fields that it would leave out.
    """
    fresh = [{"$match": fresh_query(board)}, {"$limit": lines}]
    state = [
        {"$match": {"_id": {"$in": ["counts", "boards"]}}},
        {"$project": {"number": 1, "since": 1, "version": 1, "isOpen": _IS_OPEN}},
    ]
    own = [{"$match": own_query(board, user_ids)}, {"$unionWith": {"coll": "standings", "pipeline": fresh}}]
    return [*(own if user_ids else fresh), {"$unionWith": {"coll": "meta", "pipeline": state}}]


def missing_pipeline(board: str, families: Collection[Family], *, journal: bool, lines: int) -> list[Document]:
    """Over `meta`: a board's part of the journal, families of its counts, up to `lines` of its fresh lines, and the
    number of the last batch, which the server reads last."""
    name = {"$literal": board}
    of_board: Document = {
        "part": "journal",
        "isOpen": _IS_OPEN,
        "lines": {"$filter": {"input": "$lines", "cond": {"$eq": ["$$this.board", name]}}},
        "changes": {"$filter": {"input": "$changes", "cond": {"$eq": [{"$first": "$$this"}, name]}}},
    }
    stages: list[Document] = [{"$match": ID}, {"$project": of_board}] if journal else [{"$match": {"_id": None}}]
    branches = [family_query(board, family) for family in families]
    for start in range(0, len(branches), _BRANCHES):
        query: Document = {"$or": branches[start : start + _BRANCHES]}
        stages.append(
            _with("counts", query, 0, {"_id": 0, "part": "counts", "level": 1, "bucket": 1, "users": 1, "batch": 1})
        )
    if lines:
        stages.append(_with("standings", fresh_query(board), lines, {"part": "fresh", **UNCOUNTED}))
    return [*stages, _with("meta", ID, 0, {"_id": 0, "part": "until", "number": 1})]


def _with(collection: str, query: Document, limit: int, fields: Document) -> Document:
    stages: list[Document] = [{"$match": query}, *([{"$limit": limit}] if limit else []), {"$project": fields}]
    return {"$unionWith": {"coll": collection, "pipeline": stages}}


def own_query(board: str, user_ids: Collection[str]) -> Document:
    """The lines of users on a board, shown or not: otherwise the server might try the index of the board's order."""
    return {"userId": {"$in": list(user_ids)}, "board": board}


def fresh_query(board: str) -> Document:
    """The lines of a board that are not counted yet."""
    return {"board": board, **FRESH}


def ahead_query(board: str, points: int) -> Document:
    """The lines of a board with more points."""
    return {"board": board, "shown": True, "points": {"$gt": points}}


def family_query(board: str, family: Family) -> Document:
    """The counts of one family."""
    level, parent = family
    if level == TOP:
        return {"board": board, "level": TOP}
    first = parent << WIDTH
    return {"board": board, "level": level, "bucket": {"$gte": first, "$lte": first + 2**WIDTH - 1}}


def families_above(above: int | None) -> list[Family]:
    """The families with the ranges of users with more points than `above`; none if nobody can have them."""
    if above is None or above < -LARGEST - 1:
        return [(TOP, 0)]
    if above >= LARGEST:
        return []
    return [_family_of(level, above >> (WIDTH * level)) for level in range(LEVELS)]


def users_above(above: int | None, counts: Mapping[Family, Users]) -> int:
    """The number of counted users with more points than `above`; `counts` has its families."""
    if above is None or above < -LARGEST - 1:
        return sum(counts[TOP, 0].values())
    total = 0
    for family in families_above(above):
        own = above >> (WIDTH * family[0])
        total += sum(users for bucket, users in counts[family].items() if bucket > own)
    return total


def points_ahead(points: int, counts: Mapping[Family, Users], left: Sequence[int]) -> int | Family | None:
    """The next points above `points` with which users are counted, or None; or a family that is needed to tell, and is
    not in `counts`. `left`: the points, in order, of counted users who have others by now."""

    def nearest(family: Family, beyond: int | None) -> int | None:
        shift = WIDTH * family[0]
        return min(
            (
                bucket
                for bucket, users in counts[family].items()
                if (beyond is None or bucket > beyond)
                and users > bisect_left(left, bucket + 1 << shift) - bisect_left(left, bucket << shift)
            ),
            default=None,
        )

    for family in families_above(points):
        found = nearest(family, points >> (WIDTH * family[0]))
        if found is not None:
            for level in range(family[0] - 1, -1, -1):
                if (level, found) not in counts:
                    return level, found
                if (found := nearest((level, found), None)) is None:
                    return None
            return found
    return None


def counts_in(
    families: Iterable[Family],
    found: Iterable[Document],
    number: int,
    since: int,
    changes: Mapping[tuple[int, int], int],
) -> dict[Family, Users]:
    """The counts in documents, as if batch `number` were done, whose journal has `changes` by level and bucket."""
    counts: dict[Family, Users] = {family: {} for family in families}
    applied: set[tuple[int, int]] = set()
    for each in found:
        level, bucket = each["level"], each["bucket"]
        if each["batch"] > since:
            counts[_family_of(level, bucket)][bucket] = each["users"]
        if each["batch"] == number:
            applied.add((level, bucket))
    for (level, bucket), change in changes.items():
        users = counts.get(_family_of(level, bucket))
        if users is not None and (level, bucket) not in applied:
            users[bucket] = users.get(bucket, 0) + change
    return counts


def _family_of(level: int, bucket: int) -> Family:
    return (TOP, 0) if level == TOP else (level, bucket >> WIDTH)


async def lines_above(standings: Collected, board: str, asked: Collection[int | None]) -> dict[int | None, int]:
    """The number of users above each of the given points (None: all), from the lines of a board in its order."""
    # Bounds above the largest points of a line are all equivalent, and the driver accepts no larger integer.
    sums: Document = {
        f"above{number}": 1 if above is None else {"$cond": [{"$gt": ["$points", bounded(above)]}, 1, 0]}
        for number, above in enumerate(asked)
    }
    stages: list[Document] = [
        {"$match": {"board": board, "shown": True, "points": {"$gte": _lowest(asked)}}},
        {"$group": {"_id": None, **{name: {"$sum": each} for name, each in sums.items()}}},
    ]
    found = await (await standings.aggregate(stages, hint="standings_shown")).to_list()
    return {above: found[0][name] if found else 0 for name, above in zip(sums, asked, strict=True)}


def _lowest(asked: Collection[int | None]) -> int:
    known = [above for above in asked if above is not None]
    return bounded(min(known) if len(known) == len(asked) and known else -LARGEST)


async def _number(database: Database) -> int:
    found = await database["meta"].find_one(ID, {"number": 1})
    return found["number"] if found else 0


async def miscounted(database: Database) -> list[str]:
    """See `BoardStore.miscounted`. Nobody starts a batch in the meantime: lines change, but their counted values do
    not."""
    meta = database["meta"]
    await open_batch(database)
    try:
        while True:
            await meta.update_one(ID, [{"$set": {"heldUntil": {"$add": ["$$NOW", HOLD]}}}])
            batch = await open_batch(database)
            if batch.lines:
                await carry_out(database, batch)
            found = await _compare(database, batch.since)
            if await _number(database) == batch.number:
                return found
    finally:
        await meta.update_one(ID, {"$unset": {"heldUntil": ""}})


async def _compare(database: Database, since: int) -> list[str]:
    # A line that is not fresh is counted with its points; every counted line is in the counts of each level.
    lost: Document = {
        "fresh": {"$ne": True},
        "$expr": {"$not": [_holds({"$cond": ["$shown", "$points", None]}, since)]},
    }
    wrong: set[str] = set(await database["standings"].distinct("board", lost))
    grouped: list[Document] = [
        {"$match": {"batch": {"$gt": since}, "counted": {"$ne": None}}},
        {"$group": {"_id": {"board": "$board", "points": "$counted"}, "users": {"$sum": 1}}},
    ]
    of_boards: dict[tuple[str, int], int] = {}
    async for group in await database["standings"].aggregate(grouped):
        of_boards[group["_id"]["board"], group["_id"]["points"]] = group["users"]
    expected = roll_up(of_boards)
    async for each in database["counts"].find({"batch": {"$gt": since}, "users": {"$ne": 0}}):
        if expected.pop(PointRange(each["board"], each["level"], each["bucket"]), 0) != each["users"]:
            wrong.add(each["board"])
    return sorted(wrong | {counted.board for counted in expected})


def _holds(points: object, since: int) -> Document:
    return {"$and": [{"$eq": ["$counted", points]}, {"$gt": ["$batch", since]}]}
