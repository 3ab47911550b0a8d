"""`laurels users`: show, delete, expire; and what other commands make of who was deleted."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import apsw
import msgspec
import pytest

from laurels import LearningEvent
from laurels.application.ports.spool import SetAside, Spooled
from laurels.application.recording.commands import RecordedEntry
from laurels.bootstrap import open_service
from laurels.storage.spool import FileSpool
from tests.cli.conftest import Ran, Run, event, ledger, ndjson, rows


@pytest.fixture
async def laurels(run: Run, store_url: str) -> Run:
    """Runs a command on a store with seven learners, and asserts its exit code."""

    def laurels(*arguments: str, code: int = 0, stdin: bytes = b"", env: dict[str, str] | None = None) -> Ran:
        ran = run(*arguments, stdin=stdin, env={"LAURELS_STORE": store_url, **(env or {})})
        assert ran.code == code, ran.err
        return ran

    async with open_service(store_url) as opened:
        events = [msgspec.convert(event(number), LearningEvent) for number in range(28)]
        assert all(isinstance(each, RecordedEntry) for each in await opened.record_many(events))
    return laurels


def test_data_is_one_document(laurels: Run) -> None:
    data = json.loads(laurels("users", "data", "user-1").out)
    assert data["userId"] == "user-1"
    assert [entry["eventId"] for entry in data["entries"]] == ["event-1", "event-8", "event-15", "event-22"]
    assert "nothing is recorded" in laurels("users", "data", "nobody", code=2).err


def test_learners_are_listed_and_found(laurels: Run) -> None:
    listed = laurels("users", "list").out.splitlines()
    assert listed[1].split() == ["id", "name", "level", "points", "badges", "last", "active"]
    assert [line.split()[0] for line in listed[2:9]] == [f"user-{number}" for number in range(7)]
    first = laurels("users", "list", "--limit", "3")
    assert [line.split()[0] for line in first.out.splitlines()[2:5]] == ["user-0", "user-1", "user-2"]
    assert "--after user-2" in first.err
    assert laurels("users", "list", "--after", "user-5").out.split("\n")[2].split()[0] == "user-6"
    assert laurels("users", "list", "R-4").out.splitlines()[2].split()[0] == "user-4"
    assert "No learner is found" in laurels("users", "list", "zzz").err


def test_a_learner_is_shown_with_the_lines_that_add_up(laurels: Run) -> None:
    shown = laurels("users", "show", "user-1", "--entries", "2").out.splitlines()
    assert shown[0] == "user-1  (no name)"
    assert "4 events" in shown[1]
    table = shown[shown.index("Ledger, newest first") + 1 :]
    assert [line.split()[0] for line in table[:3]] == ["seq", "4", "3"]
    whole = laurels("users", "show", "user-1").out.splitlines()
    lines = whole[whole.index("Ledger, newest first") + 2 :]
    total = int(whole[1].split(", ")[1].split()[0])
    assert sum(int(line.split()[4]) for line in lines if line) == total
    assert "nothing is recorded" in laurels("users", "show", "nobody", code=2).err


def test_a_deleted_learner_stays_so_whatever_is_imported_or_rebuilt(laurels: Run, database: Path) -> None:
    assert "--yes" in laurels("users", "delete", "user-1", code=2).err
    said = laurels("users", "delete", "user-1", "--yes").out
    assert said.startswith("The user is deleted since 2")
    assert laurels("users", "delete", "user-1", "--yes").out == said
    assert "nothing is recorded" in laurels("users", "delete", "user-9", "--yes", code=2).err
    assert {row[0] for row in ledger(database)} == {f"user-{number}" for number in range(7) if number != 1}
    imported = laurels("import", "-", stdin=ndjson(event(number) for number in range(35)), code=1)
    assert "line 2: This user was deleted" in imported.err
    assert imported.err.count("This user was deleted") == 5
    assert laurels("rebuild").out == "Rebuilt the projections of 6 users.\n"
    assert laurels("verify").out.endswith("clean\n")
    assert rows(database, "SELECT count(*) FROM progress WHERE user_id = 'user-1'") == [(0,)]


def test_verify_tells_what_is_left(laurels: Run, database: Path) -> None:
    rows(database, "CREATE TABLE backup AS SELECT * FROM ledger WHERE user_id = 'user-2'")
    laurels("users", "delete", "user-2", "--yes")
    rows(database, "INSERT INTO ledger SELECT * FROM backup")
    told = laurels("verify", code=1)
    assert "user 'user-2', projection: was deleted, but something is left in ledger" in told.err


async def test_what_waits_on_this_machine_goes_too(laurels: Run, tmp_path: Path) -> None:
    folder = tmp_path / "spool"
    spool = await FileSpool.open(folder, limit=100_000)
    pairs = [(user, event_id) for event_id in ("x", "y") for user in ("user-1", "bob")]
    await spool.append(
        [Spooled(LearningEvent(user_id=user, event_type="code_run", event_id=name), 1) for user, name in pairs]
    )
    first, second, *_ = await spool.first(9)
    await spool.complete([], [SetAside(first, "no"), SetAside(second, "no")])
    environment = {"LAURELS_SPOOL": str(folder)}
    data = json.loads(laurels("users", "data", "user-1", env=environment).out)
    assert (len(data["waiting"]), [each["reason"] for each in data["setAside"]]) == (1, ["no"])
    laurels("users", "delete", "user-1", "--yes", env=environment)
    assert [each.event.user_id for each in await spool.first(9)] == ["bob"]
    assert [each.spooled.event.user_id for each in await spool.set_aside()] == ["bob"]
    stats = await spool.stats()
    assert (stats.waiting, stats.set_aside) == (1, 1)
    # Nobody but the spool knows of bob yet.
    laurels("users", "delete", "bob", "--yes", env=environment)
    stats = await spool.stats()
    assert (stats.waiting, stats.set_aside, stats.bytes, spool.is_empty) == (0, 0, 0, True)
    await spool.close()


def test_who_has_not_come_for_long_expires(laurels: Run, database: Path) -> None:
    assert "LAURELS_RETENTION_DAYS is not set" in laurels("users", "expire", code=2).err
    now = datetime.now(UTC)
    recent = [
        {"userId": "user-3", "eventType": "code_run", "timestamp": (now - timedelta(days=29)).isoformat()},
        {"userId": "old", "eventType": "code_run", "timestamp": (now - timedelta(days=31)).isoformat()},
    ]
    laurels("import", "-", "--source", "recent", stdin=ndjson(recent))
    # The card lags behind: the ledger decides.
    connection = apsw.Connection(str(database))
    connection.execute("DELETE FROM progress WHERE user_id IN ('user-3', 'old')")
    connection.close()
    # Those of the file were active in January.
    age = (now - datetime(2026, 1, 3, tzinfo=UTC)).days
    assert age > 31, "the file is of another year"
    env = {"LAURELS_RETENTION_DAYS": "30"}
    told = laurels("users", "expire", "--dry-run", env=env)
    expected = ["old", *(f"user-{number}" for number in (0, 1, 2, 4, 5, 6))]
    assert told.out.split() == expected
    assert len({row[0] for row in ledger(database)}) == 8
    assert laurels("users", "expire", env=env).out == "7 users without an event for 30 days are deleted\n"
    assert {row[0] for row in ledger(database)} == {"user-3"}
    # What was taken from the cards by hand was counted.
    laurels("rebuild")
    assert laurels("verify").out.endswith("clean\n")


def test_who_is_suspended_is_shown_no_more_until_restored(laurels: Run, database: Path) -> None:
    def shown() -> int:
        [(count,)] = rows(database, "SELECT count(*) FROM standings WHERE user_id = 'user-1'")
        return count

    before = shown()
    assert before
    assert laurels("users", "suspend", "user-1").out == "The user is suspended\n"
    assert shown() == 0
    assert laurels("users", "restore", "user-1").out == "The user is back\n"
    assert shown() == before
