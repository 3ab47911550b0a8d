"""The counts of the boards, kept right without transactions by any number of processes that may die at any moment.

A line says what the counts hold of it (`counted`, as of the numbered `batch`) and whether that is out of date
(`fresh`, set in the very write that changes the line). Counting takes fresh lines, writes what has to change into a
journal with the next batch number, applies it to each count whose own batch is smaller, marks the lines, and closes
the journal. Whoever finds a journal open carries it on; each step is conditional on the number, so it is done once
however many do it. Readers add what is not counted yet. See `laurels.domain.counts` for what a count is.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from bson import ObjectId
from msgspec import Struct, field
from pymongo import UpdateOne
from pymongo.errors import BulkWriteError, DuplicateKeyError

from laurels.domain.counts import LARGEST, TOP, Range, ranges_above, roll_up
from laurels.storage.mongodb.connection import Collection as Collected
from laurels.storage.mongodb.connection import Database, Document, duplicates
from laurels.storage.mongodb.documents import bounded

FRESH: Document = {"fresh": True}
FRESH_INDEX = "standings_fresh"
# Lines in one journal, which is one document: two megabytes at the most.
BATCH = 2_000
# So many lines of a board that are not counted are added when reading; where there are more, its lines are counted.
FEW = 2_000
# Milliseconds during which nobody begins a batch while somebody compares counts with lines.
HOLD = 600_000

Ranges = Sequence[tuple[int, int, int]]
"""Level, and first and last bucket."""

_ID: Document = {"_id": "counts"}
_UNCOUNTED = {"userId": 1, "board": 1, "points": 1, "shown": 1, "seq": 1, "counted": 1, "batch": 1}


class Batch(Struct):
    """Where counting stands. Whatever bears a number up to `since` was made before the boards were last cleared, and
    means nothing. `lines` and `changes` are the journal; there are no lines where it is closed."""

    number: int = 0
    since: int = 0
    changes: dict[Range, int] = field(default_factory=dict[Range, int])
    lines: list[Document] = field(default_factory=list[Document])


async def count_fresh(database: Database) -> None:
    """Count all lines that are fresh when it begins, unless others do."""
    while await _count_some(database):
        pass


async def _count_some(database: Database) -> bool:
    """Carry on with what is open, and count a batch of fresh lines; whether there may be more."""
    batch = await _batch(database)
    if batch.lines:
        await _carry_out(database, batch)
    lines = await database["standings"].find(FRESH, _UNCOUNTED, hint=FRESH_INDEX).limit(BATCH).to_list()
    if not lines:
        return False
    changes: dict[tuple[str, int], int] = {}
    for line in lines:
        for points, change in ((_points(line), 1), (_counted(line, batch.since), -1)):
            if points is not None:
                changes[line["board"], points] = changes.get((line["board"], points), 0) + change
    journal = Batch(
        batch.number + 1, batch.since, roll_up(changes), [{**line, "points": _points(line)} for line in lines]
    )
    if not await _open_journal(database, journal):
        # Another process was first, or somebody compares. What is not counted is added when reading.
        return False
    await _carry_out(database, journal)
    return len(lines) == BATCH


async def _open_journal(database: Database, journal: Batch) -> bool:
    wanted: Document = {
        **_ID,
        "number": journal.number - 1,
        "lines": [],
        "$expr": {"$lt": [{"$ifNull": ["$heldUntil", 0]}, "$$NOW"]},
    }
    fields: Document = {
        "number": journal.number,
        "changes": [[*counted, change] for counted, change in journal.changes.items()],
        "lines": [{name: line[name] for name in ("_id", "userId", "board", "points", "seq")} for line in journal.lines],
    }
    done = await database["meta"].update_one(wanted, {"$set": fields})
    return done.modified_count == 1


async def _carry_out(database: Database, journal: Batch) -> None:
    """Do what a journal says, as far as it is not done, and close it. May be done by several, and again later."""
    number = journal.number
    await _apply(database["counts"], journal.changes, number, journal.since)
    marks: list[Any] = [
        UpdateOne(
            # By its own id: a line that was dropped and made again is another one.
            {
                "userId": line["userId"],
                "board": line["board"],
                "_id": line["_id"],
                "batch": {"$not": {"$gte": number}},
            },
            [
                {
                    "$set": {
                        "counted": line["points"],
                        "batch": number,
                        # It may have changed since; then it stays for the next batch.
                        "fresh": {"$cond": [{"$eq": ["$seq", line["seq"]]}, "$$REMOVE", True]},
                    }
                }
            ],
        )
        for line in journal.lines
    ]
    await database["standings"].bulk_write(marks, ordered=False)
    closed: Document = {"$set": {"lines": [], "changes": []}}
    await database["meta"].update_one({**_ID, "number": number}, closed)


async def _apply(counts: Collected, changes: Mapping[Range, int], number: int, since: int) -> None:
    writes = [(dict(counted._asdict()), change) for counted, change in changes.items()]
    for may_add in (True, False):
        if not writes:
            return
        updates: list[Any] = [
            UpdateOne(
                {**counted, "batch": {"$lt": number}},
                [
                    {
                        "$set": {
                            "users": {"$add": [{"$cond": [{"$gt": ["$batch", since]}, "$users", 0]}, change]},
                            "batch": number,
                        }
                    }
                ],
                upsert=may_add,
            )
            for counted, change in writes
        ]
        try:
            await counts.bulk_write(updates, ordered=False)
        except BulkWriteError as error:
            # There, with this number or a later one: done. Or just made by somebody from an earlier: once more.
            writes = [writes[position] for position in duplicates(error)]
        else:
            return


async def _batch(database: Database) -> Batch:
    found = await database["meta"].find_one(_ID)
    if found is None:
        # Of several processes that add the document at once one succeeds.
        with suppress(DuplicateKeyError):
            await database["meta"].update_one(
                _ID, {"$setOnInsert": {"number": 0, "since": 0, "lines": [], "changes": []}}, upsert=True
            )
        return await _batch(database)
    return Batch(
        found["number"],
        found["since"],
        {Range(*counted): change for *counted, change in found["changes"]},
        found["lines"],
    )


def _points(line: Document) -> int | None:
    """The points with which a line is to be counted; None where it is not shown."""
    return line["points"] if line["shown"] else None


def _counted(line: Document, since: int) -> int | None:
    """The points with which the counts hold a line; None where they do not."""
    return line["counted"] if line.get("batch", 0) > since else None


async def counts_of(database: Database, board: str, asked: Iterable[int | None]) -> dict[int | None, int]:
    """What `count` tells above each of some numbers of points (None: in all).

    These are the counts, with the batch that is being worked on as if it were done, and the lines that are fresh. Read
    again where the next batch was begun meanwhile. Where much was written since anybody counted, as after an import,
    the server goes through all of the board's lines instead.
    """
    ranges = {above: _ranges(above) for above in asked}
    counts, standings = database["counts"], database["standings"]
    while True:
        batch = await _batch(database)
        found, fresh = await asyncio.gather(
            asyncio.gather(*(_counted_in(counts, board, each) for each in ranges.values())),
            standings.find({"board": board, **FRESH}, _UNCOUNTED, hint=FRESH_INDEX).limit(FEW + 1).to_list(),
        )
        if len(fresh) > FEW:
            return await _lines_of(standings, board, ranges)
        if (await _number(database)) == batch.number:
            return {
                above: _sum(batch, board, each, held) + _correction(batch, fresh, above) if each else 0
                for (above, each), held in zip(ranges.items(), found, strict=True)
            }


async def _lines_of(standings: Collected, board: str, asked: Collection[int | None]) -> dict[int | None, int]:
    """The same, by going through the board's lines in the index of its order."""
    # Above what lines can have, bounds tell nothing apart; the driver takes no integer beyond them.
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
    """The ranges in which those are who have more points than `above`; none where nobody can have."""
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
    found = await database["meta"].find_one(_ID, {"number": 1})
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
        counted = journaled.get(line["_id"], _counted(line, batch.since))
        points = _points(line)
        correction += points is not None and (above is None or points > above)
        correction -= counted is not None and (above is None or counted > above)
    return correction


