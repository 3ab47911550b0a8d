"""Writes a batch in one transaction, if the server has transactions: a member of a replica set needs less than half the
processor time for an update there, because it logs and replicates the batch as a whole.

Nothing depends on it. A batch that could not be written in this way is written without a transaction.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from time import monotonic
from typing import Any

from pymongo import UpdateOne
from pymongo.errors import AutoReconnect, OperationFailure, PyMongoError

from laurels.storage.mongodb.connection import Collection, Database

_REPLICA_SET = "ReplicaSetWithPrimary"
# Seconds without another attempt after one that was refused for a reason that will last a while, such as other
# processes that project the same users.
PAUSE = 60.0
# Bytes of one batch: a transaction stays in the server's memory until its end.
LARGEST = 8 * 1024 * 1024


class Transactions:
    """Transactions on one database, attempted as long as they succeed."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._not_before = float("-inf")
        # Counting and projecting write the same lines: side by side, one of them would be refused.
        self._turn = asyncio.Lock()

    @property
    def are_available(self) -> bool:
        """Whether an attempt is worth its cost: on a replica set, and not on a cluster, where users are on several
        shards."""
        kind = self._database.client.topology_description.topology_type_name
        return kind == _REPLICA_SET and monotonic() >= self._not_before

    async def write(self, batch: Sequence[tuple[Collection, Sequence[UpdateOne]]]) -> bool:
        """Write all updates or none. Returns False if they are not known to be written; repeat them then in a way that
        may be repeated. Raises AutoReconnect: then the server is away."""
        concern = self._database.write_concern
        try:
            async with (
                self._turn,
                self._database.client.start_session() as session,
                await session.start_transaction(write_concern=concern),
            ):
                for collection, updates in batch:
                    if updates:
                        await collection.bulk_write(updates, ordered=False, session=session)
        except AutoReconnect:
            raise
        except PyMongoError as error:
            if not _is_passing(error):
                self._not_before = monotonic() + PAUSE
            return False
        return True


def _is_passing(error: PyMongoError) -> bool:
    """Whether the next attempt may succeed: another writer only came in between."""
    return isinstance(error, OperationFailure) and error.has_error_label("TransientTransactionError")


def size_of(documents: Sequence[dict[str, Any]], field: str) -> int:
    """The bytes in one field of documents."""
    return sum(len(document[field]) for document in documents)
