"""Reports users with new entries: from a change stream on the ledger, or by polling if the server has none.

A standalone server keeps no log from which it could make a stream. There the watcher reports five times a second that
somebody may have written, and followers read the ledger for their users.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import suppress
from typing import Any

from pymongo.asynchronous.change_stream import AsyncCollectionChangeStream
from pymongo.errors import OperationFailure, PyMongoError

from laurels.storage.mongodb.connection import Database, Document, Session

# Seconds between two polls without a stream.
INTERVAL = 0.2
# Milliseconds that the server waits for a change before it answers that there is none. Closing waits for that.
_LONGEST_WAIT = 500
# Changes that are reported together.
_BATCH = 1_000

_NO_REPLICA_SET = 40_573
_PIPELINE: list[dict[str, Any]] = [
    {"$match": {"operationType": "insert"}},
    {"$project": {"userId": "$fullDocument.userId", "lastSeq": "$fullDocument.lastSeq"}},
]

_Stream = AsyncCollectionChangeStream[Document]


async def watch(database: Database, session: Session) -> AsyncGenerator[Mapping[str, int] | None]:
    """See `LedgerStore.watch`."""
    try:
        stream = await session.run(lambda: _open(database))
    except _NoStream:
        while True:
            # An error of the session ends the watch: this is how it notices a closed store.
            await session.run(_nothing)
            yield None
            await asyncio.sleep(INTERVAL)
    try:
        yield None
        while True:
            reached = await session.run(lambda: _next(stream))
            if reached:
                yield reached
    finally:
        with suppress(PyMongoError):
            await stream.close()


class _NoStream(Exception):
    """The server keeps no log of changes."""


async def _open(database: Database) -> _Stream:
    try:
        stream = await database["ledger"].watch(_PIPELINE, max_await_time_ms=_LONGEST_WAIT, batch_size=_BATCH)
    except OperationFailure as error:
        if error.code == _NO_REPLICA_SET:
            raise _NoStream from error
        raise
    return stream


async def _next(stream: _Stream) -> dict[str, int]:
    """The users of the next changes; empty if there are none for a while."""
    reached: dict[str, int] = {}
    change: Any = await stream.try_next()
    while change is not None:
        user_id = change["userId"]
        reached[user_id] = max(reached.get(user_id, 0), change["lastSeq"])
        if len(reached) >= _BATCH or not _has_more(stream):
            break
        change = await stream.try_next()
    return reached


def _has_more(stream: _Stream) -> bool:
    """Whether the server's last answer contains another change already. The driver has no public method for it: if it
    renames the attributes read here, changes are reported one by one."""
    cursor: Any = getattr(stream, "_cursor", None)
    return bool(getattr(cursor, "_data", None))


async def _nothing() -> None:
    return
