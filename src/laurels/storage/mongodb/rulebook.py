"""The published rulebook: a collection for people who look into the database."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import msgspec
from pymongo import ReplaceOne

from laurels.domain.rules.rulebook_data import Badge
from laurels.storage.mongodb.connection import Concern, Document, operation
from laurels.storage.mongodb.documents import LARGEST_INTEGER


class MongoRulebook(Concern):
    """See `RulebookStore`."""

    @operation()
    async def publish(self, badges: Sequence[Badge]) -> bool:
        """Of two servers with different rulebooks that start at once each writes badges of its own;
        the next start puts that right."""
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


def document_of(badge: Badge, position: int) -> Document:
    """A badge as people read it; `position` is its place in the rulebook, from 1."""
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
