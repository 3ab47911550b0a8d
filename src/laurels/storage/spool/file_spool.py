"""`Spool` in a folder of the local disk: a SQLite file of its own, because SQLite recovers from crashes.

Events wait in `queue`; events that can never be recorded are in `set_aside`, with the reason. Several processes share a
folder. Only the one that holds the lock on `turn` drains; the kernel releases the lock of a dead process.
"""

from __future__ import annotations

import asyncio
import fcntl
import logging
import mmap
import os
from collections.abc import Collection, Sequence
from functools import partial
from pathlib import Path

import apsw

from laurels.application.ports.spool import SetAside, SpoolCheck, Spooled, SpoolStats
from laurels.errors import StoreError, StoreIncompatible, StoreUnavailable
from laurels.storage.spool.rows import (
    INDEXES,
    SCHEMA,
    UNREADABLE,
    Kept,
    Row,
    earlier_of,
    encode,
    read,
    read_event,
    shown,
    split_known,
    spooled_of,
)
from laurels.storage.sqlite.connection import Pool, connect, rows, transaction

logger = logging.getLogger(__name__)

VERSION = 1
# Bytes of a row beside its JSON and its ids, indexes included.
ROW_BYTES = 150
# With less space than this a spool counts as full: the largest event, with its metadata of 16 KiB, would not fit.
_ROOM = 18 * 1024
# Bytes of the disk that are left free: removing events needs some, and a completely full disk would keep them for ever.
_HEADROOM = 1024 * 1024
# Rows per statement: each execution of one releases the interpreter's lock.
_ROWS = 500


