"""Deleting users without transactions.

An insertion cannot ask whether somebody is deleted, so two looks enclose it. Who records looks for tombstones before,
as part of `load`; whether anybody was deleted lately is known for `CACHED_FOR` seconds, so this costs ten small
questions a second at the most, and `mark_deleted` returns when every process's cached answer has expired. What had
passed that look comes to its projection a moment later, and whoever projects looks after having written, and removes
again what is of a deleted user. Of a tombstone, a removal, a writing and a look after it, in any order, nothing stays.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from time import monotonic

from bson.datetime_ms import DatetimeMS
from pymongo.errors import DuplicateKeyError

from laurels.domain.tombstones import Tombstone, digest_of
from laurels.storage.mongodb.connection import EACH_OPERATION, LONG, Concern, Database, Document, operation
from laurels.storage.mongodb.projections.boards import note_change
from laurels.storage.mongodb.projections.journal import count_fresh

# Seconds for which a process goes on believing that nobody was deleted since it last asked.
CACHED_FOR = 0.1
# More than any line's own: nothing that is projected late takes its place.
_LAST_SEQ = 2**62
# How often, and how many seconds apart, counting is tried before it is left to the next erasure.
_ROUNDS = 100
_PAUSE = 0.05
_REMEMBERED = 200_000
_BURIALS: Document = {"_id": "burials"}
OPEN: Document = {"userId": {"$exists": True}}
# Users looked up together, and bundles removed together.
_TOGETHER = 1_000
_PLACES = {"ledger": "ledger", "snapshots": "users", "boards": "standings"}


class DeletionCache:
    """Users who were found without a tombstone when `number` users had been deleted."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._number = 0
        self._asked_at = float("-inf")
        self._users: set[str] = set()

    async def deleted(self, user_ids: Collection[str], *, now: bool = False) -> frozenset[str]:
        """Who of some users is deleted; `now`: whatever was believed a moment ago."""
        if not user_ids:
            return frozenset()
        if now or monotonic() - self._asked_at > CACHED_FOR:
            asked_at = monotonic()
            found = await self._database["meta"].find_one(_BURIALS)
            number: int = found["number"] if found else 0
            if number != self._number or len(self._users) > _REMEMBERED:
                self._number = number
                self._users = set()
            self._asked_at = max(self._asked_at, asked_at)
        number, users = self._number, self._users
        if number == 0:
            return frozenset()
        unknown = set(user_ids) - users
        if not unknown:
            return frozenset()
        deleted = frozenset(await find_tombstones(self._database, unknown))
        # Into the set of that time: somebody may have been deleted since, and then another one is in use.
        users |= unknown - deleted
        return deleted


class MongoTombstones(Concern):
    """See `TombstoneStore`."""

    @operation()
    async def mark_deleted(self, user_id: str, at: int) -> Tombstone:
        try:
            await self.database["tombstones"].insert_one(
                {"_id": digest_of(user_id), "deletedAt": DatetimeMS(at), "userId": user_id}
            )
        except DuplicateKeyError:
            [found] = (await find_tombstones(self.database, (user_id,))).values()
            if not found.is_open:
                return found
        else:
            found = Tombstone(at, is_open=True)
        await _announce(self.database)
        # From here on everybody has asked again.
        await asyncio.sleep(CACHED_FOR + 0.02)
        return found

    @operation(within=EACH_OPERATION)
    async def purge(self, user_ids: Collection[str]) -> frozenset[str]:
        deleted = list(await find_tombstones(self.database, user_ids))
        if not deleted:
            return frozenset()
        await _announce(self.database)
        return await remove(self.database, deleted)

    @operation()
    async def find(self, user_ids: Collection[str]) -> dict[str, Tombstone]:
        return await find_tombstones(self.database, user_ids)

    @operation()
    async def open_ids(self) -> list[str]:
        found = await self.database["tombstones"].find(OPEN, {"userId": 1}).sort("userId").to_list()
        return [each["userId"] for each in found]

    @operation()
    async def close(self, user_ids: Collection[str]) -> None:
        digests = [digest_of(user_id) for user_id in user_ids]
        await self.database["tombstones"].update_many({"_id": {"$in": digests}}, {"$unset": {"userId": ""}})

    @operation(within=LONG)
    async def leftovers(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        if await self.database["tombstones"].find_one({}, {"_id": 1}) is None:
            return found
        for place, name in _PLACES.items():
            # Along an index that begins with the user's id.
            groups = await self.database[name].aggregate([{"$sort": {"userId": 1}}, {"$group": {"_id": "$userId"}}])
            some: list[str] = []
            async for group in groups:
                some.append(group["_id"])
                if len(some) == _TOGETHER:
                    await _note(self.database, some, place, found)
                    some.clear()
            await _note(self.database, some, place, found)
        return found


async def _announce(database: Database) -> None:
    # After the tombstone: who sees the new number finds it. Also for one whose process died before it could say so.
    await database["meta"].update_one(_BURIALS, {"$inc": {"number": 1}}, upsert=True)


async def find_tombstones(database: Database, user_ids: Collection[str]) -> dict[str, Tombstone]:
    """See `TombstoneStore.find`."""
    by_digest = {digest_of(user_id): user_id for user_id in user_ids}
    found = await database["tombstones"].find({"_id": {"$in": list(by_digest)}}).to_list()
    return {by_digest[each["_id"]]: Tombstone(int(each["deletedAt"]), "userId" in each) for each in found}


async def remove(database: Database, deleted: Collection[str]) -> frozenset[str]:
    """Remove what is held of deleted users; of whom something is left."""
    theirs: Document = {"userId": {"$in": list(deleted)}}
    # First off the boards, where a line without its card would show the id.
    await _hide(database, theirs)
    await database["users"].delete_many(theirs)
    await note_change(database)
    ledger = database["ledger"]
    while bundles := await ledger.find(theirs, {"_id": 1}).limit(_TOGETHER).to_list():
        # In parts: an operation has a time limit.
        await ledger.delete_many({**theirs, "_id": {"$in": [bundle["_id"] for bundle in bundles]}})
    for _ in range(_ROUNDS):
        await count_fresh(database)
        # A line goes when it is counted nowhere any more.
        hidden: Document = {**theirs, "seq": _LAST_SEQ, "fresh": {"$ne": True}, "counted": None}
        await database["standings"].delete_many(hidden)
        if await database["standings"].find_one(theirs, {"_id": 1}) is None:
            await note_change(database)
            return frozenset()
        await _hide(database, theirs)
        await asyncio.sleep(_PAUSE)
    return frozenset(await database["standings"].distinct("userId", theirs))


async def _hide(database: Database, theirs: Document) -> None:
    hidden: Document = {"$set": {"shown": False, "fresh": True, "seq": _LAST_SEQ}}
    await database["standings"].update_many({**theirs, "seq": {"$lt": _LAST_SEQ}}, hidden)


async def _note(database: Database, users: list[str], place: str, found: dict[str, list[str]]) -> None:
    for user_id in await find_tombstones(database, users):
        found.setdefault(user_id, []).append(place)
