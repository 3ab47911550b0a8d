"""Token buckets as documents."""

from __future__ import annotations

from typing import Any

from bson.datetime_ms import DatetimeMS
from pymongo import ReturnDocument, WriteConcern
from pymongo.errors import DuplicateKeyError

from laurels.application.ports.limits import Bucket, TokenGrant
from laurels.storage.mongodb.connection import Concern, Document, operation


class MongoLimits(Concern):
    """See `LimitStore`."""

    @operation()
    async def take(self, name: str, bucket: Bucket, wanted: int, now: int, *, least: int = 1) -> TokenGrant:
        # A failover may forget the last moment: that breaks no promise.
        buckets = self.database["buckets"].with_options(write_concern=WriteConcern(1))
        at = DatetimeMS(now)
        since = {"$max": [0, {"$subtract": [at, {"$ifNull": ["$at", at]}]}]}
        filled = {"$add": [{"$ifNull": ["$tokens", float(bucket.size)]}, {"$multiply": [since, bucket.rate / 1000]}]}
        update: list[Document] = [
            {"$set": {"tokens": {"$min": [float(bucket.size), filled]}, "at": {"$max": ["$at", at]}}},
            {"$set": {"taken": {"$min": [wanted, {"$floor": "$tokens"}]}}},
            {"$set": {"taken": {"$cond": [{"$lt": ["$taken", least]}, 0, "$taken"]}}},
            {"$set": {"tokens": {"$subtract": ["$tokens", "$taken"]}}},
        ]
        for attempt in (1, 2):
            try:
                found: Any = await buckets.find_one_and_update(
                    {"_id": {"$eq": name}}, update, upsert=True, return_document=ReturnDocument.AFTER
                )
                return TokenGrant(int(found["taken"]), float(found["tokens"]))
            except DuplicateKeyError:
                # Another process has just created it.
                if attempt == 2:
                    raise
        raise AssertionError("unreachable")
