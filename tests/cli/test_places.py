"""Where commands work: they say the store, make none by mistake, and find what a server in another folder left."""

from __future__ import annotations

import asyncio
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from pymongo import MongoClient
from typer.testing import CliRunner

from laurels import LearningEvent, SettingsError, StoreIncompatible, StoreUnavailable
from laurels.application.ports.spool import Spooled
from laurels.bootstrap import open_service
from laurels.cli.app import app
from laurels.cli.terminal import CommandFailed
from laurels.settings import Settings
from laurels.storage.spool import FileSpool
from tests.cli.conftest import ENVIRONMENT, Run, Start, rows
from tests.cli.test_serve import ready_url
from tests.mongod import Deployment

NEEDING = [
    "verify",
    "rebuild",
    "audit",
    "keys list",
    "keys create --name a --scope admin",
    "keys revoke aaaaaaaaaaaa",
    "keys rotate-cursors",
    "users list",
    "users show ada",
    "users data ada",
    "users suspend ada",
    "retract ada one --reason because",
    "award grant ada first_run --reason because",
    "webhooks list",
    "webhooks add https://example.org",
    "rulebook diff coding",
    "rulebook preview coding",
    "rulebook publish coding",
]
MAKING = [
    "serve --port 0",
    "import -",
    "import - --dry-run",
    "demo --users 1 --days 1",
    "keys create --name a --scope admin --new-store",
]


