"""`laurels audit` names who stands out, on each store, and changes nothing."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from laurels import LearningEvent
from laurels.application.recording.commands import RecordedEntry
from laurels.bootstrap import open_service
from tests.cli.conftest import Run, event, ndjson, rows

NOW = datetime.now(UTC)


def line(user: str, number: int, at: datetime) -> dict[str, Any]:
    return event(number, userId=user, timestamp=at.isoformat(), metadata={"codeLength": number})


def history() -> list[dict[str, Any]]:
    """A person, one who is too fast, and one whose month of events is imported at once."""
    base = NOW.replace(second=0, microsecond=0) - timedelta(hours=5)
    lines = [line("person", n, base + timedelta(minutes=3 * n)) for n in range(30)]
    lines += [line("fast", n, base + timedelta(milliseconds=700 * n)) for n in range(80)]
    lines += [line("late", n, base - timedelta(days=2 + n)) for n in range(30)]
    return lines


async def tell_late(store: str) -> None:
    """One who tells of a month at once, by themselves."""
    async with open_service(store) as laurels:
        days = [
            LearningEvent(user_id="teller", event_type="code_run", timestamp=NOW - timedelta(days=2 + n))
            for n in range(30)
        ]
        assert all(isinstance(each, RecordedEntry) for each in await laurels.record_many(days))


@pytest.mark.long
def test_the_demo_accuses_hardly_anybody(run: Run) -> None:
    run("demo")
    found = json.loads(run("audit", "--json").out)
    assert (found["users"], found["found"]["backdating"]) == (300, 0)
    assert 0 < sum(found["found"].values()) <= 30


def test_it_tells_who_stands_out_and_why(run: Run, store: str) -> None:
    assert run("import", "-", "--store", store, stdin=ndjson(history())).code == 0
    done = run("audit", "--store", store)
    assert (done.code, done.err) == (0, "")
    # What is imported is brought by the operator, and late for that reason alone.
    assert done.out.splitlines()[0] == "3 users, 140 events: 1 pace"
    asyncio.run(tell_late(store))
    assert run("audit", "--store", store).out.splitlines()[0] == "4 users, 170 events: 1 pace, 1 backdating"
    found = json.loads(run("audit", "--store", store, "--json").out)
    assert (found["users"], found["events"]) == (4, 170)
    assert {(each["userId"], each["rule"]) for each in found["findings"]} == {
        ("fast", "pace"),
        ("teller", "backdating"),
    }
    assert [each["score"] for each in found["findings"]] == sorted(
        (each["score"] for each in found["findings"]), reverse=True
    )
    assert run("verify", "--store", store).out.endswith("\nclean\n")


def test_what_was_recorded_before_is_left_out(run: Run, store_url: str, database: Path) -> None:
    assert run("import", "-", "--store", store_url, stdin=ndjson(history())).code == 0
    asyncio.run(tell_late(store_url))
    [highest] = json.loads(run("audit", "--store", store_url, "--json", "--limit", 1, "--since", 1).out)["findings"]
    assert highest["userId"] == "teller"
    two_days_ago = int((NOW - timedelta(days=2)).timestamp() * 1_000)
    rows(database, f"UPDATE ledger SET recorded_at = {two_days_ago}")
    assert run("audit", "--store", store_url, "--since", 1).out == "4 users, 0 events: nothing stands out\n"
    assert run("audit", "--store", store_url, "--since", 3).out.startswith("4 users, 170 events: ")


def test_a_database_that_is_not_there_is_said_and_not_made(run: Run) -> None:
    done = run("audit", "--store", "sqlite:///nowhere.db")
    assert (done.code, done.out) == (2, "")
    assert "no database" in done.err


def test_once_keys_come_in_by_import(run: Run, store_url: str, database: Path) -> None:
    lines = [line("ada", n, NOW - timedelta(minutes=9 - n)) | {"onceKey": f"task-{n % 2}"} for n in range(6)]
    assert run("import", "-", "--store", store_url, stdin=ndjson(lines)).out.startswith("6 recorded")
    found = rows(
        database,
        "SELECT readable(body) ->> '$.onceKey', readable(body) ->> '$.outcome.unpaid' FROM ledger ORDER BY seq",
    )
    assert found == [("task-0", None), ("task-1", None), *[("task-0", "once"), ("task-1", "once")] * 2]
    assert run("import", "-", "--store", store_url, stdin=ndjson(lines)).out.startswith("0 recorded, 6 already there")
    changed = [one | {"onceKey": "another"} for one in lines]
    assert run("import", "-", "--store", store_url, stdin=ndjson(changed)).out.startswith("0 recorded, 0 already there")
    assert run("verify", "--store", store_url).code == 0
