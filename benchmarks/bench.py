"""What subjects share: a folder that is removed at the end, sizes, commands run as processes, the imported history."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path

import msgspec
from msgspec import Struct

from benchmarks.history import write_history

ROOT = Path(__file__).resolve().parents[1]
QUICK = 20
# No command takes this long; one that hangs must not hang the run.
LONGEST_COMMAND = 1_800.0

HISTORY_EVENTS = 300_000
HISTORY_USERS = 20_000


class Load(Struct, frozen=True):
    """What the load generator saw: finished requests, the time from first to last, latencies in milliseconds."""

    requests: int
    seconds: float
    statuses: dict[str, int]
    p50: float
    p99: float

    @property
    def rate(self) -> float:
        """Requests per second."""
        return self.requests / self.seconds


class Spent(Struct, frozen=True):
    """What a command took: seconds from its start to its end, and of the processor in all its threads."""

    seconds: float
    cpu: float


class Bench:
    """One run: where files go and how large things are. `quick` runs a twentieth of every size in fewer rounds."""

    def __init__(self, folder: Path, *, quick: bool) -> None:
        self.folder = folder
        self.quick = quick
        self._history: Path | None = None
        self._imported: Path | None = None

    def size(self, full: int) -> int:
        """How many of something, in this run, that a full run has `full` of."""
        return max(1, full // QUICK) if self.quick else full

    def rounds(self, full: int) -> int:
        """How often to measure what a full run measures `full` times."""
        return 2 if self.quick else full

    @property
    def history(self) -> Path:
        """The NDJSON file of a platform's history, made when first asked for."""
        if self._history is None:
            self._history = self.folder / "history.ndjson"
            write_history(self._history, self.size(HISTORY_EVENTS), self.size(HISTORY_USERS))
        return self._history

    @property
    def imported(self) -> Path:
        """A database that holds the history. `import` leaves its last one here; else it is imported now."""
        if self._imported is None:
            self._imported = self.folder / "history.db"
            self.laurels("import", str(self.history), store=self._imported)
        return self._imported

    @imported.setter
    def imported(self, database: Path) -> None:
        self._imported = database

    def laurels(self, *arguments: str, store: Path | str) -> Spent:
        """Run a command of Laurels as a process of its own, from its start to its end. `store` is a file or a URL."""
        url = store if isinstance(store, str) else f"sqlite:///{store}"
        command = [sys.executable, "-m", "laurels", *arguments, "--store", url]
        return _timed(command)

    def send(
        self, port: int, requests: Iterable[bytes], *, connections: int, expected: str, seconds: int = 120
    ) -> Load:
        """Send requests to a server on loopback from a process of its own, one at a time on each connection.

        Ends after all of them or after `seconds`. Raises RuntimeError for an answer of another status.
        """
        file = self.folder / "requests.msgpack"
        file.write_bytes(msgspec.msgpack.encode(list(requests)))
        command = [sys.executable, "-m", "benchmarks.load", str(port), str(file)]
        command += [f"--connections={connections}", f"--seconds={seconds}"]
        done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, timeout=seconds + 60, check=True)
        load = msgspec.json.decode(done.stdout, type=Load)
        if load.statuses.keys() != {expected}:
            raise RuntimeError(f"The server answered {load.statuses}, not {expected} alone.")
        return load


def environment(variables: dict[str, str] | None = None) -> dict[str, str]:
    """The environment of a process of Laurels: our own without any settings, and `variables`."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("LAURELS_")}
    return own | (variables or {})


def remove_database(path: Path) -> None:
    """Remove a database and the files that SQLite keeps beside it."""
    for suffix in ("", "-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)


def _timed(command: list[str]) -> Spent:
    cpu = _cpu_of_children()
    started = time.perf_counter()
    done = subprocess.run(
        command,
        check=False,
        cwd=ROOT,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=LONGEST_COMMAND,
    )
    seconds = time.perf_counter() - started
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}: {done.stdout.decode()[-2_000:]}")
    return Spent(seconds, _cpu_of_children() - cpu)


def _cpu_of_children() -> float:
    # Of those that have ended: servers that still run do not count.
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
