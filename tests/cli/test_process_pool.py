"""`verify` and `rebuild` come to the same result however many processes share the users."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from tests.cli.conftest import Run, Start, children_of, event, ledger, ndjson, rows
from tests.packed_projections import LINES, changed_line

# More than one portion of users for each of two processes, one of them with a long ledger.
EVENTS = [event(number) | {"userId": f"user-{number % 900:03d}"} for number in range(2_000)]
EVENTS += [event(number) | {"userId": "user-007"} for number in range(2_000, 4_500)]
SHARED = ("--processes", 2)


@pytest.fixture(autouse=True)
def _recorded(run: Run, store_url: str) -> None:
    assert run("import", "-", "--store", store_url, stdin=ndjson(EVENTS)).code == 0


def test_two_processes_rebuild_what_one_did(run: Run, store_url: str, database: Path) -> None:
    before, entries = rows(database, LINES), ledger(database)
    rows(database, "UPDATE standings SET points = 1; DELETE FROM progress WHERE user_id > 'user-300'")
    done = run("rebuild", "--store", store_url, *SHARED)
    assert (done.code, done.out, done.err) == (0, "Rebuilt the projections of 900 users.\n", "")
    assert rows(database, LINES) == before
    assert ledger(database) == entries
    assert run("verify", "--store", store_url, *SHARED) == run("verify", "--store", store_url, "--processes", 1)


def test_two_processes_find_what_one_finds(run: Run, store_url: str, database: Path) -> None:
    rows(database, "UPDATE ledger SET body = packed(json_set(readable(body), '$.outcome.level', 77)) WHERE seq = 1")
    rows(database, changed_line("user-007", "all", "json_set(lines, path || '[0]', 1)"))
    alone, shared = (run("verify", "--store", store_url, "--processes", count) for count in (1, 2))
    assert alone.code == 1
    # One more: the counts of the board tell of the line as it was.
    assert alone.out.splitlines()[-1] == "902 differences"
    assert shared == alone


def test_an_entry_that_cannot_be_read_is_one_sentence(run: Run, store_url: str, database: Path) -> None:
    rows(database, "UPDATE ledger SET body = CAST('{broken' AS BLOB) WHERE user_id = 'user-700' AND seq = 1")
    done = run("verify", "--store", store_url, *SHARED)
    assert (done.code, len(done.err.splitlines())) == (2, 1)
    assert "cannot read" in done.err


def test_a_process_that_dies_is_told_of(run: Run, start: Start, store_url: str) -> None:
    rebuilding = start("rebuild", "--store", store_url, *SHARED)
    deadline = time.monotonic() + 60
    workers: list[int] = []
    while not workers and time.monotonic() < deadline:
        workers = [pid for pid in children_of(rebuilding.pid) if b"spawn_main" in command_of(pid)]
        time.sleep(0.01)
    os.kill(workers[0], signal.SIGKILL)
    _, told = rebuilding.communicate(timeout=60)
    assert rebuilding.returncode == 2
    place, said = told.decode().split("\n", 1)
    assert place == f"store: {store_url}"
    assert said == "A process that shared the work ended before it was done; run the command again.\n"
    assert run("rebuild", "--store", store_url, *SHARED).code == 0
    assert run("verify", "--store", store_url).out.splitlines()[-1] == "clean"


def command_of(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""
