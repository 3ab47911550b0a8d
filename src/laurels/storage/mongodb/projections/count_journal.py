"""The journal of the counts of the boards: it keeps them right without transactions, with any number of counting
processes, even if one of them dies.

A line stores the value that the counts hold of it (`counted`, as of the numbered `batch`) and whether that is out of
date (`fresh`, set in the same write that changes the line). Counting takes fresh lines and writes the necessary changes
into a journal with the next batch number. Then it applies them to each count whose own batch is smaller, marks the
lines, and closes the journal. A process that finds an open journal continues it. Each step is conditional on the
number, so it is done once, whatever the number of processes. Readers add lines that are not counted yet. See
`laurels.domain.boards.point_ranges` for the meaning of a count.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress

from msgspec import Struct, field
from pymongo import UpdateOne
from pymongo.errors import BulkWriteError, DuplicateKeyError

from laurels.domain.boards.point_ranges import PointRange, roll_up
from laurels.storage.mongodb.connection import Collection as Collected
from laurels.storage.mongodb.connection import Database, Document, duplicates
from laurels.storage.mongodb.projections.transactions import Transactions

FRESH: Document = {"fresh": True}
FRESH_INDEX = "standings_fresh"
# Lines in one journal, which is one document: at most two megabytes.
BATCH = 2_000
# Updates in one transaction: projections wait for it.
_TOGETHER = 150

ID: Document = {"_id": "counts"}
UNCOUNTED = {"userId": 1, "board": 1, "points": 1, "shown": 1, "seq": 1, "counted": 1, "batch": 1}


class Batch(Struct):
    """The state of counting. Data with a number up to `since` was made before the boards were last cleared, and is
    ignored. `lines` and `changes` are the journal; `lines` is empty if it is closed."""

    number: int = 0
    since: int = 0
    changes: dict[PointRange, int] = field(default_factory=dict[PointRange, int])
    lines: list[Document] = field(default_factory=list[Document])


async def count_fresh(database: Database, transactions: Transactions | None = None) -> None:
    """Count all lines that are fresh at the start, unless other processes do."""
    while await _count_some(database, transactions):
        pass


async def _count_some(database: Database, transactions: Transactions | None) -> bool:
    """Finish an open journal, and count a batch of fresh lines. Returns whether there may be more."""
    batch = await open_batch(database)
    if batch.lines:
        await carry_out(database, batch)
    lines = await database["standings"].find(FRESH, UNCOUNTED, hint=FRESH_INDEX).limit(BATCH).to_list()
    if not lines:
        return False
    changes: dict[tuple[str, int], int] = {}
    for line in lines:
        for points, change in ((points_of(line), 1), (counted_of(line, batch.since), -1)):
            if points is not None:
                changes[line["board"], points] = changes.get((line["board"], points), 0) + change
    journal = Batch(
        batch.number + 1, batch.since, roll_up(changes), [{**line, "points": points_of(line)} for line in lines]
    )
    if not await _open_journal(database, journal):
        # Another process was first, or somebody compares. Uncounted lines are added when reading.
        return False
    if not await _carry_out_together(database, journal, transactions):
        await carry_out(database, journal)
    return len(lines) == BATCH


async def _open_journal(database: Database, journal: Batch) -> bool:
    wanted: Document = {
        **ID,
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


async def _carry_out_together(database: Database, journal: Batch, transactions: Transactions | None) -> bool:
    """Carry out the steps of a journal in few transactions. Returns False if one of them did not succeed."""
    if transactions is None:
        return False
    changes = _count_updates(journal.changes.items(), journal.number, journal.since, may_add=True)
    steps = ("counts", changes), ("standings", _marks(journal)), ("meta", [_closing(journal.number)])
    for name, updates in steps:
        for start in range(0, len(updates), _TOGETHER):
            if not transactions.are_available:
                return False
            if not await transactions.write([(database[name], updates[start : start + _TOGETHER])]):
                return False
    return True


async def carry_out(database: Database, journal: Batch) -> None:
    """Carry out the remaining steps of a journal, and close it. Several processes may do so, and do it again later."""
    await _apply(database["counts"], journal.changes, journal.number, journal.since)
    await database["standings"].bulk_write(_marks(journal), ordered=False)
    await database["meta"].bulk_write([_closing(journal.number)])


def _closing(number: int) -> UpdateOne:
    return UpdateOne({**ID, "number": number}, {"$set": {"lines": [], "changes": []}})


def _marks(journal: Batch) -> list[UpdateOne]:
    number = journal.number
    return [
        UpdateOne(
            # Found by its own id: a line that was dropped and made again is a different one.
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


async def _apply(counts: Collected, changes: Mapping[PointRange, int], number: int, since: int) -> None:
    writes = list(changes.items())
    for may_add in (True, False):
        if not writes:
            return
        try:
            await counts.bulk_write(_count_updates(writes, number, since, may_add=may_add), ordered=False)
        except BulkWriteError as error:
            # It exists with this number or a later one: done. Or it was just created from an earlier one: repeat.
            writes = [writes[position] for position in duplicates(error)]
        else:
            return


def _count_updates(
    changes: Iterable[tuple[PointRange, int]], number: int, since: int, *, may_add: bool
) -> list[UpdateOne]:
    return [
        UpdateOne(
            {**counted._asdict(), "batch": {"$lt": number}},
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
        for counted, change in changes
    ]


async def open_batch(database: Database) -> Batch:
    """The batch in the journal: the last one, or the running one."""
    found = await database["meta"].find_one(ID)
    if found is None:
        # If several processes add the document at once, one succeeds.
        with suppress(DuplicateKeyError):
            await database["meta"].update_one(
                ID, {"$setOnInsert": {"number": 0, "since": 0, "lines": [], "changes": []}}, upsert=True
            )
        return await open_batch(database)
    return Batch(
        found["number"],
        found["since"],
        {PointRange(*counted): change for *counted, change in found["changes"]},
        found["lines"],
    )


async def advance(database: Database) -> None:
    """Make every process read the counts again, after some were removed."""
    batch = await open_batch(database)
    if batch.lines:
        await carry_out(database, batch)
    # If it is open again, another process has changed the number since.
    await database["meta"].update_one({**ID, "lines": []}, {"$inc": {"number": 1}})


def points_of(line: Document) -> int | None:
    """The points with which a line is to be counted; None if it is not shown."""
    return line["points"] if line["shown"] else None


def counted_of(line: Document, since: int) -> int | None:
    """The points with which the counts hold a line; None if they do not."""
    return line["counted"] if line.get("batch", 0) > since else None


async def forget(database: Database) -> None:
    """Start again after the lines were dropped: earlier counts are void, and lines that others have written in the
    meantime must be counted."""
    await open_batch(database)
    await database["meta"].update_one(
        ID,
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
    since = (await open_batch(database)).since
    await database["standings"].update_many(
        {"batch": {"$not": {"$gt": since}}}, {"$set": FRESH, "$unset": {"counted": "", "batch": ""}}
    )
    await database["counts"].delete_many({"batch": {"$not": {"$gt": since}}})
