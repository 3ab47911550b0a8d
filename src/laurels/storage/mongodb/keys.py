"""API keys as documents."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from bson.datetime_ms import DatetimeMS
from pymongo import UpdateOne
from pymongo.errors import DuplicateKeyError

from laurels.domain.keys import ApiKey
from laurels.storage.mongodb.connection import Concern, Database, Document, operation


class MongoKeys(Concern):
    """See `KeyStore`."""

    @operation()
    async def add(self, key: ApiKey) -> bool:
        document: Document = {
            "_id": key.prefix,
            "name": key.name,
            "scopes": sorted(key.scopes),
            "digest": key.digest,
            "createdAt": DatetimeMS(key.created_at),
        }
        for field, at in (
            ("expiresAt", key.expires_at),
            ("revokedAt", key.revoked_at),
            ("lastUsedAt", key.last_used_at),
        ):
            if at is not None:
                document[field] = DatetimeMS(at)
        try:
            await self.database["keys"].insert_one(document)
        except DuplicateKeyError:
            return False
        await _note_change(self.database)
        return True

    @operation()
    async def revoke(self, prefix: str, at: int) -> bool:
        update: list[Document] = [{"$set": {"revokedAt": {"$ifNull": ["$revokedAt", DatetimeMS(at)]}}}]
        found = await self.database["keys"].update_one({"_id": {"$eq": prefix}}, update)
        # Also for a key that was revoked before: that process may have died before this step.
        await _note_change(self.database)
        return found.matched_count == 1

    @operation()
    async def all(self) -> list[ApiKey]:
        found = await self.database["keys"].find().to_list()
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

    @operation()
    async def version(self) -> int:
        found = await self.database["meta"].find_one({"_id": "keys"})
        return found["version"] if found else 0

    @operation()
    async def touch(self, used: Mapping[str, int]) -> None:
        if used:
            await self.database["keys"].bulk_write(
                [
                    UpdateOne({"_id": {"$eq": prefix}}, {"$max": {"lastUsedAt": DatetimeMS(at)}})
                    for prefix, at in used.items()
                ],
                ordered=False,
            )


async def _note_change(database: Database) -> None:
    await database["meta"].update_one({"_id": "keys"}, {"$inc": {"version": 1}}, upsert=True)


def _instant(stored: Any) -> int | None:
    return None if stored is None else int(stored)
