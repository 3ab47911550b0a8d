"""The client, and a session that runs operations so that nothing of the driver escapes: no error, no cancellation.

Everything is read from the primary with read concern `majority` and written with `w: majority`: an answer stays true
after a failover. On a standalone server both mean the server itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import wraps
from types import CoroutineType
from typing import Any, Concatenate, ParamSpec, TypeVar
from urllib.parse import parse_qsl, urlsplit

import msgspec
import pymongo
from bson.codec_options import CodecOptions, DatetimeConversion
from bson.errors import BSONError
from pymongo import AsyncMongoClient, ReadPreference, WriteConcern
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import (
    AutoReconnect,
    BulkWriteError,
    ConfigurationError,
    ExecutionTimeout,
    InvalidOperation,
    InvalidURI,
    OperationFailure,
    PyMongoError,
    ServerSelectionTimeoutError,
    WTimeoutError,
)
from pymongo.read_concern import ReadConcern

from laurels.errors import SettingsError, StoreError, StoreIncompatible, StoreUnavailable, StoreUnreachable

C = TypeVar("C", bound="Concern")
P = ParamSpec("P")
T = TypeVar("T")
Document = dict[str, Any]
Client = AsyncMongoClient[Document]
Collection = AsyncCollection[Document]
Database = AsyncDatabase[Document]

# Longer than an election takes: an operation waits for the new primary instead of failing.
TIMEOUT_MS = 20_000
# Beyond this the mark of the projections could overtake an insertion; see `watermark.MARGIN`.
LONGEST_TIMEOUT = 30.0
# Seconds for calls that check whether the database is available.
PATIENCE = 5.0
# The wire version of MongoDB 6.0, the oldest server that is tested.
OLDEST_WIRE_VERSION = 17

DUPLICATE_KEY = 11_000

# Instants are decoded as milliseconds, so that any year is possible.
_CODEC: CodecOptions[Document] = CodecOptions(datetime_conversion=DatetimeConversion.DATETIME_MS)


async def connect(url: str) -> Client:
    """A client for the running event loop, and for no other. Contacts no server. Raises SettingsError."""
    client: Client | None = None
    try:
        given = {name.lower() for name, _ in parse_qsl(urlsplit(url).query)}
        options: dict[str, Any] = {} if "timeoutms" in given else {"timeoutMS": TIMEOUT_MS}
        if "appname" not in given:
            options["appname"] = "laurels"
        client = AsyncMongoClient(url, **options)
        client.get_default_database()
        if not 0 < (client.options.timeout or 0) <= LONGEST_TIMEOUT:
            await client.close()
            raise SettingsError("timeoutMS of a MongoDB store URL lies between 1 and 30000, in milliseconds.")
    except OSError as error:
        raise SettingsError(
            "A file that the MongoDB store URL names (tlsCAFile, tlsCertificateKeyFile, tlsCRLFile) cannot be read or "
            "holds no certificate; check its path, its permissions and what is in it."
        ) from error
    except (ConfigurationError, InvalidURI, ValueError) as error:
        if client is not None:
            await client.close()
        raise SettingsError(
            "A MongoDB store URL is mongodb://[USER:PASSWORD@]HOST[:PORT]/DATABASE[?OPTIONS], with the database named, "
            "and with special characters of user and password percent-encoded."
        ) from error
    return client


def database_of(client: Client) -> Database:
    """The database in the URL, with concerns that no option of the URL can weaken."""
    return client.get_default_database(
        codec_options=_CODEC,
        read_preference=ReadPreference.PRIMARY,
        write_concern=WriteConcern("majority", j=True),
        read_concern=ReadConcern("majority"),
    )


def translate(error: Exception) -> StoreError:
    """The port's error for a driver's error, without its text, which may quote data, hosts or users."""
    match error:
        case BSONError() | msgspec.MsgspecError():
            return StoreIncompatible(
                "The database holds something that this Laurels cannot read: it is damaged, or a newer version's."
            )
        case OperationFailure(code=18 | 8000):
            return StoreUnavailable("MongoDB refuses the user name or the password of the store URL.")
        case OperationFailure(code=13):
            return StoreUnavailable(
                "The MongoDB user of the store URL lacks a permission; it needs the role readWrite on the database."
            )
        case OperationFailure(code=14_031):
            return StoreUnavailable("The disk of the MongoDB server is full; free some space.")
        case ConfigurationError():
            return StoreIncompatible("The MongoDB server is too old; Laurels needs 6.0 or newer.")
        case ServerSelectionTimeoutError():
            return StoreUnreachable(
                "No MongoDB server that takes writes can be reached; start it, or check host, port and replica set of "
                "the store URL."
            )
        case InvalidOperation():
            return StoreUnavailable("The store is closed; open it again.")
        case AutoReconnect() | ExecutionTimeout() | WTimeoutError():
            return StoreUnreachable("MongoDB did not answer in time; what was asked for may have been done.")
        case PyMongoError() if error.timeout:
            return StoreUnreachable("MongoDB did not answer in time; what was asked for may have been done.")
        case _:
            return StoreUnavailable("MongoDB did not carry out the request; the server's log has the cause.")


EACH_OPERATION = float("inf")
"""No limit for the whole, but the session's limit for each operation."""

