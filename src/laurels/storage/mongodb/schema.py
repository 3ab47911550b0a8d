"""The collections and their indexes, and the migrations of a database from one version to the next.

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
from laurels.storage.mongodb.projections.count_journal import FRESH, FRESH_INDEX
from laurels.storage.mongodb.projections.snapshots import PENDING, PENDING_INDEX
from laurels.storage.mongodb.tombstones import OPEN

INDEXES: dict[str, list[IndexModel]] = {
    "ledger": [
        # A user's entries in order, after one of them. The index to shard by: it contains no array.
        IndexModel({"userId": 1, "lastSeq": 1, "firstSeq": 1}, name="ledger_user", unique=True),
        # Two writers cannot both make a user's next entry.
        IndexModel({"userId": 1, "entries.seq": 1}, name="ledger_user_seq", unique=True),
        # Finds an event that is recorded already. (Bundles without an event have no ids and do not collide.)
        IndexModel(
            {"userId": 1, "eventIds": 1},
            name="ledger_user_event",
            unique=True,
            partialFilterExpression={"eventIds": {"$exists": True}},
        ),
        # Lists the users: one key for each, at their first entry.
        IndexModel({"userId": 1}, name="ledger_users", partialFilterExpression={"firstSeq": 1}),
        # Entries since everything was last known to be projected.
        IndexModel({"writtenAt": 1, "recordedAt": 1, "userId": 1, "lastSeq": 1}, name="ledger_written"),
    ],
    "users": [
        # One document per user: snapshot and card.
        IndexModel({"userId": 1}, name="users_user", unique=True),
        # Users with lines that are not on the boards yet: usually none. The lines themselves would make long keys.
        IndexModel({"userId": 1}, name=PENDING_INDEX, partialFilterExpression=PENDING),
        # The counted users who hold a badge.
        IndexModel({"held": 1}, name=HELD_INDEX),
        # The users who earned a badge, by when.
        IndexModel({"earnedAt.$**": 1}, name=EARNED_INDEX),
    ],
    "standings": [
        # One line per user and board; also finds all lines of one user, to check and to delete.
        IndexModel({"userId": 1, "board": 1}, name="standings_user", unique=True),
        # The order of a board, with the visible users.
        IndexModel(
            {"board": 1, "points": -1, "reachedAt": 1, "userId": 1},
            name="standings_shown",
            partialFilterExpression={"shown": True},
        ),
        # Lines that are not counted yet: usually none.
        IndexModel({"board": 1}, name=FRESH_INDEX, partialFilterExpression=FRESH),
    ],
    "counts": [
        # The number of users with points in a range; a rank is one range of this index on each level.
        IndexModel({"board": 1, "level": 1, "bucket": 1}, name="counts_range", unique=True),
    ],
    "tombstones": [
        # Users whose deletion is not closed yet: usually none.
        IndexModel({"userId": 1}, name="tombstones_open", partialFilterExpression=OPEN),
    ],
    "webhook_cursors": [
        # How far an endpoint has come with a user; also finds all of a user, to delete.
        IndexModel({"userId": 1, "endpoint": 1}, name="webhook_cursors_user", unique=True),
    ],
    "webhook_deliveries": [
        IndexModel({"endpoint": 1, "message": 1}, name="webhook_deliveries_message", unique=True),
        # Due retries, the longest due first.
        IndexModel({"endpoint": 1, "state": 1, "next_at": 1, "turn": 1}, name="webhook_deliveries_due"),
        # The last deliveries.
        IndexModel({"endpoint": 1, "state": 1, "turn": -1}, name="webhook_deliveries_log"),
        # Whether a message of this user waits.
        IndexModel({"userId": 1, "endpoint": 1, "state": 1}, name="webhook_deliveries_user"),
    ],
    "webhook_reminders": [
        # When a user is to be looked at; also finds all of a user, to delete.
        IndexModel({"userId": 1, "endpoint": 1}, name="webhook_reminders_user", unique=True),
        # Users that are due now.
        IndexModel({"endpoint": 1, "at": 1}, name="webhook_reminders_due"),
    ],
}

# The shape of a bundle. The server refuses anything else from any writer: the ledger is never repaired afterwards.
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

# One row per event, for people. Only plain renames, so that a condition on the user can use the index.
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
    # Counted by the first process that looks for users behind; until then ranks are exact, but slow.
    await database["standings"].update_many({"batch": {"$exists": False}}, {"$set": FRESH})


async def _make_hiding(database: Database) -> None:
    standings = database["standings"]
    await standings.update_many({"shown": {"$exists": False}}, {"$set": {"shown": True}})
    await standings.create_indexes(INDEXES["standings"])
    # The order of all users, visible or not; a new database does not have it.
    with suppress(OperationFailure):
        await standings.drop_index("standings_order")


async def _make(database: Database, name: str, **options: Any) -> None:
    try:
        await database.create_collection(name, check_exists=False, **options)
    except OperationFailure as error:
        if error.code != _NAMESPACE_EXISTS:
            raise


_NAMESPACE_EXISTS = 48

# Seconds after which an unused bucket is forgotten: it is full again by then.
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
    # As far as the cards tell; a rebuild leaves out users who have no event or are suspended.
    held = {"$concatArrays": [counted_under([], []), "$badges"]}
    await users.update_many({"held": {"$exists": False}, "badges": {"$exists": True}}, [{"$set": {"held": held}}])
    await users.create_indexes(INDEXES["users"])


async def _make_earned(database: Database) -> None:
    await database["users"].create_indexes(INDEXES["users"])


# Forward only. Another process may repeat a step if one died or was slow, so each must be repeatable.
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

# Seconds for which a process may hold the right to migrate, and for which others wait for it.
LEASE = 60
_POLL = 0.1


async def check_server(database: Database, *, oldest: int = OLDEST_WIRE_VERSION) -> None:
    """Raise StoreIncompatible if the server is older than the wire version `oldest`."""
    hello = await database.client.admin.command("hello")
    if hello["maxWireVersion"] < oldest:
        raise StoreIncompatible("The MongoDB server is too old; Laurels needs 6.0 or newer.")


async def migrate(database: Database) -> None:
    """Migrate the database to the present version. Several processes may do so at once; one does the work.

    The lease is measured by the server's clock. It only keeps processes from doing the same work side by side: the
    result is right because each step may be repeated.
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
    """Whether this process may migrate from here on, for `lease` seconds."""
    meta = database["meta"]
    # If several processes add the document at once, one succeeds.
    with suppress(DuplicateKeyError):
        await meta.update_one({"_id": "schema"}, {"$setOnInsert": {"version": 0}}, upsert=True)
    free: Document = {"_id": "schema", "$expr": {"$lt": [{"$ifNull": ["$until", 0]}, "$$NOW"]}}
    until = {"$add": ["$$NOW", lease * 1_000]}
    taken = await meta.update_one(free, [{"$set": {"owner": owner, "until": until}}])
    return taken.modified_count == 1
