"""Reads the counts of the boards: the counted lines, and those not counted yet (`count_journal` explains how they are
counted).

See `laurels.domain.boards.point_ranges` for the meaning of a count.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Sequence

from bson import ObjectId

from laurels.domain.boards.point_ranges import LARGEST, TOP, PointRange, ranges_above, roll_up
from laurels.storage.mongodb.connection import Collection as Collected
from laurels.storage.mongodb.connection import Database, Document
from laurels.storage.mongodb.documents import bounded
from laurels.storage.mongodb.projections.count_journal import (
    FRESH,
    FRESH_INDEX,
    ID,
    UNCOUNTED,
    Batch,
    carry_out,
    counted_of,
    open_batch,
    points_of,
)

# Up to this many uncounted lines of a board are added when reading; if there are more, all its lines are counted.
FEW = 2_000
# Milliseconds during which nobody starts a batch while somebody compares counts with lines.
HOLD = 600_000

Ranges = Sequence[tuple[int, int, int]]
"""Level, and first and last bucket."""


async def counts_of(
    database: Database, board: str, asked: Iterable[int | None], *, few: int = FEW
) -> dict[int | None, int]:
    """The results of `count` above each of the given points (None: all).

    They are computed from the counts, as if the running batch were done, and the fresh lines. They are read again if
    the next batch was started in the meantime. If more than `few` lines were written since the last count, as after an
    import, the server reads all of the board's lines instead.
    """
    ranges = {above: _ranges(above) for above in asked}
    counts, standings = database["counts"], database["standings"]
    while True:
        batch = await open_batch(database)
        found, fresh = await asyncio.gather(
            asyncio.gather(*(_counted_in(counts, board, each) for each in ranges.values())),
            standings.find({"board": board, **FRESH}, UNCOUNTED, hint=FRESH_INDEX).limit(few + 1).to_list(),
        )
        if len(fresh) > few:
            return await _lines_of(standings, board, ranges)
        if (await _number(database)) == batch.number:
            return {
                above: _sum(batch, board, each, held) + _correction(batch, fresh, above) if each else 0
                for (above, each), held in zip(ranges.items(), found, strict=True)
            }


async def _lines_of(standings: Collected, board: str, asked: Collection[int | None]) -> dict[int | None, int]:
    """The same, by reading the board's lines in the index of its order."""
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


def _ranges(above: int | None) -> Ranges:
    """The ranges of users with more points than `above`; empty if nobody can have them."""
    if above is None or above < -LARGEST - 1:
        return [(TOP, -LARGEST - 1, LARGEST)]
    return [] if above >= LARGEST else list(ranges_above(above))


async def _counted_in(counts: Collected, board: str, ranges: Ranges) -> list[Document]:
    return await counts.find(_query(board, ranges), {"_id": 0}).to_list() if ranges else []


def _query(board: str, ranges: Ranges) -> Document:
    return {
        "$or": [
            {"board": board, "level": level, "bucket": {"$gte": first, "$lte": last}} for level, first, last in ranges
        ]
    }


async def _number(database: Database) -> int:
    found = await database["meta"].find_one(ID, {"number": 1})
    return found["number"] if found else 0


def _sum(batch: Batch, board: str, ranges: Ranges, found: list[Document]) -> int:
    total = 0
    applied: set[tuple[int, int]] = set()
    for each in found:
        if each["batch"] > batch.since:
            total += each["users"]
        if each["batch"] == batch.number:
            applied.add((each["level"], each["bucket"]))
    bounds = {level: (first, last) for level, first, last in ranges}
    for counted, change in batch.changes.items():
        if counted.board == board and counted.level in bounds and (counted.level, counted.bucket) not in applied:
            first, last = bounds[counted.level]
            total += change if first <= counted.bucket <= last else 0
    return total


def _correction(batch: Batch, fresh: list[Document], above: int | None) -> int:
    journaled: dict[ObjectId, int | None] = {line["_id"]: line["points"] for line in batch.lines}
    correction = 0
    for line in fresh:
        counted = journaled.get(line["_id"], counted_of(line, batch.since))
        points = points_of(line)
        correction += points is not None and (above is None or points > above)
        correction -= counted is not None and (above is None or counted > above)
    return correction


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
