"""Reads a database of the older schema, document by document, and never writes to it.

Documents come sorted by user, so that one user at a time is in memory, whatever the size of the database. Without an
index in that order the server sorts, on its disk if it must.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Generator
from contextlib import contextmanager
from typing import Any, TypeVar
from urllib.parse import parse_qsl, urlsplit

from bson.codec_options import CodecOptions, DatetimeConversion
from pymongo import AsyncMongoClient
from pymongo.collation import Collation
from pymongo.errors import (
    ConfigurationError,
    InvalidURI,
    OperationFailure,
    PyMongoError,
    ServerSelectionTimeoutError,
)

from laurels.errors import SettingsError, StoreError, StoreIncompatible, StoreUnavailable

Document = dict[str, Any]
T = TypeVar("T")

USERS = "users"
EVENTS = "learningevents"
BADGES = "achievements"

# Milliseconds to find a server. The answers have no limit: sorting a large collection takes time.
FIND_SERVER_MS = 10_000
BATCH = 1_000

_CODEC: CodecOptions[Document] = CodecOptions(
    datetime_conversion=DatetimeConversion.DATETIME_MS, unicode_decode_error_handler="replace"
)
# Whatever the collation of a collection: ids are compared as in the rest of Laurels.
_BY_CODE_POINT = Collation(locale="simple")


class OlderDatabase:
    """A database of the older schema. Made by `open`; its opener closes it. Only reads."""

    def __init__(self, client: AsyncMongoClient[Document]) -> None:
        self._client = client
        self._database = client.get_default_database(codec_options=_CODEC)

    @classmethod
    async def open(cls, url: str) -> OlderDatabase:
        """Connect to the database of `url`.

        Raises SettingsError for a URL that cannot be used, StoreUnavailable if no server answers, StoreIncompatible if
        the database does not have the older schema.
        """
        database = cls(_client(url))
        try:
            names = await _answer(database._database.list_collection_names())
            name = database._database.name
            missing = [wanted for wanted in (USERS, EVENTS) if wanted not in names]
            if missing:
                raise StoreIncompatible(
                    f"The database {name!r} has no collection {' and no collection '.join(missing)}; "
                    "check the database in the URL of --from-mongo."
                )
            if "ledger" in names:
                raise StoreIncompatible(f"The database {name!r} is a Laurels store, none of the older schema.")
        except BaseException:
            await database.close()
            raise
        return database

    async def is_store(self, url: str) -> bool:
        """Whether the store URL means this same database, even by other host names. False if nobody answers."""
        if not url.startswith(("mongodb:", "mongodb+srv:")):
            return False
        try:
            other = _client(url)
        except SettingsError:
            return False
        try:
            if other.get_default_database().name != self._database.name:
                return False
            ours = await self._client.admin.command("hello")
            theirs = await other.admin.command("hello")
        except PyMongoError:
            return False
        finally:
            await other.close()
        if set(ours.get("hosts", ())) & set(theirs.get("hosts", ())):
            return True
        process = ours.get("topologyVersion", {}).get("processId")
        return process is not None and process == theirs.get("topologyVersion", {}).get("processId")

    async def count_events(self) -> int:
        """The approximate number of events."""
        return await _answer(self._database[EVENTS].estimated_document_count())

    async def badge_points(self) -> dict[str, object]:
        """The points of each badge in the collection of definitions, by id; empty if there is no such collection."""
        with _translated():
            found = await self._database[BADGES].find({}, {"_id": 0, "badgeId": 1, "points": 1}).to_list()
        return {badge["badgeId"]: badge.get("points") for badge in found if isinstance(badge.get("badgeId"), str)}

    def users(self) -> AsyncIterator[Document]:
        """All users, by user id. Raises StoreUnavailable."""
        return self._sorted(USERS, {"userId": 1, "_id": 1})

    def events(self) -> AsyncIterator[Document]:
        """All events, by user id and then by time. Raises StoreUnavailable."""
        return self._sorted(EVENTS, {"userId": 1, "timestamp": 1, "_id": 1})

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()

    async def _sorted(self, collection: str, order: dict[str, int]) -> AsyncIterator[Document]:
        with _translated():
            cursor = await self._database[collection].aggregate(
                [{"$sort": order}], allowDiskUse=True, batchSize=BATCH, collation=_BY_CODE_POINT
            )
            async with cursor:
                async for document in cursor:
                    yield document


def _client(url: str) -> AsyncMongoClient[Document]:
    try:
        given = {name.lower() for name, _ in parse_qsl(urlsplit(url).query)}
        options: dict[str, Any] = {}
        if "serverselectiontimeoutms" not in given:
            options["serverSelectionTimeoutMS"] = FIND_SERVER_MS
        if "appname" not in given:
            options["appname"] = "laurels import"
        client: AsyncMongoClient[Document] = AsyncMongoClient(url, **options)
        client.get_default_database()
    except (ConfigurationError, InvalidURI, ValueError, PyMongoError, OSError):
        # Without the driver's text, which may quote the URL, and without a cause, which would be shown with it.
        raise SettingsError(
            "--from-mongo takes mongodb://[USER:PASSWORD@]HOST[:PORT]/DATABASE[?OPTIONS], with the database named, "
            "and with special characters of user and password percent-encoded."
        ) from None
    return client


async def _answer(asked: Awaitable[T]) -> T:
    with _translated():
        return await asked


@contextmanager
def _translated() -> Generator[None]:
    try:
        yield
    except PyMongoError as error:
        raise _error_of(error) from error


def _error_of(error: PyMongoError) -> StoreError:
    match error:
        case OperationFailure(code=18 | 8000):
            return StoreUnavailable("The older database refuses the user name or the password of --from-mongo.")
        case OperationFailure(code=13):
            return StoreUnavailable(
                "The user of --from-mongo may not read the older database; the role read on it is enough."
            )
        case ConfigurationError():
            return StoreIncompatible("The older database runs on a MongoDB that is too old to be read.")
        case ServerSelectionTimeoutError():
            return StoreUnavailable("No server of the older database can be reached; check --from-mongo.")
        case _:
            return StoreUnavailable("The older database stopped answering.")
