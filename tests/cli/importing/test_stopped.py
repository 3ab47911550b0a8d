"""An import that dies or is interrupted loses nothing, and goes on when it is run again."""

from __future__ import annotations

import signal
import subprocess
import time
from pathlib import Path

import apsw

from tests.cli.conftest import Run, Start, event, ledger, rows, without_ids

LINES = without_ids(event(number) for number in range(12_000)).splitlines(keepends=True)


def feed_half(importing: subprocess.Popen[bytes], database: Path) -> int:
    """Hand over a half of the lines and wait until most of it is recorded; how much is. The pipe stays open."""
    assert importing.stdin is not None
    importing.stdin.write(b"".join(LINES[:6_000]))
    importing.stdin.flush()
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if database.exists():
            try:
                [(recorded,)] = rows(database, "SELECT count(*) FROM ledger")
            except apsw.SQLError:
                recorded = 0  # not migrated yet
            if recorded >= 4_000:
                return recorded
        time.sleep(0.01)
    raise AssertionError("nothing was recorded while the pipe stayed open")


def assert_goes_on(run: Run, database: Path, store_url: str) -> None:
    recorded = len(ledger(database))
    assert 4_000 <= recorded < len(LINES)
    done = run("import", "-", "--source", "pipe", "--store", store_url, stdin=b"".join(LINES))
    assert done.code == 0
    assert done.out.startswith(f"{len(LINES) - recorded:,} recorded, {recorded:,} already there, 0 rejected")
    verified = run("verify", "--store", store_url)
    assert (verified.code, verified.out.splitlines()[-1]) == (0, "clean")
    assert verified.out.startswith("7 users, 12,000 entries, 12,000 events, ")


def test_a_killed_import_goes_on_where_it_was(run: Run, start: Start, database: Path, store_url: str) -> None:
    importing = start("import", "-", "--source", "pipe", "--store", store_url)
    feed_half(importing, database)
    importing.send_signal(signal.SIGKILL)
    importing.wait()
    assert_goes_on(run, database, store_url)


def test_an_interrupt_ends_an_import_that_waits_for_its_input(
    run: Run, start: Start, database: Path, store_url: str
) -> None:
    importing = start("import", "-", "--source", "pipe", "--store", store_url)
    feed_half(importing, database)
    importing.send_signal(signal.SIGINT)
    assert importing.wait(timeout=30) == 130
    assert importing.stderr is not None
    place, told = importing.stderr.read().decode().split("\n", 1)
    assert place == f"store: {store_url}"
    assert told == "Interrupted. Run the same command again to continue: nothing is recorded twice.\n"
    assert_goes_on(run, database, store_url)
