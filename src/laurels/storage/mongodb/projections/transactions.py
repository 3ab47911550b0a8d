"""Writes a batch in one transaction, if the server has transactions: a member of a replica set needs less than half the
processor time for an update there, because it logs and replicates the batch as a whole.

Nothing depends on it. A batch that could not be written in this way is written without a transaction.

A process that is killed in the middle leaves a transaction open, and the server keeps its documents locked for a minute
or more. So each process stores the id of its session, and the next one ends the sessions of the others. If one of them
is alive, it only writes a batch without a transaction.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from time import monotonic
from typing import Any

from pymongo import UpdateOne
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.errors import AutoReconnect, OperationFailure, PyMongoError

from laurels.storage.mongodb.connection import Collection, Database

_REPLICA_SET = "ReplicaSetWithPrimary"
# Seconds without another attempt after one that was refused for a reason that will last a while, such as other
# processes that project the same users.
PAUSE = 60.0
# Bytes of one batch: a transaction stays in the server's memory until its end.
LARGEST = 8 * 1024 * 1024
# Seconds between two times that other sessions are ended because a batch met them.
_PATIENCE = 10.0
# Sessions that are remembered: more than there are processes.
_REMEMBERED = 64
_SESSIONS = {"_id": "sessions"}


class Transactions:
    """Transactions on one database, attempted as long as they succeed."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._not_before = float("-inf")
        # Counting and projecting write the same lines: side by side, one of them would be refused.
        self._turn = asyncio.Lock()
        self._session: AsyncClientSession | None = None
        self._ended_at = float("-inf")

    @property
    def are_available(self) -> bool:
        """Whether an attempt is worth its cost: on a replica set, and not on a cluster, where users are on several
        shards."""
        return self._is_replica_set and monotonic() >= self._not_before

    @property
    def _is_replica_set(self) -> bool:
        return self._database.client.topology_description.topology_type_name == _REPLICA_SET

    async def write(self, batch: Sequence[tuple[Collection, Sequence[UpdateOne]]]) -> bool:
        """Write all updates or none. Returns False if they are not known to be written; repeat them then in a way that
        may be repeated. Raises AutoReconnect: then the server is away."""
        concern = self._database.write_concern
        try:
            async with self._turn:
                session = await self._own_session()
                async with await session.start_transaction(write_concern=concern):
                    for collection, updates in batch:
                        if updates:
                            await collection.bulk_write(updates, ordered=False, session=session)
        except AutoReconnect:
            raise
        except PyMongoError as error:
            if not _is_passing(error):
                self._not_before = monotonic() + PAUSE
            elif monotonic() - self._ended_at > _PATIENCE:
                await self.end_others()
            return False
        return True

    async def begin(self) -> None:
        """End what processes before this one left open; does nothing the next time."""
        if self._ended_at == float("-inf"):
            await self.end_others()

    async def end_others(self) -> None:
        """End transactions that killed processes left open. Those of living ones are written in another way."""
        if not self._is_replica_set:
            return
        self._ended_at = monotonic()
        own = None if self._session is None else self._session.session_id["id"]
        found = await self._database["meta"].find_one(_SESSIONS)
        others = [{"id": each} for each in (found["ids"] if found else ()) if each != own]
        if others:
            # Without permission the server ends them by itself, later.
            with suppress(OperationFailure):
                await self._database.command("killSessions", others)

    async def _own_session(self) -> AsyncClientSession:
        """The session of all transactions, whose id is stored before the first one."""
        if self._session is None:
            session = self._database.client.start_session()
            ids: dict[str, Any] = {"$each": [session.session_id["id"]], "$slice": -_REMEMBERED}
            await self._database["meta"].update_one(_SESSIONS, {"$push": {"ids": ids}}, upsert=True)
            self._session = session
        return self._session

    async def close(self) -> None:
        """Give the session back."""
        if self._session is not None:
            with suppress(PyMongoError):
                await self._session.end_session()


def _is_passing(error: PyMongoError) -> bool:
    """Whether the next attempt may succeed: another writer only came in between."""
    return isinstance(error, OperationFailure) and error.has_error_label("TransientTransactionError")


def size_of(documents: Sequence[dict[str, Any]], field: str) -> int:
    """The bytes in one field of documents."""
    return sum(len(document[field]) for document in documents)
