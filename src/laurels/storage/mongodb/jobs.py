"""Jobs as documents, each with its body as JSON."""

from __future__ import annotations

import msgspec
from pymongo import ReturnDocument

from laurels.application.ports.jobs import Job
from laurels.storage.mongodb.connection import Concern, Document, operation

_decode = msgspec.json.Decoder(Job).decode
# Jobs are few: none of these queries needs an index.
_IN_ORDER = [("createdAt", 1), ("_id", 1)]


class MongoJobs(Concern):
    """See `JobStore`."""

    @operation()
    async def add(self, job: Job) -> None:
        document: Document = {
            "_id": job.id,
            "createdAt": job.created_at,
            "isOpen": job.is_open,
            "owner": None,
            "until": 0,
            "body": _text(job),
        }
        # Safe to repeat if an answer was lost.
        await self.database["jobs"].update_one({"_id": {"$eq": job.id}}, {"$setOnInsert": document}, upsert=True)

    @operation()
    async def get(self, job_id: str) -> Job | None:
        found = await self.database["jobs"].find_one({"_id": {"$eq": job_id}})
        return None if found is None else _decode(found["body"])

    @operation()
    async def last(self, *, limit: int) -> list[Job]:
        found = self.database["jobs"].find().sort([(name, -1) for name, _ in _IN_ORDER]).limit(limit)
        return [_decode(document["body"]) async for document in found]

    @operation()
    async def claim(self, owner: str, *, now: int, until: int, job_id: str | None = None) -> Job | None:
        wanted: Document = {"isOpen": True, "$or": [{"until": {"$lte": now}}, {"owner": owner}]}
        if job_id is not None:
            wanted["_id"] = {"$eq": job_id}
        found = await self.database["jobs"].find_one_and_update(
            wanted,
            {"$set": {"owner": owner, "until": until}},
            sort=_IN_ORDER,
            return_document=ReturnDocument.AFTER,
        )
        return None if found is None else _decode(found["body"])

    @operation()
    async def save(self, job: Job, owner: str, *, until: int) -> bool:
        done = await self.database["jobs"].update_one(
            {"_id": {"$eq": job.id}, "owner": {"$eq": owner}, "isOpen": True},
            {"$set": {"isOpen": job.is_open, "until": until, "body": _text(job)}},
        )
        return bool(done.matched_count)


def _text(job: Job) -> str:
    return msgspec.json.encode(job).decode()
