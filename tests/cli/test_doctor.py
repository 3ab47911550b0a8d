"""`laurels doctor`: what is in order, what is not, and what to do then."""

from __future__ import annotations

import asyncio
import json
import os
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import apsw
import pytest
from pymongo import MongoClient
from typer.testing import CliRunner

from laurels import LearningEvent
from laurels.application.ports.spool import SetAside, Spooled
from laurels.bootstrap import open_service, system_clock
from laurels.cli.app import app
from laurels.domain.keys import ApiKey
from laurels.domain.periods import MS_PER_DAY
from laurels.storage.local_copies.keys import KeyFile
from laurels.storage.spool import FileSpool
from laurels.storage.sqlite.diagnostics import file_system_of, inspect
from tests.cli.conftest import Run, Start, rows
from tests.cli.test_serve import ready_url
from tests.http.callers import make_key
from tests.mongod import Deployment

Doctor = Callable[..., dict[str, dict[str, str]]]


@pytest.fixture
def made(store_url: str, database: Path) -> str:
    """A store with one event."""
    make(store_url)
    database.chmod(0o600)
    return store_url


def make(store_url: str) -> None:
    async def fill() -> None:
        async with open_service(store_url) as laurels:
            await laurels.record("ada", "code_run", event_id="one")

    asyncio.run(fill())


@pytest.fixture
def doctor(monkeypatch: pytest.MonkeyPatch) -> Doctor:
    """Runs it in this process, asserts its exit code, and returns the checks by name."""
    for name in [name for name in os.environ if name.startswith("LAURELS_")]:
        monkeypatch.delenv(name)

    def doctor(*arguments: object, code: int = 0, env: dict[str, str] | None = None) -> dict[str, dict[str, str]]:
        done = CliRunner().invoke(app, ["doctor", "--json", *map(str, arguments)], env=env)
        found: list[dict[str, str]] = json.loads(done.stdout)
        assert done.exit_code == code, done.stdout
        assert all(check.get("advice") for check in found if check["level"] != "ok"), found
        return {check["name"]: check for check in found}

    return doctor


def test_a_store_in_order_and_no_server(run: Run, made: str) -> None:
    done = run("doctor", "--store", made)
    assert (done.code, done.err) == (0, ""), done.out
    levels = {line[5:18].strip(): line[:5].strip() for line in done.out.splitlines()}
    # What depends on the machine may warn.
    assert levels.pop("open files") in ("ok", "warn")
    assert levels.pop("disk") in ("ok", "warn")
    assert levels.pop("server") in ("ok", "warn")
    assert levels.pop("keys") == "warn"
    assert set(levels.values()) == {"ok"}
    assert " ".join(sorted(levels)) == (
        "file system permissions projections published rulebook schema serving settings spool store tzdata wal"
    )


def test_a_server_is_asked(doctor: Doctor, start: Start, made: str) -> None:
    serving = start("serve", "--port", 0, "--store", made)
    server = doctor("--store", made, "--url", ready_url(serving))["server"]
    assert server["level"] == "ok"
    assert "live 200, ready 200 (ok: store ok)" in server["detail"]
    serving.kill()
    serving.wait()
    assert doctor("--store", made, "--url", "http://127.0.0.1:1", code=1)["server"]["level"] == "fail"


def test_what_cannot_be_read_is_told(doctor: Doctor, tmp_path: Path) -> None:
    wrong = doctor(code=2, env={"LAURELS_HEARTBEAT_MS": "soon"})
    assert list(wrong) == ["settings"]
    assert "LAURELS_HEARTBEAT_MS" in wrong["settings"]["detail"]
    for store in (f"sqlite:///{tmp_path}/none/none.db", "oracle://x", "mongodb://127.0.0.1:1/"):
        assert doctor("--store", store, code=2)["store"]["level"] == "fail"
    assert doctor(code=2, env={"LAURELS_RULEBOOK": "nowhere.toml"})["rulebook"]["level"] == "fail"


