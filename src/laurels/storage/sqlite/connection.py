"""Opens the file, and runs statements off the event loop, with the driver's errors translated in one place."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from time import monotonic, sleep
from typing import Any, Literal, TypeVar

import apsw
import msgspec

from laurels.errors import StoreError, StoreIncompatible, StoreUnavailable

T = TypeVar("T")

BUSY_TIMEOUT_MS = 10_000
# Pages of the log, of 4 KiB, after which a commit moves them into the file and syncs it, which takes a while. The
# thread of projections does so earlier, because nobody waits for it; commits do so only where it cannot keep up.
_LOG_PAGES_AT_MOST = 16_384
# Characters of a statement from which on the driver does not keep it prepared.
_LONGEST_KEPT = 16_384

_decode_rows = msgspec.json.Decoder(list[list[Any]]).decode


def connect(
    path: Path,
    *,
    durable: bool = True,
    read_only: bool = False,
    busy_ms: int | None = None,
    admits: Callable[[apsw.Connection], object] | None = None,
) -> apsw.Connection:
    """A connection in WAL mode, which waits `busy_ms` for a lock of another process (default: 10 seconds).

    `durable`: a commit returns when it is on disk; otherwise a power failure may lose it (but never tear it). `admits`
    checks the database before anything is changed, including the mode, and raises if it must not be used. Raises
    StoreUnavailable or StoreIncompatible.
    """
    flags = apsw.SQLITE_OPEN_READONLY if read_only else apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE
    if not read_only:
        _make_for_owner(path)
    try:
        connection = apsw.Connection(str(path), flags=flags)
        connection.set_busy_timeout(BUSY_TIMEOUT_MS if busy_ms is None else busy_ms)
        if admits is not None:
            _when_free(lambda: admits(connection))
        if not read_only and not _when_free(lambda: rows(connection, "PRAGMA journal_mode = WAL") == [("wal",)]):
            raise StoreIncompatible(f"{path} cannot be put in WAL mode; keep it on a local disk.")
        rows(connection, f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
        rows(connection, f"PRAGMA wal_autocheckpoint = {_LOG_PAGES_AT_MOST}")
        rows(connection, "PRAGMA cache_size = -65536")
        rows(connection, "PRAGMA temp_store = MEMORY")
    except apsw.NotADBError as error:
        raise StoreIncompatible(f"{path} is not a SQLite database; name another file.") from error
    except apsw.Error as error:
        raise translate(error) from error
    return connection


def _make_for_owner(path: Path) -> None:
    """Create a missing file, for its owner alone; SQLite gives its log and its index the same permissions."""
    # If that is impossible, SQLite reports why.
    with suppress(OSError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))


def _when_free(work: Callable[[], T]) -> T:
    """Run `work`, and repeat it while a rival blocks it. A new file needs a moment alone to enter WAL mode, and SQLite
    then reports a rival at once instead of waiting as for any other lock."""
    give_up_at = monotonic() + BUSY_TIMEOUT_MS / 1000
    while True:
        try:
            return work()
        except apsw.BusyError:
            if monotonic() >= give_up_at:
                raise
            sleep(0.01)


def rows(connection: apsw.Connection, statement: str, bindings: Sequence[object] = ()) -> list[tuple[Any, ...]]:
    """Every row that `statement` returns; empty for statements without rows. Always use bindings for data."""
    # The driver's stubs leave the type of buffers open on this Python, which strict checking reports at each call.
    return connection.execute(statement, bindings).fetchall()  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]


def rows_in_one_step(connection: apsw.Connection, statement: str, bindings: Sequence[object] = ()) -> list[list[Any]]:
    """The rows that `statement` returns as one JSON array of arrays, with blobs as hexadecimal text.

    For many rows where others wait: each step of a statement must win the interpreter's lock back, see
    `MultiRowStatement`, and a query has a step for each row.
    """
    [(found,)] = rows(connection, statement, bindings)
    return _decode_rows(found)


def each_row(connection: apsw.Connection, statement: str) -> Iterator[tuple[Any, ...]]:
    """The rows that `statement` returns, one by one: for more than memory should hold."""
    yield from connection.execute(statement)  # pyright: ignore[reportUnknownMemberType]


class MultiRowStatement:
    """A statement for any number of rows, in few steps: `head` is the part up to the rows, which are the result of a
    SELECT, and `tail` the part after them. With a `guard`, a condition that does not depend on the rows, it takes all
    of them or none.

    Every step of a statement releases the interpreter's lock and must win it back from the busy event loop, which takes
    milliseconds. Many rows in one statement need one step. Sizes of powers of two need few prepared statements; a
    smaller number of rows uses the next larger one, whose LIMIT keeps the rest from being read.
    """

    _SIZES = (1024, 512, 256, 128, 64, 32, 16, 8, 4, 2, 1)

    def __init__(self, head: str, columns: int, tail: str = "", *, guard: str = "") -> None:
        row = f"({','.join('?' * columns)})"
        self._statements: dict[int, str] = {}
        for size in self._SIZES:
            # As a part of the limit the guard is evaluated once per statement, not once per row.
            limit = f"iif({guard}, ?, 0)" if guard else "?"
            statement = f"{head} SELECT * FROM (VALUES {','.join([row] * size)}) LIMIT {limit}{tail}"
            if len(statement) < _LONGEST_KEPT:
                self._statements[size] = statement
        self._columns = columns
        self._most = max(self._statements)

    def run(
        self, connection: apsw.Connection, lines: Sequence[tuple[object, ...]], guarded_by: Sequence[object] = ()
    ) -> bool:
        """Carry it out for `lines`. `guarded_by` are the values of the guard. Returns False if it did not hold, and
        then nothing was inserted."""
        for part in self._parts(lines):
            self._run_part(connection, part, guarded_by)
            if guarded_by and not connection.changes():
                return False
        return True

    def rows(self, connection: apsw.Connection, lines: Sequence[tuple[object, ...]]) -> Iterator[tuple[Any, ...]]:
        """The rows that a query returns for `lines`."""
        for part in self._parts(lines):
            yield from self._run_part(connection, part, ())

    def takes_one_statement(self, count: int) -> bool:
        """Whether `count` rows are inserted by one statement, and so in one transaction of its own."""
        return count <= self._most

    def _parts(self, lines: Sequence[tuple[object, ...]]) -> Iterator[Sequence[tuple[object, ...]]]:
        for start in range(0, len(lines), self._most):
            yield lines[start : start + self._most]

    def _run_part(
        self, connection: apsw.Connection, part: Sequence[tuple[object, ...]], guarded_by: Sequence[object]
    ) -> list[tuple[Any, ...]]:
        size = 1 << (len(part) - 1).bit_length()
        values: list[object] = [value for line in part for value in line]
        values += [None] * (self._columns * (size - len(part)))
        return rows(connection, self._statements[size], [*values, *guarded_by, len(part)])


@contextmanager
def transaction(connection: apsw.Connection, kind: Literal["DEFERRED", "IMMEDIATE"]) -> Generator[None]:
    """One transaction around the block: committed at its end, rolled back if it raises."""
    rows(connection, f"BEGIN {kind}")
    try:
        yield
        rows(connection, "COMMIT")
    except BaseException:
        # Some errors, such as a full disk, have already rolled it back.
        if connection.in_transaction:
            rows(connection, "ROLLBACK")
        raise


def translate(error: apsw.Error) -> StoreError:
    """The port's error for a driver's error, without its text, which may quote data."""
    match error:
        case apsw.BusyError() | apsw.LockedError():
            return StoreUnavailable("The database stays locked by another process; try again.")
        case apsw.FullError():
            return StoreUnavailable("The disk that holds the database is full; free some space.")
        case apsw.CantOpenError():
            return StoreUnavailable("The database file cannot be opened; check that its folder exists and is writable.")
        case apsw.ReadOnlyError() | apsw.PermissionsError():
            return StoreUnavailable("The database file is not writable for this process; check its permissions.")
        case apsw.CorruptError() | apsw.NotADBError():
            return StoreIncompatible("The database file is damaged or no SQLite database; restore a backup.")
        case _:
            return StoreUnavailable("The database did not carry out the request; the server's log has the cause.")


class Pool:
    """Threads with one connection each; calls run there in order of arrival and come back to the event loop.

    A cancelled caller stops waiting; its call still runs to its end.
    """

    def __init__(self, name: str, size: int, open_connection: Callable[[], apsw.Connection]) -> None:
        self._open = open_connection
        self._local = threading.local()
        self._connections: list[apsw.Connection] = []
        self._executor = ThreadPoolExecutor(size, thread_name_prefix=name)

    async def run(self, work: Callable[[apsw.Connection], T]) -> T:
        """The result of `work` on this thread's connection. Raises StoreError for any error of the driver."""
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._executor, self._call, work)
        except RuntimeError as error:
            raise StoreUnavailable("The store is closed; open it again.") from error

    def _call(self, work: Callable[[apsw.Connection], T]) -> T:
        connection: apsw.Connection | None = getattr(self._local, "connection", None)
        try:
            if connection is None:
                connection = self._local.connection = self._open()
                self._connections.append(connection)
            return work(connection)
        except apsw.Error as error:
            raise translate(error) from error
        except msgspec.MsgspecError as error:
            raise StoreIncompatible(
                "The database holds something that this Laurels cannot read: it is damaged, or a newer version's."
            ) from error

    async def close(self) -> None:
        """Finish pending calls and close the connections."""
        await asyncio.to_thread(self._executor.shutdown)
        for connection in self._connections:
            connection.close()
        self._connections.clear()
