"""Secrets as documents, one for each name."""

from __future__ import annotations

from pymongo import ReturnDocument
from pymongo.errors import DuplicateKeyError

from laurels.storage.mongodb.connection import Concern, Document, operation


class MongoSecrets(Concern):
    """See `SecretStore`."""

    @operation()
    async def keys(self, name: str, fresh: bytes) -> list[bytes]:
        secrets, named = self.database["secrets"], {"_id": {"$eq": name}}
        found = await secrets.find_one(named)
        if found is None:
            try:
                found = await secrets.find_one_and_update(
                    named, {"$setOnInsert": {"keys": [fresh]}}, upsert=True, return_document=ReturnDocument.AFTER
                )
            except DuplicateKeyError:
                # Another process has just created it.
                found = await secrets.find_one(named)
        return list((found or {})["keys"])

    @operation()
    async def rotate(self, name: str, fresh: bytes) -> None:
        newest: Document = {"$push": {"keys": {"$each": [fresh], "$position": 0, "$slice": 2}}}
        for attempt in (1, 2):
            try:
                await self.database["secrets"].update_one({"_id": {"$eq": name}}, newest, upsert=True)
            except DuplicateKeyError:
                if attempt == 2:
                    raise
            else:
                return