class TestAsServeWould:
    def test_a_database_that_is_not_there_yet_stops_nobody(self, doctor: Doctor, tmp_path: Path) -> None:
        found = doctor("--store", f"sqlite:///{tmp_path}/none.db")
        assert (found["store"]["level"], found["keys"]["level"]) == ("warn", "warn")
        assert doctor(env={"LAURELS_DATA": f"{tmp_path}/made/by/serve"})["store"]["level"] == "warn"
        assert list(tmp_path.iterdir()) == []

    def test_an_empty_file_is_made_a_database_and_another_programs_is_not(self, doctor: Doctor, tmp_path: Path) -> None:
        path = tmp_path / "v.db"
        path.touch(0o600)
        found = doctor("--store", f"sqlite:///{path}")
        assert (found["store"]["level"], found["keys"]["level"]) == ("warn", "warn")
        assert "empty" in found["store"]["detail"]
        assert path.read_bytes() == b""
        rows(path, "CREATE TABLE t (a)")
        found = doctor("--store", f"sqlite:///{path}", code=2)
        assert (found["schema"]["level"], "keys" in found) == ("fail", False)
        assert "another program" in found["schema"]["detail"]

    def test_nobody_is_served_beyond_this_machine_without_a_key(
        self, doctor: Doctor, made: str, tmp_path: Path
    ) -> None:
        for store in (made, f"sqlite:///{tmp_path}/none.db"):
            assert doctor("--store", store, "--host", "0.0.0.0", code=2)["keys"]["level"] == "fail"
        make_key(made, "admin")
        assert doctor("--store", made, "--host", "0.0.0.0")["keys"]["level"] == "ok"

    def test_a_spool_bridges_a_database_that_is_away(self, doctor: Doctor, tmp_path: Path) -> None:
        away = "mongodb://127.0.0.1:1/laurels?timeoutMS=300"
        place = {"LAURELS_DATA": str(tmp_path)}
        store = doctor("--store", away, env=place)["store"]
        assert (store["level"], "all are answered 503 until" in store["advice"]) == ("warn", True)
        # What a server keeps there: of this database, or of another one that it would forget.
        (tmp_path / "spool").mkdir()
        key = ApiKey(prefix="abc", name="platform", scopes=frozenset(), digest="", created_at=0)
        asyncio.run(KeyFile(tmp_path / "spool").save([key]))
        for owner, remembers in (("mongodb://127.0.0.1:1/laurels", True), ("mongodb://elsewhere/laurels", False)):
            (tmp_path / "spool" / "store").write_text(owner)
            advice = doctor("--store", away, env=place)["store"]["advice"]
            assert ("events wait in its spool" in advice) is remembers, advice
        assert doctor("--store", away, code=2, env={"LAURELS_SPOOL": "off"})["store"]["level"] == "fail"


@pytest.mark.parametrize(
    "store",
    [
        "mongodb://bob:PASSWORD@[::1/x",
        "mongodb://bob:PASSWORD@127.0.0.1:1/x?tls=true&tlsCAFile=/nowhere.pem",
        "mongodb://bob:PASSWORD@127.0.0.1:1/x?tls=true&tlsCAFile=/proc/self/status",
        "sqlite://[::1/x.db",
    ],
)
@pytest.mark.parametrize("command", [["doctor"], ["serve", "--port", "0"], ["keys", "list"], ["verify"]], ids=str)
def test_a_store_url_that_cannot_be_used_is_one_sentence_without_its_password(
    run: Run, command: list[str], store: str
) -> None:
    # `run` lets no traceback pass.
    done = run(*command, "--store", store)
    assert done.code != 0
    said = done.out + done.err
    assert "PASSWORD" not in said.replace("[USER:PASSWORD@]", "")
    assert "store URL" in said or "A MongoDB store is mongodb://" in said


@pytest.mark.parametrize("env", [{"LAURELS_JWT_SECRET": "short"}, {"LAURELS_JWT_ALGORITHMS": "HS1"}], ids=str)
def test_what_a_server_refuses_to_start_with_fails(run: Run, doctor: Doctor, made: str, env: dict[str, str]) -> None:
    found = doctor("--store", made, code=2, env=env)
    assert found["serving"]["level"] == "fail"
    assert next(iter(env)) in found["serving"]["detail"]


def test_what_a_server_makes_is_its_users_alone(doctor: Doctor, start: Start, store_url: str, tmp_path: Path) -> None:
    spool = tmp_path / "new" / "spool"
    env = {"LAURELS_SPOOL": str(spool)}
    before = os.umask(0o022)
    try:
        serving = start("serve", "--port", 0, "--store", store_url, env=env)
        ready_url(serving)
    finally:
        os.umask(before)
    database = Path(store_url.removeprefix("sqlite:///"))
    files = [*database.parent.glob(f"{database.name}*"), *spool.iterdir()]
    assert {database.name, f"{database.name}-wal", "spool.db", "keys.json"} <= {f.name for f in files}
    assert {file.name: oct(file.stat().st_mode & 0o777) for file in files} == {file.name: "0o600" for file in files}
    assert spool.stat().st_mode & 0o777 == 0o700
    found = doctor("--store", store_url, env=env)
    assert (found["permissions"]["level"], found["spool"]["level"]) == ("ok", "ok")
    (spool / "keys.json").chmod(0o640)
    assert doctor("--store", store_url, env=env)["spool"]["level"] == "warn"


def test_the_schema_is_looked_at_and_left_alone(doctor: Doctor, made: str, database: Path) -> None:
    rows(database, "PRAGMA user_version = 1")
    assert doctor("--store", made)["schema"]["level"] == "warn"
    assert rows(database, "PRAGMA user_version") == [(1,)]
    rows(database, "PRAGMA journal_mode = DELETE")
    rows(database, "PRAGMA user_version = 1000")
    found = doctor("--store", made, code=2)
    assert (found["schema"]["level"], found["wal"]["level"]) == ("fail", "warn")