class FileSpool:
    """The spool in one folder, holding at most `limit` bytes of events. Made by `open`."""

    def __init__(self, folder: Path, limit: int) -> None:
        self._limit = limit
        path = (folder / "spool.db").absolute()
        self._log = path.with_name("spool.db-wal")
        self._writer = Pool("laurels-spool", 1, partial(_connect, path))
        self._reader = Pool("laurels-spool-reader", 1, partial(connect, path, read_only=True))
        self._turn = os.open(folder / "turn", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        # One byte of memory that all processes share: 0 means that nothing waits. It is only written under the write
        # lock of the database, so it is never 0 while a committed event waits.
        flag = os.open(folder / "flag", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            if os.fstat(flag).st_size == 0:
                os.write(flag, b"\1")
            self._flag = mmap.mmap(flag, 1)
        finally:
            os.close(flag)
        self._arriving: list[tuple[list[Row], asyncio.Future[Kept | StoreError]]] = []
        self._writing: asyncio.Task[None] | None = None
        self._closed = False

    @classmethod
    async def open(cls, folder: Path, *, limit: int) -> FileSpool:
        """Open the spool in `folder`, creating both if they are missing. Raises StoreError."""
        try:
            spool = await asyncio.to_thread(_make, cls, folder, limit)
        except OSError as error:
            raise StoreUnavailable(f"The spool folder {folder} cannot be used: {error.strerror}.") from error
        try:
            await spool._writer.run(spool._prepare)
        except StoreError as error:
            await spool.close()
            raise type(error)(f"The spool in {folder} cannot be used. {error}") from error
        return spool

    def _prepare(self, connection: apsw.Connection) -> None:
        with transaction(connection, "IMMEDIATE"):
            version: int = rows(connection, "PRAGMA user_version")[0][0]
            if version > VERSION:
                raise StoreIncompatible("It was made by a newer Laurels; use that one.")
            if version == 0:
                rows(connection, SCHEMA)
            rows(connection, INDEXES)
            # After a power failure the flag may be older than the queue.
            self._flag[0] = int(bool(rows(connection, "SELECT 1 FROM queue LIMIT 1")))

    @property
    def is_empty(self) -> bool:
        return self._flag[0] == 0

    def _require_room(self, size: int) -> None:
        """Raise StoreUnavailable if `size` more bytes would make the disk too full for the following work."""
        try:
            disk = os.statvfs(self._log.parent)
            # The log is later copied into the database, and an event is first written to the log.
            needed = _HEADROOM + 3 * size + (self._log.stat().st_size if self._log.exists() else 0)
        except OSError as error:
            raise StoreUnavailable(
                "The spool folder cannot be used any more; see that it is there and may be written in."
            ) from error
        if disk.f_bavail * disk.f_frsize < needed:
            raise StoreUnavailable("The disk that holds the spool is full; free some space.")

    async def append(self, events: Sequence[Spooled]) -> list[Spooled | None]:
        """See `Spool.append`. Callers that arrive during a commit share the next one."""
        if self._closed:
            raise StoreUnavailable("The spool is closed; open it again.")
        share: list[Row] = []
        for each in events:
            event = encode(each.event).decode()
            size = len(event.encode()) + len(each.event.user_id.encode()) + ROW_BYTES
            share.append((each.event.user_id, each.arrived_at, size, event, each.event.event_id))
        done: asyncio.Future[Kept | StoreError] = asyncio.get_running_loop().create_future()
        self._arriving.append((share, done))
        if self._writing is None:
            self._writing = asyncio.create_task(self._write(), name="laurels-spool-writer")
        result = await done
        if isinstance(result, StoreError):
            raise result
        return result

    async def _write(self) -> None:
        try:
            while self._arriving:
                arrived, self._arriving = self._arriving, []
                try:
                    fits = await self._writer.run(partial(self._keep, [share for share, _ in arrived]))
                except StoreError as error:
                    for _, done in arrived:
                        _answer(done, error)
                else:
                    full = StoreUnavailable("The database is away and the spool holds as much as it may.")
                    for (_, done), kept in zip(arrived, fits, strict=True):
                        _answer(done, full if kept is None else kept)
        finally:
            self._writing = None

    def _keep(self, shares: list[list[Row]], connection: apsw.Connection) -> list[Kept | None]:
        """One commit for all shares that fit. Returns for each share the events that were here already, or None if it
        did not fit."""
        with transaction(connection, "IMMEDIATE"):
            [(held,)] = rows(connection, "SELECT bytes FROM totals")
            before: int = held
            here = earlier_of(connection, shares)
            fits: list[Kept | None] = []
            kept: list[Row] = []
            for share in shares:
                earlier, new = split_known(share, here)
                size = sum(row[2] for row in new)
                if held + size > self._limit:
                    fits.append(None)
                    continue
                fits.append(earlier)
                kept += new
                held += size
                here |= {(row[0], row[4]): spooled_of(row) for row in new}
            if kept:
                self._require_room(held - before)
                self._flag[0] = 1
                for start in range(0, len(kept), _ROWS):
                    part = kept[start : start + _ROWS]
                    values = ", ".join(["(?, ?, ?, ?)"] * len(part))
                    insert = f"INSERT INTO queue (user_id, arrived_at, size, event) VALUES {values}"
                    rows(connection, insert, [field for row in part for field in row[:4]])
                rows(
                    connection,
                    "UPDATE totals SET waiting = waiting + ?1, queued = queued + ?1, bytes = bytes + ?2",
                    (len(kept), held - before),
                )
        return fits

    async def waiting_of(self, user_ids: Collection[str]) -> frozenset[str]:
        asked = encode(list(user_ids)).decode()

        def work(connection: apsw.Connection) -> frozenset[str]:
            query = "SELECT DISTINCT user_id FROM queue WHERE user_id IN (SELECT value FROM json_each(?))"
            return frozenset(user_id for (user_id,) in rows(connection, query, (asked,)))

        return await self._reader.run(work)

    async def events_of(self, user_id: str) -> tuple[list[Spooled], list[SetAside]]:
        def work(connection: apsw.Connection) -> tuple[list[Spooled], list[SetAside]]:
            queued = "SELECT position, arrived_at, event FROM queue WHERE user_id = ? ORDER BY position"
            aside = (
                "SELECT position, arrived_at, event, reason FROM set_aside "
                "WHERE event ->> 'userId' = ? ORDER BY position"
            )
            found = rows(connection, aside, (user_id,))
            aside_now = [
                SetAside(Spooled(event, at, number), why)
                for number, at, text, why in found
                if (event := read_event(text)) is not None
            ]
            return read(rows(connection, queued, (user_id,))), aside_now

        return await self._reader.run(work)

    async def set_aside_users(self) -> list[str]:
        query = "SELECT DISTINCT event ->> 'userId' FROM set_aside WHERE typeof(event ->> 'userId') = 'text'"
        return [user_id for (user_id,) in await self._reader.run(lambda c: rows(c, query))]

    async def forget(self, user_ids: Collection[str]) -> int:
        asked = encode(list(user_ids)).decode()

        def work(connection: apsw.Connection) -> int:
            rows(connection, "PRAGMA secure_delete = ON")
            theirs = "IN (SELECT value FROM json_each(?)) RETURNING size"
            queued = f"DELETE FROM queue WHERE user_id {theirs}"
            put_aside = f"DELETE FROM set_aside WHERE event ->> 'userId' {theirs}"
            with transaction(connection, "IMMEDIATE"):
                waiting: list[int] = [size for (size,) in rows(connection, queued, (asked,))]
                aside: list[int] = [size for (size,) in rows(connection, put_aside, (asked,))]
                rows(
                    connection,
                    "UPDATE totals SET waiting = waiting - ?, aside = aside - ?, bytes = bytes - ?",
                    (len(waiting), len(aside), sum(waiting) + sum(aside)),
                )
                if not rows(connection, "SELECT 1 FROM queue LIMIT 1"):
                    self._flag[0] = 0
            return len(waiting) + len(aside)

        return await self._writer.run(work)

    async def first(self, limit: int) -> list[Spooled]:
        query = "SELECT position, arrived_at, event FROM queue ORDER BY position LIMIT ?"
        found = await self._reader.run(lambda c: rows(c, query, (limit,)))
        waiting = read(found)
        if len(waiting) == len(found):
            return waiting
        readable = {each.position for each in waiting}
        broken = [Spooled(shown(text), at, number) for number, at, text in found if number not in readable]
        for each in broken:
            logger.error("event %d of the spool is set aside: %s", each.position, UNREADABLE)
        await self.complete([], [SetAside(each, UNREADABLE) for each in broken])
        return waiting or await self.first(limit)

    async def set_aside(self) -> list[SetAside]:
        """The events that were set aside, in order of arrival."""
        query = "SELECT position, arrived_at, event, reason FROM set_aside ORDER BY position"
        found = await self._reader.run(lambda c: rows(c, query))
        return [SetAside(Spooled(shown(text), at, position), reason) for position, at, text, reason in found]

    async def complete(self, drained: Sequence[Spooled], set_aside: Sequence[SetAside]) -> None:
        done = encode([each.position for each in drained]).decode()

        def work(connection: apsw.Connection) -> None:
            with transaction(connection, "IMMEDIATE"):
                moved = 0
                for each in set_aside:
                    it = (each.spooled.position,)
                    rows(
                        connection,
                        "INSERT INTO set_aside (position, arrived_at, size, event, reason) "
                        "SELECT position, arrived_at, size, event, ?2 FROM queue WHERE position = ?1",
                        (*it, each.reason),
                    )
                    # None if its user was deleted in the meantime.
                    moved += connection.changes()
                    rows(connection, "DELETE FROM queue WHERE position = ?", it)
                gone = "DELETE FROM queue WHERE position IN (SELECT value FROM json_each(?)) RETURNING size"
                sizes: list[int] = [size for (size,) in rows(connection, gone, (done,))]
                rows(
                    connection,
                    "UPDATE totals SET waiting = waiting - ?1 - ?2, drained = drained + ?1, aside = aside + ?2, "
                    "bytes = bytes - ?3",
                    (len(sizes), moved, sum(sizes)),
                )
                if not rows(connection, "SELECT 1 FROM queue LIMIT 1"):
                    self._flag[0] = 0

        await self._writer.run(work)

    async def retry(self) -> int:
        """Queue the events that were set aside again, at the end. Returns their number."""

        def work(connection: apsw.Connection) -> int:
            with transaction(connection, "IMMEDIATE"):
                [(count,)] = rows(connection, "SELECT count(*) FROM set_aside")
                self._flag[0] = 1
                rows(
                    connection,
                    "INSERT INTO queue (user_id, arrived_at, size, event) "
                    "SELECT coalesce(event ->> 'userId', ''), arrived_at, size, event FROM set_aside ORDER BY position",
                )
                rows(connection, "DELETE FROM set_aside")
                rows(connection, "UPDATE totals SET waiting = waiting + aside, aside = 0")
            return count

        return await self._writer.run(work)

    async def discard(self) -> int:
        """Delete the events that were set aside, for good. Returns their number."""

        def work(connection: apsw.Connection) -> int:
            with transaction(connection, "IMMEDIATE"):
                [(count, size)] = rows(connection, "SELECT count(*), coalesce(sum(size), 0) FROM set_aside")
                rows(connection, "DELETE FROM set_aside")
                rows(connection, "UPDATE totals SET aside = 0, bytes = bytes - ?", (size,))
            return count

        return await self._writer.run(work)

    def take_turn(self) -> bool:
        try:
            fcntl.flock(self._turn, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        return True

    def end_turn(self) -> None:
        if not self._closed:
            fcntl.flock(self._turn, fcntl.LOCK_UN)

    async def stats(self) -> SpoolStats:
        def work(connection: apsw.Connection) -> SpoolStats:
            query = (
                "SELECT waiting, aside, bytes, queued, drained, "
                "(SELECT arrived_at FROM queue ORDER BY position LIMIT 1) FROM totals"
            )
            [(waiting, aside, size, queued, drained, oldest_at)] = rows(connection, query)
            return SpoolStats(waiting, aside, size, self._limit, oldest_at, queued, drained)

        return await self._reader.run(work)

    async def check(self) -> SpoolCheck:
        def work(connection: apsw.Connection) -> int:
            self._require_room(_ROOM)
            # A commit of a page or two, like that of an event: a mere query does not detect a full disk.
            with transaction(connection, "IMMEDIATE"):
                return rows(connection, "UPDATE totals SET checks = checks + 1 RETURNING bytes")[0][0]

        try:
            held = await self._writer.run(work)
        except StoreError:
            return "unavailable"
        return "ok" if held + _ROOM <= self._limit else "full"

    async def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        while self._writing is not None:
            await asyncio.wait({self._writing})
        await self._reader.close()
        await self._writer.close()
        os.close(self._turn)
        self._flag.close()


def _connect(path: Path) -> apsw.Connection:
    connection = connect(path)
    # In pages. A small event touches several, so the log would soon be many times larger than its contents: disk space
    # that events could use.
    rows(connection, "PRAGMA wal_autocheckpoint = 200")
    return connection


def _make(kind: type[FileSpool], folder: Path, limit: int) -> FileSpool:
    # Nobody else on the machine may read learners' data.
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return kind(folder, limit)


def _answer(done: asyncio.Future[Kept | StoreError], result: Kept | StoreError) -> None:
    if not done.done():
        done.set_result(result)
