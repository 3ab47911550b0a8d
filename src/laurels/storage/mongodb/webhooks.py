"""Webhooks as documents: endpoints, their places in the ledger, and their deliveries."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, get_args

import msgspec
from bson import Timestamp
from pymongo import DeleteOne, UpdateOne

from laurels.application.ports.webhooks import LOG, Told, Written
from laurels.domain.webhooks import USER_DELETED, Delivery, Endpoint, State
from laurels.storage.mongodb.connection import Database, Document
from laurels.storage.mongodb.watermark import MARGIN

WRITTEN_INDEX = "ledger_written"
DUE_ORDER = [("next_at", 1), ("turn", 1)]
REMINDERS_ORDER = [("at", 1)]


async def add(database: Database, endpoint: Endpoint) -> None:
    """See `WebhookStore.add_webhook`."""
    place = _mark_of(_before(await _newest(database)))
    await database["webhooks"].insert_one({**_endpoint_document(endpoint), "place": place, "until": 0})
    await _note_change(database)


async def replace(database: Database, endpoint: Endpoint) -> bool:
    """See `WebhookStore.replace_webhook`."""
    found = await database["webhooks"].update_one({"_id": {"$eq": endpoint.id}}, {"$set": _endpoint_document(endpoint)})
    await _note_change(database)
    return found.matched_count == 1


async def remove(database: Database, endpoint_id: str) -> bool:
    """See `WebhookStore.remove_webhook`."""
    found = await database["webhooks"].delete_one({"_id": {"$eq": endpoint_id}})
    for name in ("webhook_cursors", "webhook_deliveries", "webhook_reminders"):
        await database[name].delete_many({"endpoint": {"$eq": endpoint_id}})
    await _note_change(database)
    return found.deleted_count == 1


async def endpoints(database: Database) -> list[Endpoint]:
    """See `WebhookStore.webhooks`."""
    found = await database["webhooks"].find().to_list()
    listed = [msgspec.convert({**each, "id": each["_id"]}, Endpoint) for each in found]
    return sorted(listed, key=lambda endpoint: (endpoint.created_at, endpoint.id))


async def version(database: Database) -> int:
    """See `WebhookStore.webhooks_version`."""
    found = await database["meta"].find_one({"_id": "webhooks"})
    return found["version"] if found else 0


async def claim(database: Database, endpoint_id: str, owner: str, now: int, until: int) -> str | None:
    """See `WebhookStore.claim_webhook`."""
    free = {"_id": {"$eq": endpoint_id}, "$or": [{"owner": {"$eq": owner}}, {"until": {"$lte": now}}]}
    found = await database["webhooks"].find_one_and_update(free, {"$set": {"owner": owner, "until": until}})
    return found["place"] if found else None


async def keep_place(database: Database, endpoint_id: str, mark: str) -> None:
    """See `WebhookStore.keep_place`."""
    await database["webhooks"].update_one({"_id": {"$eq": endpoint_id}}, {"$set": {"place": mark}})


async def written_since(database: Database, mark: str, limit: int) -> Written:
    """See `WebhookStore.written_since`.

    A slip gets its time when its insertion begins and comes into sight when it is done: before the margin all are.
    """
    since = _time_of(mark)
    newest = await _newest(database)
    keys = {"_id": 0, "writtenAt": 1, "userId": 1, "firstSeq": 1, "lastSeq": 1}
    ledger = database["ledger"]
    found = (
        await ledger.find({"writtenAt": {"$gt": since}}, keys, hint=WRITTEN_INDEX)
        .sort("writtenAt", 1)
        .limit(limit)
        .to_list()
    )
    is_all = len(found) < limit
    if not is_all:
        # Servers of a cluster count for themselves: several slips may have this very time.
        found += await ledger.find({"writtenAt": found[-1]["writtenAt"]}, keys, hint=WRITTEN_INDEX).to_list()
    users: dict[str, tuple[int, int]] = {}
    for slip in found:
        first, last = users.get(slip["userId"], (slip["firstSeq"], slip["lastSeq"]))
        users[slip["userId"]] = min(first, slip["firstSeq"]), max(last, slip["lastSeq"])
    reached: Timestamp = found[-1]["writtenAt"] if found else since
    return Written(users, _mark_of(reached), _mark_of(max(since, min(reached, _before(newest)))), is_all)


async def told(database: Database, endpoint_id: str, user_ids: Collection[str]) -> dict[str, Told]:
    """See `WebhookStore.told`."""
    of_users: Document = {"endpoint": {"$eq": endpoint_id}, "userId": {"$in": list(user_ids)}}
    cursors = await database["webhook_cursors"].find(of_users).to_list()
    waiting = await database["webhook_deliveries"].find({**of_users, "state": "pending"}, {"userId": 1}).to_list()
    blocked = {each["userId"] for each in waiting}
    found = {each["userId"]: Told(each["seq"], each["part"], each["userId"] in blocked) for each in cursors}
    return {**{user_id: Told(is_blocked=True) for user_id in blocked}, **found}


async def settle(database: Database, deliveries: Sequence[Delivery]) -> None:
    """See `WebhookStore.settle`."""
    ids = {each.endpoint for each in deliveries}
    known = {each["_id"] for each in await database["webhooks"].find({"_id": {"$in": list(ids)}}, {"_id": 1}).to_list()}
    kept = [each for each in deliveries if each.endpoint in known]
    if not kept:
        return
    turn = await _progress_lock(database, len(kept))
    # The cursors first: what was given up or arrived and is found once more is only sent once more.
    cursors = [_moving_on(each) for each in kept if each.state != "pending" and each.seq]
    if cursors:
        await database["webhook_cursors"].bulk_write(cursors)
    await database["webhook_deliveries"].bulk_write([_settling(each, turn + n) for n, each in enumerate(kept)])
    for endpoint_id in {each.endpoint for each in kept if each.state == "done"}:
        done = {"endpoint": {"$eq": endpoint_id}, "state": "done"}
        log = database["webhook_deliveries"]
        beyond = await log.find_one(done, {"turn": 1}, sort=[("turn", -1)], skip=LOG)
        if beyond is not None:
            await log.delete_many({**done, "turn": {"$lte": beyond["turn"]}})


def _settling(delivery: Delivery, turn: int) -> UpdateOne:
    fields = msgspec.to_builtins(delivery)
    fields["userId"] = fields.pop("user_id")
    fields["message"] = fields.pop("id")
    if delivery.state == "done":
        fields["body"] = ""
    key = {"endpoint": {"$eq": delivery.endpoint}, "message": {"$eq": delivery.id}}
    return UpdateOne(key, {"$set": {**fields, "turn": turn}}, upsert=True)


def _moving_on(delivery: Delivery) -> UpdateOne:
    reached = {"seq": {"$literal": delivery.seq}, "part": {"$literal": delivery.part}}
    is_further = {
        "$or": [
            {"$lt": [{"$ifNull": ["$seq", 0]}, delivery.seq]},
            {"$and": [{"$eq": ["$seq", delivery.seq]}, {"$lt": ["$part", delivery.part]}]},
        ]
    }
    moved = {name: {"$cond": [is_further, value, f"${name}"]} for name, value in reached.items()}
    key = {"endpoint": {"$eq": delivery.endpoint}, "userId": {"$eq": delivery.user_id}}
    return UpdateOne(key, [{"$set": moved}], upsert=True)


async def _progress_lock(database: Database, count: int) -> int:
    found: Any = await database["meta"].find_one_and_update(
        {"_id": "webhook_progress_lock"}, {"$inc": {"turn": count}}, upsert=True
    )
    return found["turn"] if found else 0


async def due(database: Database, endpoint_id: str, now: int, limit: int) -> list[Delivery]:
    """See `WebhookStore.due_deliveries`."""
    found = database["webhook_deliveries"].find(due_query(endpoint_id, now)).sort(DUE_ORDER).limit(limit)
    return [_delivery_of(each) async for each in found]


def due_query(endpoint_id: str, now: int) -> Document:
    """Messages to be tried again by now."""
    return {"endpoint": {"$eq": endpoint_id}, "state": "pending", "next_at": {"$lte": now}}


async def hasten(database: Database, endpoint_id: str, now: int) -> None:
    """See `WebhookStore.hasten_deliveries`."""
    waiting: Document = {"endpoint": {"$eq": endpoint_id}, "state": "pending", "next_at": {"$gt": now}}
    await database["webhook_deliveries"].update_many(waiting, {"$set": {"next_at": now}})


async def deliveries(database: Database, endpoint_id: str, state: State | None, limit: int) -> list[Delivery]:
    """See `WebhookStore.deliveries`. One walk along an index for each state."""
    found: list[Document] = []
    for each in get_args(State) if state is None else (state,):
        query = {"endpoint": {"$eq": endpoint_id}, "state": each}
        found += await database["webhook_deliveries"].find(query).sort("turn", -1).limit(limit).to_list()
    found.sort(key=lambda document: document["turn"], reverse=True)
    return [_delivery_of(each) for each in found[:limit]]


async def revive(database: Database, endpoint_id: str, message_id: str | None, now: int) -> int:
    """See `WebhookStore.revive_deliveries`."""
    dead: Document = {"endpoint": {"$eq": endpoint_id}, "state": "dead"}
    if message_id is not None:
        dead["message"] = {"$eq": message_id}
    again: Document = {"state": "pending", "attempts": 0, "next_at": now}
    return (await database["webhook_deliveries"].update_many(dead, {"$set": again})).matched_count


async def remind(database: Database, endpoint_id: str, reminders: Mapping[str, int | None]) -> None:
    """See `WebhookStore.remind`."""
    if not reminders or not await database["webhooks"].find_one({"_id": {"$eq": endpoint_id}}, {"_id": 1}):
        return
    keys = {user_id: {"endpoint": {"$eq": endpoint_id}, "userId": {"$eq": user_id}} for user_id in reminders}
    await database["webhook_reminders"].bulk_write(
        [
            DeleteOne(keys[user_id]) if at is None else UpdateOne(keys[user_id], {"$set": {"at": at}}, upsert=True)
            for user_id, at in reminders.items()
        ]
    )


async def due_reminders(database: Database, endpoint_id: str, now: int, limit: int) -> dict[str, int]:
    """See `WebhookStore.due_reminders`."""
    query = reminders_query(endpoint_id, now)
    found = await database["webhook_reminders"].find(query).sort(REMINDERS_ORDER).limit(limit).to_list()
    return {each["userId"]: each["at"] for each in found}


def reminders_query(endpoint_id: str, now: int) -> Document:
    """Who is to be looked at by now."""
    return {"endpoint": {"$eq": endpoint_id}, "at": {"$lte": now}}


async def forget(database: Database, user_id: str) -> None:
    """See `WebhookStore.forget_deliveries`."""
    for name in ("webhook_cursors", "webhook_reminders"):
        await database[name].delete_many({"userId": {"$eq": user_id}})
    await database["webhook_deliveries"].delete_many({"userId": {"$eq": user_id}, "type": {"$ne": USER_DELETED}})


def _endpoint_document(endpoint: Endpoint) -> Document:
    fields = msgspec.to_builtins(endpoint)
    fields["_id"] = fields.pop("id")
    return fields


def _delivery_of(document: Document) -> Delivery:
    return msgspec.convert({**document, "id": document["message"], "user_id": document["userId"]}, Delivery)


async def _newest(database: Database) -> Timestamp:
    found = await database["ledger"].find_one({}, {"_id": 0, "writtenAt": 1}, sort=[("writtenAt", -1)])
    return found["writtenAt"] if found else Timestamp(0, 0)


def _before(newest: Timestamp) -> Timestamp:
    return Timestamp(max(0, newest.time - MARGIN), 0)


def _mark_of(time: Timestamp) -> str:
    return f"{time.time}:{time.inc}"


def _time_of(mark: str) -> Timestamp:
    seconds, _, count = mark.partition(":")
    return Timestamp(int(seconds), int(count))


async def _note_change(database: Database) -> None:
    await database["meta"].update_one({"_id": "webhooks"}, {"$inc": {"version": 1}}, upsert=True)
