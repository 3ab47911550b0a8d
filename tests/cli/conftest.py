"""Runs the command in a process of its own: `run` as a fork of one that has loaded it, `start` as a person does."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any

import apsw
import pytest
from pymongo import MongoClient

from tests import forks
from tests.entry_bodies import teach_bodies
from tests.mongod import Deployment, deploy
from tests.packed_projections import teach_projections

COMMAND = (sys.executable, "-m", "laurels")
# No test may find what another one left in the data folder of the user.
ENVIRONMENT = {
    **{name: value for name, value in os.environ.items() if not name.startswith("LAURELS_")},
    "LAURELS_DATA": ".",
}


@dataclass(frozen=True)
class Ran:
    """What a command left behind: exit code, standard output, standard error, and the place that it said first there
    (`store: URL` or `spool: FOLDER`)."""

    code: int
    out: str
    err: str
    place: str = ""


Run = Callable[..., Ran]
"""Runs a command: its arguments, and by keyword `stdin` (bytes) and more environment `env`."""

Start = Callable[..., "subprocess.Popen[bytes]"]
"""Starts a command: its arguments, and by keyword more environment `env`."""


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Run `laurels` with arguments. Whatever happens, no traceback may be shown."""

    def run(*arguments: object, stdin: bytes = b"", env: dict[str, str] | None = None) -> Ran:
        with _pipe_of(stdin) as given, TemporaryFile() as said, TemporaryFile() as complained:
            code = forks.run(
                "laurels",
                [*map(str, arguments)],
                cwd=tmp_path,
                env={**ENVIRONMENT, **(env or {})},
                stdin=given,
                stdout=said,
                stderr=complained,
                timeout=120,
            )
            out, err = (_all_of(file) for file in (said, complained))
        place, _, rest = err.partition("\n") if err.startswith(("store: ", "spool: ")) else ("", "", err)
        ran = Ran(code, out, rest, place)
        assert "Traceback" not in ran.err, ran.err
        assert "\x1b" not in ran.out + ran.err, "colours where no terminal is"
        return ran

    return run


@contextmanager
def _pipe_of(given: bytes) -> Iterator[IO[bytes]]:
    """A pipe from which `given` comes. Who reads it may stop before the end."""
    read, write = os.pipe()

    def fill() -> None:
        with suppress(BrokenPipeError), os.fdopen(write, "wb", buffering=0) as end:
            rest = memoryview(given)
            while rest:
                rest = rest[end.write(rest) :]

    with os.fdopen(read, "rb") as start:
        filling = threading.Thread(target=fill)
        filling.start()
        yield start
    filling.join()


def _all_of(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode()


@pytest.fixture
def start(tmp_path: Path) -> Iterable[Start]:
    """Start `laurels` with arguments and more environment `env`, and go on; at the test's end it is killed."""
    started: list[subprocess.Popen[bytes]] = []

    def start(*arguments: object, env: dict[str, str] | None = None) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            [*COMMAND, *map(str, arguments)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=tmp_path,
            env={**ENVIRONMENT, **(env or {})},
        )
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
        process.communicate()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """One server for the older databases, and for stores beside them."""
    deployment = deploy(tmp_path_factory.mktemp("mongodb"), members=0)
    yield deployment
    deployment.end()


@pytest.fixture(scope="module")
def client(server: Deployment) -> Iterator[MongoClient[dict[str, Any]]]:
    with MongoClient(server.url("admin"), tz_aware=True) as client:
        yield client


@pytest.fixture
def name(server: Deployment) -> str:
    """The name of the older database, which is not made yet."""
    return server.fresh()


@pytest.fixture
def source(server: Deployment, name: str) -> str:
    """Its URL."""
    return server.url(name)


@pytest.fixture(params=["sqlite", "mongodb"])
def store(request: pytest.FixtureRequest, server: Deployment) -> str:
    """The URL of an empty store, of each kind."""
    return request.getfixturevalue("store_url") if request.param == "sqlite" else server.url(server.fresh())


def event(number: int, **changes: Any) -> dict[str, Any]:
    """An event as a line has it; one a minute, of seven users."""
    return {
        "userId": f"user-{number % 7}",
        "eventType": ("code_run", "ai_debug", "snippet_create")[number % 3],
        "eventId": f"event-{number}",
        "timestamp": f"2026-01-{number // 1440 % 28 + 1:02}T{number // 60 % 24:02}:{number % 60:02}:00Z",
        "metadata": {"language": ("python", "rust")[number % 2], "codeLength": number % 700},
        **changes,
    }


def ndjson(events: Iterable[dict[str, Any]]) -> bytes:
    """Events as lines."""
    return b"".join(json.dumps(one).encode() + b"\n" for one in events)


def without_ids(events: Iterable[dict[str, Any]]) -> bytes:
    """Events as lines that leave the id out."""
    return ndjson({name: value for name, value in one.items() if name != "eventId"} for one in events)


def rows(database: Path, statement: str) -> list[tuple[Any, ...]]:
    """What a statement finds in, or does to, a database."""
    connection = apsw.Connection(str(database))
    teach_bodies(connection)
    teach_projections(connection)
    try:
        return list(connection.execute(statement))
    finally:
        connection.close()


def ledger(database: Path) -> list[tuple[Any, ...]]:
    """Every entry of a database, without the time of writing."""
    return rows(database, "SELECT user_id, seq, event_id, readable(body) FROM ledger ORDER BY user_id, seq")


def children_of(process_id: int) -> list[int]:
    """The processes that a process started (read from /proc: Linux only)."""
    found: list[int] = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                stat = (entry / "stat").read_text("ascii")
            except OSError:
                continue
            if int(stat.rpartition(")")[2].split()[1]) == process_id:
                found.append(int(entry.name))
    return found
