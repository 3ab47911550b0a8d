"""Deleting users without transactions.

An insertion cannot check whether a user is deleted, so two checks enclose it. A recorder checks for tombstones before,
as part of `load`. Whether anybody was deleted lately is cached for `CACHED_FOR` seconds. So this costs at most ten
small queries a second, and `mark_deleted` returns when every process's cache has expired. Events that passed that check
reach their projection a moment later. The projector checks after its write, and removes the data of deleted users
again. After a tombstone, a removal, a write and a check after it, in any order, nothing is left.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from contextlib import suppress
from time import monotonic

import pymongo
from bson.datetime_ms import DatetimeMS
from pymongo.errors import DuplicateKeyError, PyMongoError

from laurels.domain.tombstones import Tombstone, digest_of
from laurels.domain.webhooks import USER_DELETED
from laurels.storage.mongodb.connection import EACH_OPERATION, LONG, Concern, Database, Document, operation
from laurels.storage.mongodb.projections.boards import note_change
from laurels.storage.mongodb.projections.count_journal import count_fresh

# Seconds for which a process relies on its last check whether anybody was deleted.
CACHED_FOR = 0.1
# Higher than any line's own `seq`: no late projection replaces it.
_LAST_SEQ = 2**62
# The number of attempts to count, and the seconds between them, before it is left to the next erasure.
_ROUNDS = 100
_PAUSE = 0.05
_REMEMBERED = 200_000
# Seconds for a question that may remain without an answer.
_PATIENCE = 0.5
_BURIALS: Document = {"_id": "burials"}
OPEN: Document = {"userId": {"$exists": True}}
# Users that are looked up together, and bundles that are removed together.
_TOGETHER = 1_000
_PLACES = {
    "ledger": "ledger",
    "snapshots": "users",
    "boards": "standings",
    "webhook messages": "webhook_deliveries",
    "webhook cursors": "webhook_cursors",
    "webhook reminders": "webhook_reminders",
}


class DeletionCache:
    """Users who were found without a tombstone at the time when `number` users had been deleted."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._number = 0
        self._asked_at = float("-inf")
        self._users: set[str] = set()

    @property
    def number(self) -> int | None:
        """How many users had been deleted a moment ago; None if that was not asked lately."""
        return self._number if monotonic() - self._asked_at <= CACHED_FOR else None

    async def deleted(self, user_ids: Collection[str], *, now: bool = False) -> frozenset[str]:
        """The deleted users among the given ones; `now` ignores the cache."""
        return (await self.check(user_ids, now=now))[0]

    async def check(self, user_ids: Collection[str], *, now: bool = False) -> tuple[frozenset[str], int]:
        """The same, and how many users had been deleted when that was true."""
        if not user_ids:
            return frozenset(), self._number
        if now or self.number is None:
            await self.ask()
        number, users = self._number, self._users
        unknown = set(user_ids) - users if number else ()
        if not unknown:
            return frozenset(), number
        deleted = frozenset(await find_tombstones(self._database, unknown))
        # Into the set of that time: if somebody was deleted since, another set is in use.
        users |= unknown - deleted
        return deleted, number

    async def ask(self) -> None:
        """Ask the server whether anybody was deleted since."""
        asked_at = monotonic()
        found = await self._database["meta"].find_one(_BURIALS)
        number: int = found["number"] if found else 0
        if number != self._number or len(self._users) > _REMEMBERED:
            self._number = number
            self._users = set()
        self._asked_at = max(self._asked_at, asked_at)

    async def keep_recent(self) -> None:
        """Ask, unless that was just done, so that `number` is known for a while. Raises nothing if that fails."""
        if monotonic() - self._asked_at > CACHED_FOR / 2:
            with suppress(PyMongoError), pymongo.timeout(_PATIENCE):
                await self.ask()


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
        # From here on every process has checked again.
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
            # Uses an index that begins with the user's id.
            steps: list[Document] = [{"$sort": {"userId": 1}}, {"$group": {"_id": "$userId"}}]
            if name == "webhook_deliveries":
                # That they were deleted is told, and may stay.
                steps.insert(0, {"$match": {"type": {"$ne": USER_DELETED}}})
            groups = await self.database[name].aggregate(steps)
            some: list[str] = []
            async for group in groups:
                some.append(group["_id"])
                if len(some) == _TOGETHER:
                    await _note(self.database, some, place, found)
                    some.clear()
            await _note(self.database, some, place, found)
        return found


async def _announce(database: Database) -> None:
    # After the tombstone: a process that sees the new number finds it. Also covers a tombstone whose process died
    # before this step.
    await database["meta"].update_one(_BURIALS, {"$inc": {"number": 1}}, upsert=True)


async def find_tombstones(database: Database, user_ids: Collection[str]) -> dict[str, Tombstone]:
    """See `TombstoneStore.find`."""
    by_digest = {digest_of(user_id): user_id for user_id in user_ids}
    found = await database["tombstones"].find({"_id": {"$in": list(by_digest)}}).to_list()
    return {by_digest[each["_id"]]: Tombstone(int(each["deletedAt"]), "userId" in each) for each in found}


async def remove(database: Database, deleted: Collection[str]) -> frozenset[str]:
    """Remove the data of deleted users; return the users with data left."""
    theirs: Document = {"userId": {"$in": list(deleted)}}
    # First off the boards, where a line without its card would show the id.
    await _remove_lines(database, theirs)
    await database["users"].delete_many(theirs)
    await note_change(database)
    ledger = database["ledger"]
    while bundles := await ledger.find(theirs, {"_id": 1}).limit(_TOGETHER).to_list():
        # In parts: an operation has a time limit.
        await ledger.delete_many({**theirs, "_id": {"$in": [bundle["_id"] for bundle in bundles]}})
    for _ in range(_ROUNDS):
        await count_fresh(database)
        # A line is removed once no count includes it.
        hidden: Document = {**theirs, "seq": _LAST_SEQ, "fresh": {"$ne": True}, "counted": None}
        await database["standings"].delete_many(hidden)
        if await database["standings"].find_one(theirs, {"_id": 1}) is None:
            await note_change(database)
            return frozenset()
        await _remove_lines(database, theirs)
        await asyncio.sleep(_PAUSE)
    return frozenset(await database["standings"].distinct("userId", theirs))


async def _remove_lines(database: Database, theirs: Document) -> None:
    hidden: Document = {"$set": {"shown": False, "fresh": True, "seq": _LAST_SEQ}}
    await database["standings"].update_many({**theirs, "seq": {"$lt": _LAST_SEQ}}, hidden)


async def _note(database: Database, users: list[str], place: str, found: dict[str, list[str]]) -> None:
    for user_id in await find_tombstones(database, users):
        found.setdefault(user_id, []).append(place)
