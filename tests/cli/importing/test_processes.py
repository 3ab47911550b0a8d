"""An import by several processes: the same ledger as by one, and a death among them loses nothing."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import apsw

from tests.cli.conftest import Run, Start, children_of, event, ledger, ndjson, rows, without_ids


def test_several_processes_make_the_same_ledger(run: Run, tmp_path: Path) -> None:
    source = tmp_path / "events.ndjson"
    source.write_bytes(without_ids(event(number) for number in range(9_000)))
    for processes in (1, 3):
        done = run("import", source, "--store", f"sqlite:///{processes}.db", "--processes", processes)
        assert (done.code, done.err) == (0, "")
        assert done.out.startswith("9,000 recorded, 0 already there, 0 rejected in ")
        assert run("verify", "--store", f"sqlite:///{processes}.db").out.splitlines()[-1] == "clean"
    assert ledger(tmp_path / "1.db") == ledger(tmp_path / "3.db")
    again = run("import", source, "--store", "sqlite:///1.db", "--processes", 2)
    assert again.out.startswith("0 recorded, 9,000 already there, 0 rejected")


def test_rejected_lines_keep_their_order(run: Run, tmp_path: Path) -> None:
    lines = ndjson(event(number) for number in range(40)).splitlines(keepends=True)
    wrong = {3: b"{\n", 11: b'{"userId": "user-1", "eventType": "nap"}\n', 12: b"\xff\n", 30: b"[]\n"}
    for number, line in wrong.items():
        lines[number] = line
    # A conflict: the same id with other content.
    lines[35] = ndjson([event(34, eventType="visualize")])
    rejects = tmp_path / "bad.ndjson"
    done = run("import", "-", "--source", "pipe", "--processes", 2, "--rejects", rejects, stdin=b"".join(lines))
    assert done.code == 1
    assert done.out.startswith("35 recorded, 0 already there, 5 rejected")
    told = [line.partition(":")[0] for line in done.err.splitlines()]
    assert told == ["line 4", "line 12", "line 13", "line 31", "line 36"]
    assert rejects.read_bytes() == b"".join([*wrong.values(), lines[35]])


def test_what_cannot_be_opened_is_said_once(run: Run, tmp_path: Path) -> None:
    (tmp_path / "no.db").write_bytes(b"no database at all, but long enough to be looked at" * 100)
    done = run("import", "-", "--store", "sqlite:///no.db", "--processes", 2, stdin=ndjson([event(1)]))
    assert done.code == 2
    assert len(done.err.splitlines()) == 1
    assert "is not a SQLite database" in done.err


def test_when_a_worker_dies_the_import_stops_and_goes_on_when_run_again(
    run: Run, start: Start, database: Path, store_url: str
) -> None:
    lines = without_ids(event(number) for number in range(12_000)).splitlines(keepends=True)
    importing = start("import", "-", "--source", "pipe", "--store", store_url, "--processes", 2)
    assert importing.stdin is not None
    importing.stdin.write(b"".join(lines[:6_000]))
    importing.stdin.flush()
    deadline = time.monotonic() + 60
    recorded = 0
    while recorded < 3_000 and time.monotonic() < deadline:
        try:
            [(recorded,)] = rows(database, "SELECT count(*) FROM ledger") if database.exists() else [(0,)]
        except apsw.SQLError:
            recorded = 0  # not migrated yet
        time.sleep(0.01)
    assert recorded >= 3_000
    os.kill(children_of(importing.pid)[0], signal.SIGKILL)
    _, told = importing.communicate(b"".join(lines[6_000:]), timeout=60)
    assert importing.returncode == 2
    assert "A process of the import ended before its work was done." in told.decode()
    assert "Traceback" not in told.decode()
    done = run("import", "-", "--source", "pipe", "--store", store_url, "--processes", 2, stdin=b"".join(lines))
    assert done.code == 0
    assert [count for (count,) in rows(database, "SELECT count(*) FROM ledger")] == [12_000]
    assert run("verify", "--store", store_url).out.splitlines()[-1] == "clean"
