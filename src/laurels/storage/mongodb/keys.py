"""Keys and token buckets as documents."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from bson.datetime_ms import DatetimeMS
from pymongo import ReturnDocument, UpdateOne, WriteConcern
from pymongo.errors import DuplicateKeyError

from laurels.application.ports.keys import Bucket, Grant
from laurels.domain.keys import ApiKey
from laurels.storage.mongodb.connection import Database, Document


async def add_key(database: Database, key: ApiKey) -> bool:
    """See `CallerStore.add_key`."""
    document: Document = {
        "_id": key.prefix,
        "name": key.name,
        "scopes": sorted(key.scopes),
        "digest": key.digest,
        "createdAt": DatetimeMS(key.created_at),
    }
    for field, at in (("expiresAt", key.expires_at), ("revokedAt", key.revoked_at), ("lastUsedAt", key.last_used_at)):
        if at is not None:
            document[field] = DatetimeMS(at)
    try:
        await database["keys"].insert_one(document)
    except DuplicateKeyError:
        return False
    await _note_change(database)
    return True


async def revoke_key(database: Database, prefix: str, at: int) -> bool:
    """See `CallerStore.revoke_key`."""
    update: list[Document] = [{"$set": {"revokedAt": {"$ifNull": ["$revokedAt", DatetimeMS(at)]}}}]
    found = await database["keys"].update_one({"_id": {"$eq": prefix}}, update)
    # Also for one that was revoked before: whoever did that may have died before this.
    await _note_change(database)
    return found.matched_count == 1


async def keys(database: Database) -> list[ApiKey]:
    """See `CallerStore.keys`."""
    found = await database["keys"].find().to_list()
    listed = [
        ApiKey(
            prefix=each["_id"],
            name=each["name"],
            scopes=frozenset(cast("list[str]", each["scopes"])),
            digest=each["digest"],
            created_at=int(each["createdAt"]),
            expires_at=_instant(each.get("expiresAt")),
            revoked_at=_instant(each.get("revokedAt")),
            last_used_at=_instant(each.get("lastUsedAt")),
        )
        for each in found
    ]
    return sorted(listed, key=lambda key: (key.created_at, key.prefix))


async def keys_version(database: Database) -> int:
    """See `CallerStore.keys_version`."""
    found = await database["meta"].find_one({"_id": "keys"})
    return found["version"] if found else 0


async def touch_keys(database: Database, used: Mapping[str, int]) -> None:
    """See `CallerStore.touch_keys`."""
    if used:
        await database["keys"].bulk_write(
            [
                UpdateOne({"_id": {"$eq": prefix}}, {"$max": {"lastUsedAt": DatetimeMS(at)}})
                for prefix, at in used.items()
            ],
            ordered=False,
        )


async def take_tokens(database: Database, name: str, bucket: Bucket, wanted: int, now: int) -> Grant:
    """See `CallerStore.take_tokens`."""
    # Nothing is lost that anybody was promised when a failover forgets the last moment.
    buckets = database["buckets"].with_options(write_concern=WriteConcern(1))
    at = DatetimeMS(now)
    since = {"$max": [0, {"$subtract": [at, {"$ifNull": ["$at", at]}]}]}
    filled = {"$add": [{"$ifNull": ["$tokens", float(bucket.size)]}, {"$multiply": [since, bucket.rate / 1000]}]}
    update: list[Document] = [
        {"$set": {"tokens": {"$min": [float(bucket.size), filled]}, "at": {"$max": ["$at", at]}}},
        {"$set": {"taken": {"$min": [wanted, {"$floor": "$tokens"}]}}},
        {"$set": {"tokens": {"$subtract": ["$tokens", "$taken"]}}},
    ]
    for attempt in (1, 2):
        try:
            found: Any = await buckets.find_one_and_update(
                {"_id": {"$eq": name}}, update, upsert=True, return_document=ReturnDocument.AFTER
            )
            return Grant(int(found["taken"]), float(found["tokens"]))
        except DuplicateKeyError:
            # Another process has just made it.
            if attempt == 2:
                raise
    raise AssertionError("unreachable")


async def _note_change(database: Database) -> None:
    await database["meta"].update_one({"_id": "keys"}, {"$inc": {"version": 1}}, upsert=True)


def _instant(stored: Any) -> int | None:
    return None if stored is None else int(stored)
