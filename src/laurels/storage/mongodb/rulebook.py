"""The published rulebook as documents, and a collection of its badges for people who read the database."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import msgspec
from pymongo import ReplaceOne
from pymongo.errors import DuplicateKeyError

from laurels.application.ports.rulebook import PublishedRulebook
from laurels.domain.rules.rulebook_data import Badge
from laurels.storage.mongodb.connection import Concern, Document, operation
from laurels.storage.mongodb.documents import LARGEST_INTEGER


class MongoRulebook(Concern):
    """See `RulebookStore`."""

    @operation()
    async def newest(self) -> PublishedRulebook | None:
        found = await self.database["rulebooks"].find_one(sort=[("_id", -1)])
        return None if found is None else _published(found)

    @operation()
    async def version(self) -> int:
        found = await self.database["rulebooks"].find_one({}, {"_id": 1}, sort=[("_id", -1)])
        return 0 if found is None else int(found["_id"])

    @operation()
    async def add(self, rulebook: PublishedRulebook) -> bool:
        rulebooks = self.database["rulebooks"]
        found = await rulebooks.find_one({}, {"_id": 1}, sort=[("_id", -1)])
        if (0 if found is None else found["_id"]) != rulebook.version - 1:
            # A write that is repeated because its answer was lost finds itself.
            stands = await rulebooks.find_one({"_id": rulebook.version, "digest": rulebook.digest})
            return stands is not None and _published(stands) == rulebook
        document: Document = {
            "_id": rulebook.version,
            "name": rulebook.name,
            "digest": rulebook.digest,
            "fingerprint": rulebook.fingerprint,
            "publishedAt": rulebook.published_at,
            "publishedBy": rulebook.published_by,
            "content": rulebook.content.decode(),
        }
        try:
            await rulebooks.insert_one(document)
        except DuplicateKeyError:
            return False
        return True

    @operation()
    async def versions(self, *, limit: int) -> list[PublishedRulebook]:
        found = self.database["rulebooks"].find({}, {"content": 0}).sort("_id", -1).limit(limit)
        return [_published(document) async for document in found]

    @operation()
    async def get(self, version: int) -> PublishedRulebook | None:
        found = await self.database["rulebooks"].find_one({"_id": {"$eq": version}})
        return None if found is None else _published(found)

    @operation()
    async def describe(self, badges: Sequence[Badge]) -> bool:
        """If two servers with different rulebooks start at once, each writes its own badges; the next start corrects
        that."""
        achievements = self.database["achievements"]
        wanted = [document_of(badge, position) for position, badge in enumerate(badges, 1)]
        if await achievements.find().sort("_id").to_list() == sorted(wanted, key=lambda badge: badge["_id"].encode()):
            return False
        if wanted:
            await achievements.bulk_write(
                [ReplaceOne({"_id": badge["_id"]}, badge, upsert=True) for badge in wanted], ordered=False
            )
        await achievements.delete_many({"_id": {"$nin": [badge["_id"] for badge in wanted]}})
        return True


def _published(document: Document) -> PublishedRulebook:
    return PublishedRulebook(
        version=int(document["_id"]),
        name=document["name"],
        digest=document["digest"],
        fingerprint=document["fingerprint"],
        published_at=int(document["publishedAt"]),
        published_by=document["publishedBy"],
        content=document.get("content", "").encode(),
    )


def document_of(badge: Badge, position: int) -> Document:
    """A badge in readable form; `position` is its place in the rulebook, from 1."""
    return {
        "_id": badge.id,
        "badgeId": badge.id,
        "name": badge.name,
        "description": badge.description,
        "icon": badge.icon,
        "category": badge.category,
        "rarity": badge.rarity,
        "points": badge.points,
        "position": position,
        "criterion": _plain(msgspec.to_builtins(badge.criterion, order="deterministic")),
    }


def _plain(value: Any) -> Any:
    """`value` with integers that BSON cannot hold as text."""
    match value:
        case dict():
            return {name: _plain(part) for name, part in cast("Document", value).items()}
        case list():
            return [_plain(part) for part in cast("list[Any]", value)]
        case int() if abs(value) > LARGEST_INTEGER:
            return str(value)
        case _:
            return value
