"""Snapshots with their cards, and the board lines that belong to them.

A user's projection consists of several documents: their own in `users`, and one in `standings` for each board that
changed. The write to the user's document decides: it includes the new lines as `pending`. Then they are put on the
boards, and then removed from `pending`. A process that finds pending lines finishes the work (`finish`), and a reader
of a user's projection treats them as already in place. So the projection is written whole or not at all.
"""

from __future__ import annotations

from collections.abc import Awaitable, Collection, Mapping, Sequence

import msgspec
from pymongo import UpdateOne, WriteConcern
from pymongo.errors import BulkWriteError

from laurels.application.ports.boards import Card
from laurels.application.ports.snapshots import Projected, Projection
from laurels.storage.mongodb.connection import (
    EACH_OPERATION,
    LONG,
    Concern,
    Database,
    Document,
    Session,
    duplicates,
    operation,
)
from laurels.storage.mongodb.connection import Collection as Documents
from laurels.storage.mongodb.documents import (
    board_name,
    card_of,
    field_name,
    line_of,
    progress_of,
    standing_of,
    user_of,
)
from laurels.storage.mongodb.projections import watermark
from laurels.storage.mongodb.projections.boards import note_change
from laurels.storage.mongodb.projections.count_journal import FRESH, count_fresh, forget
from laurels.storage.mongodb.projections.transactions import LARGEST, Transactions, size_of
from laurels.storage.mongodb.tombstones import DeletionCache, remove

# Matches at least one line: an empty object is the smallest.
PENDING: Document = {"pending": {"$gt": {}}}
# Named, since the query has no condition on its keys: membership in the index is the answer.
PENDING_INDEX = "users_pending"

# Users in one transaction.
TOGETHER = 100
# Reads of a user's projection, if each time another one is written between its parts.
ATTEMPTS = 5

_Write = tuple[Document, Document]
"""A condition on a document, and the fields to set in it."""


class MongoSnapshots(Concern):
    """See `SnapshotStore`."""

    def __init__(
        self, database: Database, session: Session, deletions: DeletionCache, transactions: Transactions
    ) -> None:
        super().__init__(database, session)
        self._deletions = deletions
        self._transactions = transactions

    def project(self, projections: Sequence[Projection], *, cards: Sequence[Card]) -> Awaitable[None]:
        return self._keep(pack(projections, cards))

    @operation(within=EACH_OPERATION)
    async def _keep(self, packed: Sequence[Packed]) -> None:
        # One transaction for not too many: what is appended meanwhile is acknowledged after it.
        for start in range(0, len(packed), TOGETHER):
            part = packed[start : start + TOGETHER]
            if not await _keep_at_once(self.database, part, self._transactions):
                await keep(self.database, part)
        await note_change(self.database)
        await _remove_deleted(self.database, [each.user_id for each in packed], self._deletions)

    @operation(within=LONG)
    async def behind(self, limit: int, *, before: int) -> list[str]:
        await self._transactions.begin()
        # Also finishes lines that another process left half done on the boards.
        await finish(self.database, self._deletions, self._transactions)
        return await watermark.behind(self.database, limit, before)

    @operation()
    async def projected(self, user_ids: Collection[str]) -> dict[str, Projected]:
        found = dict[str, Projected]()
        left = set(user_ids)
        for _ in range(ATTEMPTS):
            read, torn = await self._read_projected(left)
            found |= read
            left = torn
            if not left:
                break
        return found

    async def _read_projected(self, user_ids: Collection[str]) -> tuple[dict[str, Projected], set[str]]:
        """The projections as they were read, and the users who were projected between both reads: theirs are torn."""
        asked = {"userId": {"$in": list(user_ids)}}
        # Lines are read second: a pending line may be on the boards by then, never the other way round.
        users = await self.database["users"].find(asked).to_list()
        lines = await self.database["standings"].find(asked).to_list()
        stands_at = {user["userId"]: user["seq"] for user in users}
        torn = {line["userId"] for line in lines if line["seq"] > stands_at.get(line["userId"], 0)}
        found = {
            user["userId"]: Projected(progress_of(user) if user["state"] else None, card_of(user), {}) for user in users
        }
        seqs: dict[tuple[str, str], int] = {}
        for line in lines:
            user_id, board = line["userId"], line["board"]
            found.setdefault(user_id, Projected(None, None, {})).standings[board] = standing_of(user_id, line)
            seqs[user_id, board] = line["seq"]
        for user in users:
            user_id = user["userId"]
            for field, line in user.get("pending", {}).items():
                board = board_name(field)
                if line["seq"] > seqs.get((user_id, board), 0):
                    found[user_id].standings[board] = standing_of(user_id, line)
        return found, torn

    @operation(within=LONG)
    async def clear(self) -> None:
        # In an order in which no step leaves a standing without its snapshot if the process is killed in between: a
        # snapshot at entry 0 is merely behind.
        stale = {"$set": {"seq": 0, "version": ""}, "$unset": {"pending": ""}}
        await self.database["users"].update_many({}, stale)
        await self.database["standings"].delete_many({})
        await forget(self.database)
        await self.database["users"].delete_many({"seq": 0})
        # Projected by others in the meantime; some of their lines may be among those that were dropped.
        await self.database["users"].update_many({}, stale)
        await self.database["meta"].delete_one({"_id": "projected"})
        await note_change(self.database)


