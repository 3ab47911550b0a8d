"""The file and the threads that work on it: one writer, one for projections, some readers, one watcher.

Each concern of the store is a class of methods that take a connection; a decorator decides on which thread they run.
"""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from functools import partial, wraps
from pathlib import Path
from types import CoroutineType
from typing import Any, Concatenate, ParamSpec, TypeVar

import apsw

from laurels.errors import StoreUnavailable
from laurels.storage.sqlite.connection import Pool, connect, rows, transaction
from laurels.storage.sqlite.schema import is_laurels, migrate

C = TypeVar("C", bound="Concern")
P = ParamSpec("P")
T = TypeVar("T")

READERS = 2
# Bytes: a disk with less has no room for a batch of events and the log that it is first written to.
ROOM = 1024 * 1024

# Pages of the log, of 4 KiB, after which the thread of projections moves them into the file.
LOG_PAGES = 4_096

# Seconds after which a write no longer waits for its turn: then the database itself decides, within its own time limit.
_TURN = 1.0

_LAST_ENTRY = "SELECT coalesce(max(pos), 0) FROM ledger"


class Database:
    """The file at `path`. Nothing is opened before `open`, or before the first call on a thread."""

    def __init__(self, path: Path, *, busy_ms: int | None = None) -> None:
        self.path = path = path.absolute()
        opened = partial(connect, path, busy_ms=busy_ms)
        self.writer = Pool("laurels-writer", 1, partial(opened, admits=is_laurels))
        # Projections can be made again, so they need not wait for the disk, and they must not delay the writer.
        self.projector = Pool("laurels-projector", 1, lambda: self._watch_log(opened(durable=False)))
        self.readers = Pool("laurels-reader", READERS, partial(opened, read_only=True))
        # Separate, because each connection has its own view of the writes of others.
        self.watcher = Pool("laurels-watcher", 1, partial(opened, read_only=True))
        self.foreign_writes = 0
        self._turn = threading.Lock()
        # In the log after the last projection. Used only on the thread of projections.
        self._log_pages = 0
        self._file: tuple[int, int] | None = None
        self._last_entry: int | None = None
        self._closed = False

    async def open(self) -> None:
        """Create the file, or migrate its tables. Raises StoreError; another program's file is not changed."""
        await self.writer.run(migrate)
        self._file = _identity(self.path)

    async def read(self, work: Callable[[apsw.Connection], T]) -> T:
        """The result of `work` on a reader's thread."""

        def read(connection: apsw.Connection) -> T:
            # A connection would continue to read a file that was removed.
            self.require_file()
            return work(connection)

        return await self.readers.run(read)

    async def check(self, *, with_room: bool = False) -> None:
        """See `Store.check`. `with_room`: also where the disk is too full to write to; opening the file for readers
        needs none."""

        def work(connection: apsw.Connection) -> None:
            # Takes and releases the write lock, which a commit would need.
            with transaction(connection, "IMMEDIATE"):
                rows(connection, "SELECT 1 FROM projected")
            self.require_file()
            if with_room:
                self._require_room()

        await self.writer.run(work)

    async def close(self) -> None:
        """See `Store.close`."""
        if self._closed:
            return
        self._closed = True
        for pool in (self.watcher, self.readers, self.projector, self.writer):
            await pool.close()

    @contextmanager
    def write_turn(self) -> Generator[None]:
        """Wait until no other thread of this process writes in such a block.

        A writer that finds the database locked looks again at growing intervals, up to a tenth of a second. This lock
        wakes it at once.
        """
        is_held = self._turn.acquire(timeout=_TURN)
        try:
            yield
        finally:
            if is_held:
                self._turn.release()

    def _watch_log(self, connection: apsw.Connection) -> apsw.Connection:
        # In place of what SQLite does of its own accord: to move the log within the commit, and so within its turn.
        def count(_: apsw.Connection, __: str, pages: int) -> int:
            self._log_pages = pages
            return apsw.SQLITE_OK

        connection.set_wal_hook(count)
        return connection

    def move_log(self, connection: apsw.Connection) -> None:
        """On the thread of projections: move a long log into the file, while others write.

        What they wrote meanwhile is moved in a turn, which is short: SQLite only begins the log anew when all of it is
        moved.
        """
        if self._log_pages < LOG_PAGES:
            return
        self._log_pages = 0
        # If it fails, or another process is about it, the next projection finds the log still long.
        with suppress(apsw.Error):
            connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
            with self.write_turn():
                connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)

    def require_file(self) -> None:
        """Raise StoreUnavailable if the file was deleted or replaced: it would still accept writes, but they would be
        lost."""
        if self._file is not None and _identity(self.path) != self._file:
            raise StoreUnavailable("The database file was removed or replaced while in use; put it back and restart.")

    def _require_room(self) -> None:
        """Raise StoreUnavailable where the disk is full: the write lock needs no room, and a commit does."""
        try:
            free = shutil.disk_usage(self.path.parent).free
        except OSError as error:
            raise StoreUnavailable("The folder of the database cannot be used any more; put it back.") from error
        if free < ROOM:
            raise StoreUnavailable("The disk that holds the database is full; free some space.")

    def notice_foreign_writes(self, connection: apsw.Connection, *, appended: int = 0) -> None:
        """On the writer's thread: change `foreign_writes` if the ledger does not end where this store left it, or,
        after its last statement has `appended` entries, did not end there before.

        Unlike the version of the file it stays the same while projections are written, several times a second.
        """
        last: int = connection.last_insert_rowid() if appended else rows(connection, _LAST_ENTRY)[0][0]
        if self._last_entry is None or last != self._last_entry + appended:
            self.foreign_writes += 1
        self._last_entry = last


class Concern:
    """A part of the store, on its file."""

    def __init__(self, database: Database) -> None:
        self.database = database


def reading(
    method: Callable[Concatenate[C, apsw.Connection, P], T],
) -> Callable[Concatenate[C, P], CoroutineType[Any, Any, T]]:
    """Run a method on a reader's thread."""

    @wraps(method)
    async def run(self: C, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await self.database.read(lambda connection: method(self, connection, *args, **kwargs))

    return run


def writing(
    method: Callable[Concatenate[C, apsw.Connection, P], T],
) -> Callable[Concatenate[C, P], CoroutineType[Any, Any, T]]:
    """Run a method on the writer's thread: its commits are on disk when it returns."""

    @wraps(method)
    async def run(self: C, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await self.database.writer.run(lambda connection: method(self, connection, *args, **kwargs))

    return run


def projecting(
    method: Callable[Concatenate[C, apsw.Connection, P], T],
) -> Callable[Concatenate[C, P], CoroutineType[Any, Any, T]]:
    """Run a method on the projections' thread: a power failure may lose its commits, and it delays no writer."""

    @wraps(method)
    async def run(self: C, /, *args: P.args, **kwargs: P.kwargs) -> T:
        def project(connection: apsw.Connection) -> T:
            done = method(self, connection, *args, **kwargs)
            self.database.move_log(connection)
            return done

        return await self.database.projector.run(project)

    return run


def data_version(connection: apsw.Connection) -> int:
    """A number that changes when another connection commits."""
    return rows(connection, "PRAGMA data_version")[0][0]


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