LONG = 3_600.0
"""Seconds for operations that read whole collections."""


class Session:
    """Runs operations to their end, even if their callers stop waiting. The driver closes a connection whose operation
    is cancelled, and nobody would know whether an interrupted write was done.

    `limit`: seconds for the whole of a call, whatever the number of its operations; None for no limit.
    """

    def __init__(self, limit: float | None) -> None:
        self._limit = limit
        self._running: set[asyncio.Task[Any]] = set()
        self._closed = False

    async def run(self, work: Callable[[], Awaitable[T]], *, within: float | None = None) -> T:
        """The result of `work`, in at most `within` seconds; default: the limit of the session.

        Raises StoreError for the driver's errors.
        """
        if self._closed:
            raise StoreUnavailable("The store is closed; open it again.")
        task = asyncio.create_task(_translated(work, self._limit if within is None else within))
        self._running.add(task)
        task.add_done_callback(self._finished)
        return await asyncio.shield(task)

    def _finished(self, task: asyncio.Task[Any]) -> None:
        self._running.discard(task)
        if not task.cancelled():
            # Retrieved, even if nobody waits for it any more.
            task.exception()

    async def close(self) -> bool:
        """Finish pending operations and refuse new ones. Returns whether this was the first call."""
        was_open, self._closed = not self._closed, True
        while self._running:
            await asyncio.wait(self._running)
        return was_open


async def _translated(work: Callable[[], Awaitable[T]], within: float | None) -> T:
    try:
        if within == EACH_OPERATION:
            return await work()
        with pymongo.timeout(within):
            return await work()
    except (PyMongoError, BSONError, msgspec.MsgspecError) as error:
        raise translate(error) from error


class Concern:
    """A part of the store, on its database."""

    def __init__(self, database: Database, session: Session) -> None:
        self.database = database
        self.session = session


def operation(
    *, within: float | None = None
) -> Callable[[Callable[Concatenate[C, P], Awaitable[T]]], Callable[Concatenate[C, P], CoroutineType[Any, Any, T]]]:
    """Run a method through the session; see `Session.run`."""

    def decorate(
        method: Callable[Concatenate[C, P], Awaitable[T]],
    ) -> Callable[Concatenate[C, P], CoroutineType[Any, Any, T]]:
        @wraps(method)
        async def run(self: C, /, *args: P.args, **kwargs: P.kwargs) -> T:
            return await self.session.run(lambda: method(self, *args, **kwargs), within=within)

        return run

    return decorate


def duplicates(error: BulkWriteError) -> list[int]:
    """Positions of the writes of an unordered batch that a unique index refused. Raises StoreUnavailable on any other
    error: then it is not known what was written."""
    details = error.details or {}
    failed: list[Document] = details.get("writeErrors", [])
    if details.get("writeConcernErrors") or any(failure["code"] != DUPLICATE_KEY for failure in failed):
        raise StoreUnavailable(
            "MongoDB did not confirm a write; what was asked for may have been done. Try again."
        ) from error
    return [failure["index"] for failure in failed]
