"""Finds users that are behind: reads the part of the ledger written since everything was last known to be projected.

The ledger of a cluster has no single order of writing. Each bundle carries the server's own time of its insertion,
which no client's clock can disturb, and `meta` keeps an instant up to which every user was found projected. That mark
stays `MARGIN` seconds behind the newest visible bundle. An insertion gets its time when it begins and becomes visible
when it is done, and the time limit of operations bounds the difference.
"""

from __future__ import annotations

from typing import Any

from bson import Timestamp
from bson.datetime_ms import DatetimeMS

from laurels.storage.mongodb.connection import Database, Document

# Seconds; twice the maximum duration of an insertion.
MARGIN = 60
WRITTEN_INDEX = "ledger_written"


async def behind(database: Database, limit: int, before: int, *, margin: int = MARGIN) -> list[str]:
    """See `SnapshotStore.behind`. The mark stays `margin` seconds behind the newest bundle."""
    ledger, meta = database["ledger"], database["meta"]
    kept = await meta.find_one({"_id": "projected"})
    up_to: Timestamp = kept["upTo"] if kept else Timestamp(0, 0)
    newest = await ledger.find_one({}, {"writtenAt": 1}, sort=[("writtenAt", -1)])
    if newest is None:
        return []
    young = await ledger.find_one(young_query(up_to, before), {"writtenAt": 1}, sort=[("writtenAt", 1)])
    waiting = await (await ledger.aggregate(waiting_pipeline(up_to, before, limit))).to_list()
    if not waiting:
        seconds: int = newest["writtenAt"].time - margin
        if young is not None:
            seconds = min(seconds, young["writtenAt"].time - 1)
        if seconds > up_to.time:
            mark: Document = {"$max": {"upTo": Timestamp(seconds, 0)}}
            await meta.update_one({"_id": "projected"}, mark, upsert=True)
    return [user["_id"] for user in waiting]


def young_query(up_to: Timestamp, before: int) -> Document:
    """Bundles that are too young to be checked: from the first one on nothing is known to be projected."""
    return {"writtenAt": {"$gt": up_to}, "recordedAt": {"$gte": DatetimeMS(before)}}


def waiting_pipeline(up_to: Timestamp, before: int, limit: int) -> list[dict[str, Any]]:
    """Users who wrote since the mark and whose snapshot lacks some of it; the longest waiting first."""
    return [
        {"$match": {"writtenAt": {"$gt": up_to}, "recordedAt": {"$lt": DatetimeMS(before)}}},
        {"$group": {"_id": "$userId", "lastSeq": {"$max": "$lastSeq"}}},
        {
            "$lookup": {
                "from": "users",
                "localField": "_id",
                "foreignField": "userId",
                "pipeline": [{"$project": {"_id": 0, "seq": 1}}],
                "as": "user",
            }
        },
        {"$set": {"seq": {"$ifNull": [{"$first": "$user.seq"}, 0]}}},
        {"$match": {"$expr": {"$gt": ["$lastSeq", "$seq"]}}},
        {
            "$lookup": {
                "from": "ledger",
                "localField": "_id",
                "foreignField": "userId",
                "let": {"seq": "$seq"},
                "pipeline": [
                    {"$match": {"$expr": {"$gt": ["$lastSeq", "$$seq"]}}},
                    {"$sort": {"lastSeq": 1}},
                    {"$limit": 1},
                    {"$project": {"_id": 0, "writtenAt": 1}},
                ],
                "as": "lacks",
            }
        },
        {"$project": {"since": {"$first": "$lacks.writtenAt"}}},
        {"$sort": {"since": 1}},
        {"$limit": limit},
    ]


async def newest(database: Database) -> Timestamp:
    """The time of the newest visible bundle."""
    found = await database["ledger"].find_one({}, {"_id": 0, "writtenAt": 1}, sort=[("writtenAt", -1)])
    return found["writtenAt"] if found else Timestamp(0, 0)


def before_margin(latest: Timestamp) -> Timestamp:
    """The time before which no bundle can become visible any more."""
    return Timestamp(max(0, latest.time - MARGIN), 0)


def mark_of(time: Timestamp) -> str:
    """A time as a mark of the port."""
    return f"{time.time}:{time.inc}"


def time_of(mark: str) -> Timestamp:
    """The time behind a mark."""
    seconds, _, count = mark.partition(":")
    return Timestamp(int(seconds), int(count))
