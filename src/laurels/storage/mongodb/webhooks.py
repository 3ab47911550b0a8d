"""Webhooks as documents: endpoints, their places in the ledger, and their deliveries."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, get_args

import msgspec
from pymongo import DeleteOne, UpdateOne

from laurels.application.ports.webhooks import LOG, Backlog, Cursor, FailedAttempt
from laurels.domain.webhooks import USER_DELETED, Delivery, Endpoint, State
from laurels.storage.mongodb.connection import Concern, Database, Document, operation
from laurels.storage.mongodb.projections.watermark import before_margin, mark_of, newest
from laurels.storage.mongodb.tombstones import find_tombstones

DUE_ORDER = [("next_at", 1), ("turn", 1)]
REMINDERS_ORDER = [("at", 1)]


class MongoWebhooks(Concern):
    """See `WebhookStore`."""

    @operation()
    async def add(self, endpoint: Endpoint) -> None:
        place = mark_of(before_margin(await newest(self.database)))
        await self.database["webhooks"].insert_one({**_endpoint_document(endpoint), "place": place, "until": 0})
        await _note_change(self.database)

    @operation()
    async def replace(self, endpoint: Endpoint) -> bool:
        found = await self.database["webhooks"].update_one(
            {"_id": {"$eq": endpoint.id}}, {"$set": _endpoint_document(endpoint)}
        )
        await _note_change(self.database)
        return found.matched_count == 1

    @operation()
    async def remove(self, endpoint_id: str) -> bool:
        found = await self.database["webhooks"].delete_one({"_id": {"$eq": endpoint_id}})
        for name in ("webhook_cursors", "webhook_deliveries", "webhook_reminders"):
            await self.database[name].delete_many({"endpoint": {"$eq": endpoint_id}})
        await _note_change(self.database)
        return found.deleted_count == 1

    @operation()
    async def all(self) -> list[Endpoint]:
        found = await self.database["webhooks"].find().to_list()
        listed = [msgspec.convert({**each, "id": each["_id"]}, Endpoint) for each in found]
        return sorted(listed, key=lambda endpoint: (endpoint.created_at, endpoint.id))

    @operation()
    async def version(self) -> int:
        found = await self.database["meta"].find_one({"_id": "webhooks"})
        return found["version"] if found else 0

    @operation()
    async def claim(self, endpoint_id: str, owner: str, *, now: int, until: int) -> str | None:
        free = {"_id": {"$eq": endpoint_id}, "$or": [{"owner": {"$eq": owner}}, {"until": {"$lte": now}}]}
        found = await self.database["webhooks"].find_one_and_update(free, {"$set": {"owner": owner, "until": until}})
        return found["place"] if found else None

    @operation()
    async def keep_place(self, endpoint_id: str, mark: str) -> None:
        await self.database["webhooks"].update_one({"_id": {"$eq": endpoint_id}}, {"$set": {"place": mark}})

    @operation()
    async def cursors(self, endpoint_id: str, user_ids: Collection[str]) -> dict[str, Cursor]:
        of_users: Document = {"endpoint": {"$eq": endpoint_id}, "userId": {"$in": list(user_ids)}}
        cursors = await self.database["webhook_cursors"].find(of_users).to_list()
        waiting = (
            await self.database["webhook_deliveries"].find({**of_users, "state": "pending"}, {"userId": 1}).to_list()
        )
        blocked = {each["userId"] for each in waiting}
        found = {each["userId"]: Cursor(each["seq"], each["part"], each["userId"] in blocked) for each in cursors}
        return {**{user_id: Cursor(is_blocked=True) for user_id in blocked}, **found}

    @operation()
    async def record_attempts(self, deliveries: Sequence[Delivery]) -> None:
        ids = {each.endpoint for each in deliveries}
        known = {
            each["_id"]
            for each in await self.database["webhooks"].find({"_id": {"$in": list(ids)}}, {"_id": 1}).to_list()
        }
        # One who is deleted right after this is forgotten once more, a minute later.
        deleted = await find_tombstones(self.database, {each.user_id for each in deliveries})
        kept = [
            each
            for each in deliveries
            if each.endpoint in known and (each.type == USER_DELETED or each.user_id not in deleted)
        ]
        if not kept:
            return
        turn = await _take_turns(self.database, len(kept))
        # The cursors first: if it is interrupted here, a message that arrived or was given up is only sent once more.
        cursors = [_cursor_of(each) for each in kept if each.state != "pending" and each.seq]
        if cursors:
            await self.database["webhook_cursors"].bulk_write(cursors)
        await self.database["webhook_deliveries"].bulk_write(
            [_attempt_of(each, turn + n) for n, each in enumerate(kept)]
        )
        for endpoint_id in {each.endpoint for each in kept if each.state == "done"}:
            done = {"endpoint": {"$eq": endpoint_id}, "state": "done"}
            log = self.database["webhook_deliveries"]
            beyond = await log.find_one(done, {"turn": 1}, sort=[("turn", -1)], skip=LOG)
            if beyond is not None:
                await log.delete_many({**done, "turn": {"$lte": beyond["turn"]}})

    @operation()
    async def due(self, endpoint_id: str, *, now: int, limit: int) -> list[Delivery]:
        found = self.database["webhook_deliveries"].find(due_query(endpoint_id, now)).sort(DUE_ORDER).limit(limit)
        return [_delivery_of(each) async for each in found]

    @operation()
    async def retry_now(self, endpoint_id: str, *, now: int) -> None:
        waiting: Document = {"endpoint": {"$eq": endpoint_id}, "state": "pending", "next_at": {"$gt": now}}
        await self.database["webhook_deliveries"].update_many(waiting, {"$set": {"next_at": now}})

    @operation()
    async def deliveries(self, endpoint_id: str, *, state: State | None = None, limit: int = 100) -> list[Delivery]:
        """One walk along an index for each state."""
        found: list[Document] = []
        for each in get_args(State) if state is None else (state,):
            query = {"endpoint": {"$eq": endpoint_id}, "state": each}
            found += await self.database["webhook_deliveries"].find(query).sort("turn", -1).limit(limit).to_list()
        found.sort(key=lambda document: document["turn"], reverse=True)
        return [_delivery_of(each) for each in found[:limit]]

    @operation()
    async def backlogs(self) -> dict[str, Backlog]:
        """Counted with an index that has all the needed fields; then the last of each kind is looked up."""
        ids = [each["_id"] for each in await self.database["webhooks"].find({}, {"_id": 1}).to_list()]
        if not ids:
            return {}
        log = self.database["webhook_deliveries"]
        kinds = await (await log.aggregate(backlog_pipeline(ids), hint="webhook_deliveries_log")).to_list()
        # Only by turn: a delivery that is retried in the meantime has a later turn, and is not shown this time.
        lasts = {"$or": [{**each["_id"], "turn": each["turn"]} for each in kinds]}
        without = {"body": 0, "userId": 0, "message": 0}
        found = {each["turn"]: each for each in await log.find(lasts, without).to_list()} if kinds else {}
        backlogs: dict[str, Backlog] = {}
        for kind in sorted(kinds, key=lambda each: each["turn"], reverse=True):
            endpoint_id, is_dead = kind["_id"]["endpoint"], kind["_id"]["state"] == "dead"
            before = backlogs.get(endpoint_id, Backlog())
            failed = list(before.failed)
            if (last := found.get(kind["turn"])) is not None:
                fields = {name: last[name] for name in ("at", "type", "attempts", "status", "error")}
                failed.append(FailedAttempt(**fields, is_given_up=is_dead))
            counted = {"given_up" if is_dead else "waiting": kind["messages"]}
            backlogs[endpoint_id] = msgspec.structs.replace(before, failed=failed, **counted)
        return backlogs

    @operation()
    async def revive(self, endpoint_id: str, message_id: str | None, *, now: int) -> int:
        dead: Document = {"endpoint": {"$eq": endpoint_id}, "state": "dead"}
        if message_id is not None:
            dead["message"] = {"$eq": message_id}
        again: Document = {"state": "pending", "attempts": 0, "next_at": now}
        return (await self.database["webhook_deliveries"].update_many(dead, {"$set": again})).matched_count

    @operation()
    async def remind(self, endpoint_id: str, reminders: Mapping[str, int | None]) -> None:
        if not reminders or not await self.database["webhooks"].find_one({"_id": {"$eq": endpoint_id}}, {"_id": 1}):
            return
        deleted = await find_tombstones(self.database, reminders)
        keys = {user_id: {"endpoint": {"$eq": endpoint_id}, "userId": {"$eq": user_id}} for user_id in reminders}
        await self.database["webhook_reminders"].bulk_write(
            [
                DeleteOne(keys[user_id])
                if at is None or user_id in deleted
                else UpdateOne(keys[user_id], {"$set": {"at": at}}, upsert=True)
                for user_id, at in reminders.items()
            ]
        )

    @operation()
    async def due_reminders(self, endpoint_id: str, *, now: int, limit: int) -> dict[str, int]:
        query = reminders_query(endpoint_id, now)
        found = await self.database["webhook_reminders"].find(query).sort(REMINDERS_ORDER).limit(limit).to_list()
        return {each["userId"]: each["at"] for each in found}

    @operation()
    async def forget(self, user_id: str) -> None:
        for name in ("webhook_cursors", "webhook_reminders"):
            await self.database[name].delete_many({"userId": {"$eq": user_id}})
        await self.database["webhook_deliveries"].delete_many(
            {"userId": {"$eq": user_id}, "type": {"$ne": USER_DELETED}}
        )


def _attempt_of(delivery: Delivery, turn: int) -> UpdateOne:
    fields = msgspec.to_builtins(delivery)
    fields["userId"] = fields.pop("user_id")
    fields["message"] = fields.pop("id")
    if delivery.state == "done":
        fields["body"] = ""
    key = {"endpoint": {"$eq": delivery.endpoint}, "message": {"$eq": delivery.id}}
    return UpdateOne(key, {"$set": {**fields, "turn": turn}}, upsert=True)


def _cursor_of(delivery: Delivery) -> UpdateOne:
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


async def _take_turns(database: Database, count: int) -> int:
    found: Any = await database["meta"].find_one_and_update(
        {"_id": "webhook_turns"}, {"$inc": {"turn": count}}, upsert=True
    )
    return found["turn"] if found else 0


def due_query(endpoint_id: str, now: int) -> Document:
    """Messages due for a retry."""
    return {"endpoint": {"$eq": endpoint_id}, "state": "pending", "next_at": {"$lte": now}}


def backlog_pipeline(endpoint_ids: Collection[str]) -> list[Document]:
    """The number of messages that did not arrive, and the turn of the last one, by endpoint and state."""
    missed = {"endpoint": {"$in": list(endpoint_ids)}, "state": {"$in": ["pending", "dead"]}}
    key = {"endpoint": "$endpoint", "state": "$state"}
    return [
        {"$match": missed},
        {"$project": {"_id": 0, "endpoint": 1, "state": 1, "turn": 1}},
        {"$group": {"_id": key, "messages": {"$sum": 1}, "turn": {"$max": "$turn"}}},
    ]


def reminders_query(endpoint_id: str, now: int) -> Document:
    """The users that are due now."""
    return {"endpoint": {"$eq": endpoint_id}, "at": {"$lte": now}}


def _endpoint_document(endpoint: Endpoint) -> Document:
    fields = msgspec.to_builtins(endpoint)
    fields["_id"] = fields.pop("id")
    return fields


def _delivery_of(document: Document) -> Delivery:
    return msgspec.convert({**document, "id": document["message"], "user_id": document["userId"]}, Delivery)


async def _note_change(database: Database) -> None:
    await database["meta"].update_one({"_id": "webhooks"}, {"$inc": {"version": 1}}, upsert=True)