class Packed(msgspec.Struct):
    """One user's projection in its written form; it shares no object with its source."""

    user_id: str
    seq: int
    version: str
    fields: Document
    lines: dict[str, Document]


def pack(projections: Sequence[Projection], cards: Sequence[Card]) -> list[Packed]:
    """Convert projections to the form that `keep` writes."""
    return [
        Packed(
            kept.progress.user_id,
            kept.progress.seq,
            kept.progress.version,
            user_of(kept.progress, card),
            {board: line_of(line, kept.progress.seq) for board, line in kept.standings.items()},
        )
        for kept, card in zip(projections, cards, strict=True)
    ]


async def _keep_at_once(database: Database, projections: Sequence[Packed], transactions: Transactions) -> bool:
    """Write users' documents and their lines in one transaction. Returns False if that did not succeed."""
    if not transactions.are_available or size_of([each.fields for each in projections], "state") > LARGEST:
        return False
    lines = _board_writes({packed.user_id: packed.lines for packed in projections})
    users = [(_older(packed), packed.fields) for packed in projections]
    return await transactions.write(
        [
            (database["standings"], _updates(lines, may_add=True)),
            (database["users"], _updates(users, may_add=True)),
        ]
    )


async def keep(database: Database, projections: Sequence[Packed]) -> None:
    """Write users' documents with their lines as `pending`, then the lines, and then remove them from there."""
    await _write_where_newer(
        database["users"],
        [
            (
                _older(packed),
                packed.fields | {f"pending.{field_name(board)}": line for board, line in packed.lines.items()},
            )
            for packed in projections
        ],
    )
    await _put_on_boards(database, {packed.user_id: packed.lines for packed in projections})
    done = [
        UpdateOne(
            # If another projection came in between, its lines are among these; they stay for the next process that
            # finds them.
            {"userId": packed.user_id, "seq": packed.seq, "version": packed.version},
            {"$unset": dict.fromkeys((f"pending.{field_name(board)}" for board in packed.lines), "")},
        )
        for packed in projections
        if packed.lines
    ]
    if done:
        # No majority is needed: if this write is lost, the lines are put on the boards once more.
        await database["users"].with_options(write_concern=WriteConcern(1)).bulk_write(done, ordered=False)


def _older(packed: Packed) -> Document:
    """The user's document, if it is older."""
    return {
        "userId": packed.user_id,
        "$or": [{"seq": {"$lt": packed.seq}}, {"seq": packed.seq, "version": {"$ne": packed.version}}],
    }


async def _remove_deleted(database: Database, user_ids: Collection[str], deletions: DeletionCache) -> None:
    """Called after writing: either this finds the tombstone, or the data was written before it and is removed with
    it."""
    if deleted := await deletions.deleted(user_ids, now=True):
        await remove(database, deleted)


async def finish(database: Database, deletions: DeletionCache, transactions: Transactions) -> None:
    """Put lines on the boards that dead processes left in users' documents, and finish their counting."""
    wanted = {"userId": 1, "seq": 1, "version": 1, "pending": 1}
    users = await database["users"].find(PENDING, wanted, hint=PENDING_INDEX).to_list()
    if not users:
        await count_fresh(database, transactions)
        return
    await _put_on_boards(
        database,
        {user["userId"]: {board_name(field): line for field, line in user["pending"].items()} for user in users},
    )
    await note_change(database)
    done = [
        UpdateOne(
            {"userId": user["userId"], "seq": user["seq"], "version": user["version"]},
            {"$unset": dict.fromkeys((f"pending.{field}" for field in user["pending"]), "")},
        )
        for user in users
    ]
    await database["users"].bulk_write(done, ordered=False)
    await _remove_deleted(database, [user["userId"] for user in users], deletions)
    await count_fresh(database, transactions)


async def _put_on_boards(database: Database, lines: Mapping[str, Mapping[str, Document]]) -> None:
    await _write_where_newer(database["standings"], _board_writes(lines))


def _board_writes(lines: Mapping[str, Mapping[str, Document]]) -> list[_Write]:
    return [
        ({"userId": user_id, "board": board, "seq": {"$lt": line["seq"]}}, line | FRESH)
        for user_id, own in lines.items()
        for board, line in own.items()
    ]


def _updates(writes: Sequence[_Write], *, may_add: bool) -> list[UpdateOne]:
    return [UpdateOne(wanted, {"$set": fields}, upsert=may_add) for wanted, fields in writes]


async def _write_where_newer(collection: Documents, writes: Sequence[_Write]) -> None:
    """Set fields in the documents that a condition finds, or create them.

    If a document exists and does not meet the condition, the server tries to add another, which the unique index
    refuses: the stored one is as new. Or another process has just created it from older data: so repeat once, without
    adding.
    """
    for may_add in (True, False):
        if not writes:
            return
        try:
            await collection.bulk_write(_updates(writes, may_add=may_add), ordered=False)
        except BulkWriteError as error:
            writes = [writes[position] for position in duplicates(error)]
        else:
            return