def test_permissions(doctor: Doctor, made: str, database: Path) -> None:
    database.parent.chmod(0o755)
    for mode, level in ((0o600, "ok"), (0o640, "warn"), (0o644, "warn"), (0o666, "fail")):
        database.chmod(mode)
        found = doctor("--store", made, code=int(level == "fail"))
        assert found["permissions"]["level"] == level


def test_a_file_that_cannot_be_read_now_is_not_to_be_restored(tmp_path: Path) -> None:
    text, locked = tmp_path / "text.db", tmp_path / "locked.db"
    text.write_text("no database at all, and long enough to be read as the head of one" * 4)
    [found] = [each for each in inspect(text) if each.name == "schema"]
    assert (found.level, found.detail) == ("fail", f"{text} is not a SQLite database.")
    holder = apsw.Connection(str(locked))
    holder.execute("CREATE TABLE t (a); BEGIN EXCLUSIVE")
    [found] = [each for each in inspect(locked) if each.name == "schema"]
    assert (found.level, found.advice) == ("fail", "The database stays locked by another process; try again.")
    holder.close()


def test_a_network_file_system_is_found(tmp_path: Path) -> None:
    mounts = tmp_path / "mountinfo"
    mounts.write_text(
        "1 0 8:1 / / rw - ext4 /dev/sda rw\n"
        f"2 1 0:9 / {tmp_path} rw shared:1 - nfs4 host:/x rw\n"
        f"3 1 0:9 / {tmp_path}/na\\040me rw - tmpfs none rw\n"
    )
    assert file_system_of(tmp_path / "a.db", mounts) == "nfs4"
    assert file_system_of(tmp_path / "na me" / "a.db", mounts) == "tmpfs"
    assert file_system_of(Path("/a.db"), mounts) == "ext4"
    assert file_system_of(Path("/a.db"), tmp_path / "missing") is None


def test_who_is_behind_and_for_how_long(doctor: Doctor, made: str, database: Path) -> None:
    rows(database, "DELETE FROM progress")
    rows(database, f"UPDATE ledger SET recorded_at = {int(time.time() * 1000) - 3_600_000}")
    rows(database, "UPDATE projected SET pos = 0")
    detail = doctor("--store", made)["projections"]["detail"]
    assert re.match(r"1 user is behind, the first for 3,6\d\d seconds", detail)


def test_keys(doctor: Doctor, made: str) -> None:
    def create(days: int | None) -> str:
        expires_at = None if days is None else system_clock() + days * MS_PER_DAY
        return make_key(made, "admin", expires_at=expires_at).split("_")[1]

    lasting = create(None)
    assert doctor("--store", made)["keys"]["level"] == "ok"
    prefix = create(13)
    create(15)
    found = doctor("--store", made)["keys"]
    assert (found["level"], prefix in found["detail"], "13 days" in found["detail"]) == ("warn", True, True)
    assert lasting not in found["detail"]


def test_the_spool(doctor: Doctor, made: str, tmp_path: Path) -> None:
    folder = tmp_path / "spool"
    environment = {"LAURELS_SPOOL": str(folder)}
    assert doctor("--store", made, env=environment)["spool"]["level"] == "ok"
    assert not folder.exists()

    async def fill() -> None:
        spool = await FileSpool.open(folder, limit=10**6)
        await spool.append([Spooled(LearningEvent(user_id="ada", event_type="code_run", event_id="x"), 1)])
        await spool.complete([], [SetAside((await spool.first(1))[0], "It is one too many.")])
        await spool.close()

    asyncio.run(fill())
    found = doctor("--store", made, env=environment)["spool"]
    assert (found["level"], "1 is set aside" in found["detail"]) == ("warn", True)
    (folder / "store").write_text("mongodb://elsewhere/laurels")
    found = doctor("--store", made, code=2, env=environment)["spool"]
    assert (found["level"], "for the store mongodb://elsewhere/laurels" in found["detail"]) == ("fail", True)
    (tmp_path / "file").write_text("")
    assert doctor("--store", made, code=2, env={"LAURELS_SPOOL": f"{tmp_path}/file"})["spool"]["level"] == "fail"


def test_mongodb(doctor: Doctor, server: Deployment, client: MongoClient[dict[str, Any]], tmp_path: Path) -> None:
    name = server.fresh()
    store, environment = server.url(name), {"LAURELS_SPOOL": f"{tmp_path}/spool"}
    empty = doctor("--store", store, env=environment)
    assert (empty["schema"]["level"], "projections" in empty) == ("warn", False)
    assert client[name].list_collection_names() == []
    make(store)
    found = doctor("--store", store, env=environment)
    levels = {each: found[each]["level"] for each in ("deployment", "schema", "clock", "store", "projections")}
    assert levels == {"deployment": "warn", "schema": "ok", "clock": "ok", "store": "ok", "projections": "ok"}
    client[name].meta.update_one({"_id": "schema"}, {"$set": {"version": 1_000}})
    assert doctor("--store", store, code=2, env=environment)["schema"]["level"] == "fail"
