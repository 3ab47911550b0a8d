"""Checks a MongoDB deployment, without changing anything.

It must also describe a database that cannot be opened, so it does not use the store.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from time import time
from typing import Any

import pymongo
from bson.errors import BSONError
from pymongo.errors import PyMongoError

from laurels.application.maintenance.diagnostics import Check
from laurels.errors import StoreUnreachable
from laurels.plurals import counted
from laurels.storage.mongodb.connection import OLDEST_WIRE_VERSION, PATIENCE, Client, connect, database_of, translate
from laurels.storage.mongodb.schema import MIGRATIONS

# Seconds by which the clocks of this machine and the server may differ. Beyond the first somebody should look; beyond
# the second events are dated so wrongly that they are refused.
SKEWED = 1.0
WRONG = 60.0


async def inspect(url: str, *, offline_startup: str | None = None) -> list[Check]:
    """The checks of the database in the URL. A `fail` of `store` or `schema` means that it cannot be opened. A `warn`
    means that opening would upgrade it, or that it is away but a server can still start: `offline_startup` describes
    the behaviour of that server. Raises SettingsError."""
    client = await connect(url)
    try:
        with pymongo.timeout(_patience(client)):
            asked_at = time()
            hello = await client.admin.command("hello")
            between = (asked_at + time()) / 2
            schema = await database_of(client)["meta"].find_one({"_id": "schema"})
    except (PyMongoError, BSONError) as error:
        told = translate(error)
        if offline_startup is not None and isinstance(told, StoreUnreachable):
            return [Check("store", "warn", str(told), offline_startup)]
        return [Check("store", "fail", str(told), "See docs/mongodb.md.")]
    finally:
        await client.close()
    version: int = schema.get("version", 0) if schema else 0
    return [*_server(hello), _schema(version), _clock(hello["localTime"], between)]


async def exists(url: str) -> bool:
    """Whether the database in the URL belongs to Laurels. Raises SettingsError or StoreError."""
    client = await connect(url)
    try:
        with pymongo.timeout(_patience(client)):
            return await database_of(client)["meta"].find_one({"_id": "schema"}) is not None
    except (PyMongoError, BSONError) as error:
        raise translate(error) from error
    finally:
        await client.close()


def _patience(client: Client) -> float:
    """Seconds to wait: less than usual if the URL says so."""
    return min(client.options.timeout or PATIENCE, PATIENCE)


def _server(hello: dict[str, Any]) -> Iterable[Check]:
    if hello["maxWireVersion"] < OLDEST_WIRE_VERSION:
        yield Check("store", "fail", "The MongoDB server is too old.", "Laurels needs 6.0 or newer.")
    if hello.get("msg") == "isdbgrid":
        yield Check("deployment", "ok", "A sharded cluster.")
    elif name := hello.get("setName"):
        members = len(hello.get("hosts", ()))
        detail = f"The replica set {name} with {members} data-bearing member{'s' if members != 1 else ''}."
        if members > 1:
            yield Check("deployment", "ok", detail)
        else:
            yield Check("deployment", "warn", detail, "With three, events survive the loss of a machine.")
    else:
        advice = "Run a replica set of three: events then survive the loss of a machine."
        yield Check("deployment", "warn", "One server by itself.", advice)


def _schema(version: int) -> Check:
    known = len(MIGRATIONS)
    if version > known:
        detail = f"The database has schema version {version}, this Laurels knows {known}."
        return Check("schema", "fail", detail, "Use the newer Laurels that wrote it.")
    if version == 0:
        advice = "Check the store URL; the first laurels serve makes its collections."
        return Check("schema", "warn", "The database holds nothing of Laurels.", advice)
    if version < known:
        detail = f"The database has schema version {version} of {known}."
        return Check("schema", "warn", detail, "Stop older servers; the next laurels serve brings it up to date.")
    return Check("schema", "ok", f"Version {version}.")


def _clock(there: datetime, here: float) -> Check:
    skew = abs(there.replace(tzinfo=UTC).timestamp() - here)
    detail = f"This clock and that of the server differ by {counted(round(skew, 1), 'second')}."
    if skew < SKEWED:
        return Check("clock", "ok", detail)
    return Check("clock", "fail" if skew > WRONG else "warn", detail, "Synchronize both with the same time servers.")