async def forget(database: Database) -> None:
    """Begin anew, when the lines have been dropped: what was counted counts no more, and lines that others have written
    meanwhile are to be counted."""
    await _batch(database)
    await database["meta"].update_one(
        _ID,
        [
            {
                "$set": {
                    "number": {"$add": ["$number", 1]},
                    "since": {"$add": ["$number", 1]},
                    "lines": [],
                    "changes": [],
                }
            }
        ],
    )
    since = (await _batch(database)).since
    await database["standings"].update_many(
        {"batch": {"$not": {"$gt": since}}}, {"$set": FRESH, "$unset": {"counted": "", "batch": ""}}
    )
    await database["counts"].delete_many({"batch": {"$not": {"$gt": since}}})


async def miscounted(database: Database) -> list[str]:
    """See `BoardStore.miscounted`. Nobody begins a batch meanwhile: lines change, what is counted of them does not."""
    meta = database["meta"]
    await _batch(database)
    try:
        while True:
            await meta.update_one(_ID, [{"$set": {"heldUntil": {"$add": ["$$NOW", HOLD]}}}])
            batch = await _batch(database)
            if batch.lines:
                await _carry_out(database, batch)
            found = await _compare(database, batch.since)
            if await _number(database) == batch.number:
                return found
    finally:
        await meta.update_one(_ID, {"$unset": {"heldUntil": ""}})


async def _compare(database: Database, since: int) -> list[str]:
    # A line that is not fresh is counted with its points; whatever is counted is so in the counts, on every level.
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
        if expected.pop(Range(each["board"], each["level"], each["bucket"]), 0) != each["users"]:
            wrong.add(each["board"])
    return sorted(wrong | {counted.board for counted in expected})


def _holds(points: object, since: int) -> Document:
    return {"$and": [{"$eq": ["$counted", points]}, {"$gt": ["$batch", since]}]}