@pytest.mark.parametrize("command", NEEDING)
def test_a_database_that_is_not_there_is_not_made(run: Run, tmp_path: Path, command: str) -> None:
    done = run(*command.split(), "--store", "sqlite:///typo.db")
    assert (done.code, done.out, done.place) == (2, "", f"store: sqlite:///{tmp_path}/typo.db")
    assert done.err.startswith(f"There is no database at sqlite:///{tmp_path}/typo.db; name the one that you mean")
    assert len(done.err.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_an_empty_name_of_a_store_is_not_the_default_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAURELS_DATA", str(tmp_path))
    for command in (["keys", "create", "--name", "a", "--scope", "admin", "--new-store"], ["demo"], ["import", "-"]):
        for option in ("--store=", "--store= "):
            found = CliRunner().invoke(app, [*command, option])
            assert isinstance(found.exception, SettingsError), found.output
            assert str(found.exception).startswith("--store is empty")
    assert list(tmp_path.iterdir()) == []


class TestForeignFile:
    """A SQLite file that is none of ours; in this process, since each start of a command costs most of a second."""

    @pytest.fixture(autouse=True)
    def place(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        for name in [name for name in os.environ if name.startswith("LAURELS_")]:
            monkeypatch.delenv(name)

    @pytest.mark.parametrize("command", [*NEEDING, *MAKING])
    def test_it_is_refused_and_left_alone(self, tmp_path: Path, command: str) -> None:
        path = tmp_path / "theirs.db"
        rows(path, "CREATE TABLE t (a)")
        before = path.read_bytes()
        found = CliRunner().invoke(app, [*command.split(), "--store", "sqlite:///theirs.db"], input="")
        assert isinstance(found.exception, StoreIncompatible), found.output
        assert "another program" in str(found.exception)
        assert (path.read_bytes(), [each.name for each in tmp_path.iterdir()]) == (before, ["theirs.db"])

    @pytest.mark.parametrize("command", NEEDING)
    def test_an_empty_one_is_left_alone_by_commands_that_make_none(self, tmp_path: Path, command: str) -> None:
        path = tmp_path / "laurels.db"
        path.touch()
        found = CliRunner().invoke(app, [*command.split(), "--store", "sqlite:///laurels.db"])
        assert isinstance(found.exception, CommandFailed), found.output
        assert "(the file is empty)" in str(found.exception)
        assert "There is a laurels.db in this folder" not in str(found.exception)
        assert path.read_bytes() == b""


def test_nor_is_one_on_mongodb(run: Run, server: Deployment) -> None:
    name = server.fresh()
    for command in ("verify", "keys create --name a --scope admin", "serve --host 0.0.0.0 --port 0"):
        done = run(*command.split(), "--store", server.url(name))
        assert (done.code, done.out) == (2, "")
    with MongoClient[dict[str, object]](server.url("admin")) as client:
        assert client[name].list_collection_names() == []


def test_a_server_that_is_refused_leaves_nothing_behind(run: Run, start: Start, tmp_path: Path) -> None:
    serving = start("serve", "--port", 0, "--store", "sqlite:///other.db")
    taken = ready_url(serving).rpartition(":")[2]
    for refused in (
        ["--host", "0.0.0.0", "--port", 0],
        ["--port", taken],
        ["--port", 0, "--rulebook", "nowhere.toml"],
    ):
        done = run("serve", *refused)
        assert (done.code, done.out) == (2, ""), refused
        assert not (tmp_path / "laurels.db").exists(), refused


def test_what_serve_made_is_found_from_another_folder(start: Start, run: Run, tmp_path: Path) -> None:
    place = {"LAURELS_DATA": str(tmp_path / "one" / "place")}
    serving = start("serve", "--port", 0, env=place)
    ready_url(serving)
    serving.send_signal(signal.SIGTERM)
    assert serving.wait(timeout=30) == 0
    assert stat.S_IMODE((tmp_path / "one" / "place").stat().st_mode) == 0o700
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    found = subprocess.run(
        [sys.executable, "-m", "laurels", "verify"],
        cwd=elsewhere,
        env=ENVIRONMENT | place,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (found.returncode, found.stdout.splitlines()[-1]) == (0, "clean")
    assert found.stderr == f"store: sqlite:///{tmp_path}/one/place/laurels.db\n"
    assert run("verify").code == 2


def test_a_database_in_this_folder_is_pointed_out(run: Run, tmp_path: Path) -> None:
    (tmp_path / "laurels.db").write_bytes(b"")
    assert (
        "There is a laurels.db in this folder: --store sqlite:///laurels.db."
        in run("verify", env={"LAURELS_DATA": "data"}).err
    )


def test_serve_stops_with_0_when_asked_to(start: Start) -> None:
    for workers in (1, 2):
        serving = start("serve", "--port", 0 if workers == 1 else 18_431, "--workers", workers)
        ready_url(serving)
        serving.send_signal(signal.SIGTERM)
        assert serving.wait(timeout=30) == 0


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    async def open_there() -> None:
        async with open_service(settings=Settings(data=str(tmp_path / "file" / "data"))):
            pass

    with pytest.raises(StoreUnavailable, match="LAURELS_DATA"):
        asyncio.run(open_there())


class TestSpool:
    """One data folder for all servers of a user: no spool may serve two stores."""

    async def wait(self, folder: Path, *, events: int) -> None:
        spool = await FileSpool.open(folder, limit=10**6)
        event = LearningEvent(user_id="ada", event_type="code_run", event_id="one")
        await spool.append([Spooled(event, 1_700_000_000_000)] * events)
        await spool.close()

    async def open(self, name: str, folder: Path) -> None:
        settings = Settings(store=f"sqlite:///{folder.parent}/{name}.db", spool=str(folder))
        async with open_service(settings=settings, spool=folder):
            pass

    async def test_it_is_found_whatever_store_a_command_would_use(self, run: Run, tmp_path: Path) -> None:
        await self.wait(tmp_path / "spool", events=1)
        shown = run("spool", "show")
        assert (shown.code, shown.place) == (0, f"spool: {tmp_path}/spool")
        assert shown.out.startswith("1 event waits")

    async def test_another_store_does_not_get_its_events(self, tmp_path: Path) -> None:
        folder = tmp_path / "spool"
        await self.open("first", folder)
        await self.wait(folder, events=1)
        with pytest.raises(SettingsError, match=r"1 event for the store .*first.db, and this is .*second.db"):
            await self.open("second", folder)
        await self.open("first", folder)

    async def test_an_empty_one_is_taken_over_without_the_keys_that_it_remembered(self, tmp_path: Path) -> None:
        folder = tmp_path / "spool"
        await self.open("first", folder)
        (folder / "keys.json").write_text("[]")
        await self.open("first", folder)
        assert (folder / "keys.json").exists()
        await self.open("second", folder)
        assert not (folder / "keys.json").exists()
        assert os.listdir(folder)
