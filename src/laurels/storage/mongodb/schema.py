"""The collections and their indexes, and how a database gets from one version of them to the next.

`ledger` is the record and `learning_events` a view of it, one row per event. `users`, `standings` and `counts` are
projections and can be dropped at any time. Each unique index of the first three begins with the user's id, so that
they can be sharded by user.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from time import monotonic
from typing import Any
from uuid import uuid4

from pymongo import IndexModel
from pymongo.errors import DuplicateKeyError, OperationFailure

from laurels.application.ports.boards import counted_under
from laurels.errors import StoreIncompatible, StoreUnavailable
from laurels.storage.mongodb.connection import OLDEST_WIRE_VERSION, Database, Document
from laurels.storage.mongodb.projections.boards import EARNED_INDEX, HELD_INDEX
from laurels.storage.mongodb.projections.journal import FRESH, FRESH_INDEX
from laurels.storage.mongodb.projections.snapshots import PENDING, PENDING_INDEX
from laurels.storage.mongodb.tombstones import OPEN

INDEXES: dict[str, list[IndexModel]] = {
    "ledger": [
        # A user's entries in order, after one of them. The one to shard by: no array is in it.
        IndexModel({"userId": 1, "lastSeq": 1, "firstSeq": 1}, name="ledger_user", unique=True),
        # Two writers cannot both make a user's next entry.
        IndexModel({"userId": 1, "entries.seq": 1}, name="ledger_user_seq", unique=True),
        # Is this event recorded already? (Bundles without an event have no ids and do not collide.)
        IndexModel(
            {"userId": 1, "eventIds": 1},
            name="ledger_user_event",
            unique=True,
            partialFilterExpression={"eventIds": {"$exists": True}},
        ),
        # Who are the users? One key for each, at their first entry.
        IndexModel({"userId": 1}, name="ledger_users", partialFilterExpression={"firstSeq": 1}),
        # What came in since all was last known to be projected.
        IndexModel({"writtenAt": 1, "recordedAt": 1, "userId": 1, "lastSeq": 1}, name="ledger_written"),
    ],
    "users": [
        # One document per user: snapshot and card.
        IndexModel({"userId": 1}, name="users_user", unique=True),
        # Whose lines are not on the boards yet: hardly ever anybody's. The lines themselves would make long keys.
        IndexModel({"userId": 1}, name=PENDING_INDEX, partialFilterExpression=PENDING),
        # The counted users who hold a badge.
        IndexModel({"held": 1}, name=HELD_INDEX),
        # The users who earned a badge, by when.
        IndexModel({"earnedAt.$**": 1}, name=EARNED_INDEX),
    ],
    "standings": [
        # One line per user and board, and all lines of one user, to check and to forget.
        IndexModel({"userId": 1, "board": 1}, name="standings_user", unique=True),
        # The order of a board, of those whom it shows.
        IndexModel(
            {"board": 1, "points": -1, "reachedAt": 1, "userId": 1},
            name="standings_shown",
            partialFilterExpression={"shown": True},
        ),
        # Lines that are not counted yet: hardly ever any.
        IndexModel({"board": 1}, name=FRESH_INDEX, partialFilterExpression=FRESH),
    ],
    "counts": [
        # How many users have points in a range; a rank is one range of this index on each level.
        IndexModel({"board": 1, "level": 1, "bucket": 1}, name="counts_range", unique=True),
    ],
    "tombstones": [
        # Whose deletion is not closed yet: hardly ever anybody's.
        IndexModel({"userId": 1}, name="tombstones_open", partialFilterExpression=OPEN),
    ],
    "webhook_cursors": [
        # How far an endpoint has been told of a user, and all of a user, to forget.
        IndexModel({"userId": 1, "endpoint": 1}, name="webhook_cursors_user", unique=True),
    ],
    "webhook_deliveries": [
        IndexModel({"endpoint": 1, "message": 1}, name="webhook_deliveries_message", unique=True),
        # What is to be tried again, the longest due first.
        IndexModel({"endpoint": 1, "state": 1, "next_at": 1, "turn": 1}, name="webhook_deliveries_due"),
        # The last ones.
        IndexModel({"endpoint": 1, "state": 1, "turn": -1}, name="webhook_deliveries_log"),
        # Does a message of this user wait?
        IndexModel({"userId": 1, "endpoint": 1, "state": 1}, name="webhook_deliveries_user"),
    ],
    "webhook_reminders": [
        # When a user is to be looked at, and all of a user, to forget.
        IndexModel({"userId": 1, "endpoint": 1}, name="webhook_reminders_user", unique=True),
        # Who is to be looked at by now.
        IndexModel({"endpoint": 1, "at": 1}, name="webhook_reminders_due"),
    ],
}

# What a bundle is. The server refuses anything else, whoever writes it: the ledger is never mended afterwards.
_COUNT: Document = {"bsonType": ["int", "long"], "minimum": 1}
LEDGER_SCHEMA: Document = {
    "bsonType": "object",
    "required": ["userId", "firstSeq", "lastSeq", "recordedAt", "writtenAt", "entries"],
    "properties": {
        "userId": {"bsonType": "string"},
        "firstSeq": _COUNT,
        "lastSeq": _COUNT,
        "recordedAt": {"bsonType": "date"},
        "writtenAt": {"bsonType": "timestamp"},
        "eventIds": {"bsonType": "array", "items": {"bsonType": "string"}, "minItems": 1},
        "entries": {
            "bsonType": "array",
            "minItems": 1,
            "items": {
                "bsonType": "object",
                "required": ["seq", "eventId", "recordedAt", "body"],
                "properties": {
                    "seq": _COUNT,
                    "eventId": {"bsonType": ["string", "null"]},
                    "recordedAt": {"bsonType": "date"},
                    "body": {"bsonType": "string"},
                },
            },
        },
    },
}

# One row per event, for people. Only plain renames, so that a condition on the user goes down to the index.
LEARNING_EVENTS: list[dict[str, Any]] = [
    {"$unwind": "$entries"},
    {"$match": {"entries.eventType": {"$exists": True}}},
    {
        "$project": {
            "_id": 0,
            "userId": 1,
            **{
                name: f"$entries.{name}"
                for name in (
                    "seq",
                    "eventId",
                    "eventType",
                    "language",
                    "points",
                    "badges",
                    "totalPoints",
                    "level",
                    "timestamp",
                    "recordedAt",
                    "body",
                )
            },
        }
    },
]


async def _make_collections(database: Database) -> None:
    await _make(database, "ledger", validator={"$jsonSchema": LEDGER_SCHEMA})
    for name, indexes in INDEXES.items():
        await database[name].create_indexes(indexes)
    await _make(database, "learning_events", viewOn="ledger", pipeline=LEARNING_EVENTS)


async def _make_counts(database: Database) -> None:
    for name in ("standings", "counts"):
        await database[name].create_indexes(INDEXES[name])
    # Counted by the first process that looks for who is behind; until then ranks are exact, but slow.
    await database["standings"].update_many({"batch": {"$exists": False}}, {"$set": FRESH})


async def _make_hiding(database: Database) -> None:
    standings = database["standings"]
    await standings.update_many({"shown": {"$exists": False}}, {"$set": {"shown": True}})
    await standings.create_indexes(INDEXES["standings"])
    # The order of everybody, whom a board shows or not; there is none in a new database.
    with suppress(OperationFailure):
        await standings.drop_index("standings_order")


async def _make(database: Database, name: str, **options: Any) -> None:
    try:
        await database.create_collection(name, check_exists=False, **options)
    except OperationFailure as error:
        if error.code != _NAMESPACE_EXISTS:
            raise


_NAMESPACE_EXISTS = 48

# Seconds after which a bucket that nobody asks for is forgotten: it is full again by then.
BUCKET_SECONDS = 3_600


async def _make_callers(database: Database) -> None:
    # Named by their prefix: `_id` is all the index that keys need.
    await _make(database, "keys")
    await database["buckets"].create_indexes(
        [IndexModel({"at": 1}, name="buckets_at", expireAfterSeconds=BUCKET_SECONDS)]
    )


async def _make_tombstones(database: Database) -> None:
    await database["tombstones"].create_indexes(INDEXES["tombstones"])


async def _make_webhooks(database: Database) -> None:
    await _make(database, "webhooks")
    for name in ("webhook_cursors", "webhook_deliveries"):
        await database[name].create_indexes(INDEXES[name])


async def _make_reminders(database: Database) -> None:
    await database["webhook_reminders"].create_indexes(INDEXES["webhook_reminders"])


async def _make_holders(database: Database) -> None:
    users = database["users"]
    # As far as the cards tell; a rebuild leaves out who has no event or is suspended.
    held = {"$concatArrays": [counted_under([], []), "$badges"]}
    await users.update_many({"held": {"$exists": False}, "badges": {"$exists": True}}, [{"$set": {"held": held}}])
    await users.create_indexes(INDEXES["users"])


async def _make_earned(database: Database) -> None:
    await database["users"].create_indexes(INDEXES["users"])


# Forward only. A step may be begun again by another process where one died or was slow, so each must bear that.
MIGRATIONS: tuple[Callable[[Database], Awaitable[None]], ...] = (
    _make_collections,
    _make_counts,
    _make_hiding,
    _make_callers,
    _make_tombstones,
    _make_webhooks,
    _make_reminders,
    _make_holders,
    _make_earned,
)

# How long, in seconds, a process may hold the right to migrate, and how long others wait for it.
LEASE = 60
_POLL = 0.1


async def check_server(database: Database, *, oldest: int = OLDEST_WIRE_VERSION) -> None:
    """Raise StoreIncompatible for a server that is too old: `oldest` is the wire version that it must have."""
    hello = await database.client.admin.command("hello")
    if hello["maxWireVersion"] < oldest:
        raise StoreIncompatible("The MongoDB server is too old; Laurels needs 6.0 or newer.")


async def migrate(database: Database) -> None:
    """Bring the database to the present version. Several processes may do so at once; one does the work.

    The lease is measured by the server's clock. It only keeps processes from doing the same work side by side:
    what keeps the result right is that each step may be repeated.
    """
    meta = database["meta"]
    owner = uuid4().hex
    give_up_at = monotonic() + 2 * LEASE
    while (version := await _version(database)) < len(MIGRATIONS):
        if await _take_lease(database, owner):
            try:
                for number in range(version, len(MIGRATIONS)):
                    await MIGRATIONS[number](database)
                    await meta.update_one({"_id": "schema", "owner": owner}, {"$max": {"version": number + 1}})
            finally:
                await meta.update_one({"_id": "schema", "owner": owner}, {"$unset": {"owner": "", "until": ""}})
        elif monotonic() >= give_up_at:
            raise StoreUnavailable("Another process is still bringing the database up to date; try again later.")
        else:
            await asyncio.sleep(_POLL)


async def _version(database: Database) -> int:
    found = await database["meta"].find_one({"_id": "schema"})
    version: int = found.get("version", 0) if found else 0
    if version > len(MIGRATIONS):
        raise StoreIncompatible(
            f"The database has schema version {version}, this Laurels knows {len(MIGRATIONS)}. "
            "Use the newer Laurels that wrote it."
        )
    return version


async def _take_lease(database: Database, owner: str, *, lease: int = LEASE) -> bool:
    """Whether this process is the one to migrate from here on, for `lease` seconds."""
    meta = database["meta"]
    # Of several processes that add the document at once one succeeds.
    with suppress(DuplicateKeyError):
        await meta.update_one({"_id": "schema"}, {"$setOnInsert": {"version": 0}}, upsert=True)
    free: Document = {"_id": "schema", "$expr": {"$lt": [{"$ifNull": ["$until", 0]}, "$$NOW"]}}
    until = {"$add": ["$$NOW", lease * 1_000]}
    taken = await meta.update_one(free, [{"$set": {"owner": owner, "until": until}}])
    return taken.modified_count == 1
