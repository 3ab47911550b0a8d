"""`Store` on one SQLite file: one writer thread, some readers, WAL, every acknowledged commit synced to disk."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Collection, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar

import apsw

from laurels.application.ports.keys import Bucket, Grant
from laurels.application.ports.store import Card, Loaded, Projected, Projection
from laurels.application.ports.webhooks import Told, Written
from laurels.domain.keys import ApiKey
from laurels.domain.ledger import Entry
from laurels.domain.ranking import Place, Ranking, Standing
from laurels.domain.rules.rulebook_data import Badge
from laurels.domain.tombstones import Tombstone
from laurels.domain.webhooks import Delivery, Endpoint, State
from laurels.errors import StoreUnavailable
from laurels.storage.sqlite import achievements, boards, counts, keys, ledger, tombstones, webhooks
from laurels.storage.sqlite.connection import Pool, connect, rows, transaction
from laurels.storage.sqlite.schema import migrate

T = TypeVar("T")

READERS = 2
# Seconds between two looks for what others wrote, while somebody watches.
WATCH_INTERVAL = 0.2


class SQLiteStore:
    """The ledger and its projections in the file at `path`. Made by `open`, to be closed by who opened it."""

    def __init__(self, path: Path) -> None:
        self.path = path = path.absolute()
        self._file: tuple[int, int] | None = None
        self._writer = Pool("laurels-writer", 1, partial(connect, path))
        # Projections can be made again, so they need not wait for the disk, and they must not hold up the writer.
        self._projector = Pool("laurels-projector", 1, partial(connect, path, durable=False))
        self._readers = Pool("laurels-reader", READERS, partial(connect, path, read_only=True))
        # By itself: each connection has its own view of what others have written since.
        self._watcher = Pool("laurels-watcher", 1, partial(connect, path, read_only=True))
        self._version_seen: int | None = None
        self._foreign_writes = 0
        # Of the writer's thread alone.
        self._living = tombstones.DeletionCache()
        self._closed = False

    @classmethod
    async def open(cls, path: Path) -> SQLiteStore:
        """Open the file, making it or bringing its tables up to date. Raises StoreError."""
        store = cls(path)
        try:
            await store._writer.run(migrate)
            store._file = _identity(store.path)
            await store.check()
        except BaseException:
            await store.close()
            raise
        return store

    @property
    def mark(self) -> object | None:
        return self._foreign_writes

    async def load(
        self, known_seqs: Mapping[str, int | None], event_ids: Collection[tuple[str, str]], version: str
    ) -> Loaded:
        def work(connection: apsw.Connection) -> Loaded:
            # Before the queries: what is written between is then seen by them, and asked for once more later.
            self._notice_foreign_writes(connection)
            return ledger.load(connection, known_seqs, event_ids, version)

        return await self._writer.run(work)

    async def read(self, known_seqs: Mapping[str, int | None], version: str) -> Loaded:
        def work(connection: apsw.Connection) -> Loaded:
            with transaction(connection, "DEFERRED"):
                return ledger.load(connection, known_seqs, (), version)

        return await self._read(work)

    async def _read(self, work: Callable[[apsw.Connection], T]) -> T:
        def read(connection: apsw.Connection) -> T:
            # A connection goes on reading a file that was removed.
            self._require_file()
            return work(connection)

        return await self._readers.run(read)

    async def append(self, entries: Sequence[Entry]) -> frozenset[str]:
        def work(connection: apsw.Connection) -> frozenset[str]:
            refused = ledger.append(connection, entries, self._living)
            self._require_file()
            self._notice_foreign_writes(connection)
            return refused

        return await self._writer.run(work)

    async def entries(self, user_id: str, *, after: int = 0, limit: int = 1_000) -> list[Entry]:
        return await self._read(lambda c: ledger.entries(c, user_id, after, limit))

    async def watch(self) -> AsyncGenerator[Mapping[str, int] | None]:
        seen: int | None = None
        while True:
            # Projections are written to the file, too: then there may be nothing new in the ledger.
            version = await self._watcher.run(_data_version)
            if version != seen:
                seen = version
                yield None
            await asyncio.sleep(WATCH_INTERVAL)

    def project(self, projections: Sequence[Projection], *, cards: Sequence[Card]) -> Awaitable[None]:
        states, lines = boards.pack(projections, cards)
        return self._projector.run(lambda c: boards.keep(c, states, lines))

    async def behind(self, limit: int, *, before: int) -> list[str]:
        return await self._projector.run(lambda c: boards.behind(c, limit, before))

    async def cards(self, user_ids: Collection[str]) -> dict[str, Card]:
        return await self._read(lambda c: boards.cards(c, user_ids))

    async def standings(
        self, board: str, *, limit: int, after: Place | None = None, before: Place | None = None
    ) -> list[Standing]:
        return await self._read(lambda c: boards.standings(c, board, limit, after, before))

    async def standings_of(self, board: str, user_ids: Collection[str]) -> list[Standing]:
        return await self._read(lambda c: boards.standings_of(c, board, user_ids))

    async def standing(self, board: str, user_id: str) -> Standing | None:
        return await self._read(lambda c: boards.standing(c, board, user_id))

    async def count(self, board: str, *, above: int | None = None) -> int:
        return await self._read(lambda c: counts.count(c, board, above))

    async def counts_above(self, board: str, points: Collection[int]) -> dict[int, int]:
        return await self._read(lambda c: counts.counts_above(c, board, points))

    async def users(self, *, after: str = "", limit: int = 1_000) -> list[str]:
        return await self._read(lambda c: boards.users(c, after, limit))

    async def projected(self, user_ids: Collection[str]) -> dict[str, Projected]:
        return await self._read(lambda c: boards.projected(c, user_ids))

    async def ranking(self, board: str, user_id: str) -> Ranking | None:
        return await self._read(lambda c: boards.ranking(c, board, user_id))

    async def miscounted(self) -> list[str]:
        return await self._read(counts.miscounted)

    async def clear_projections(self) -> None:
        await self._projector.run(boards.clear)

    async def publish(self, badges: Sequence[Badge]) -> bool:
        return await self._writer.run(lambda c: achievements.publish(c, badges))

    async def add_key(self, key: ApiKey) -> bool:
        return await self._writer.run(lambda c: keys.add_key(c, key))

    async def revoke_key(self, prefix: str, at: int) -> bool:
        return await self._writer.run(lambda c: keys.revoke_key(c, prefix, at))

    async def keys(self) -> list[ApiKey]:
        return await self._read(keys.keys)

    async def keys_version(self) -> int:
        return await self._read(keys.keys_version)

    # These two may be lost with the power, like projections, and must not hold up the writer.
    async def touch_keys(self, used: Mapping[str, int]) -> None:
        await self._projector.run(lambda c: keys.touch_keys(c, used))

    async def take_tokens(self, name: str, bucket: Bucket, wanted: int, now: int) -> Grant:
        return await self._projector.run(lambda c: keys.take_tokens(c, name, bucket, wanted, now))

    async def mark_deleted(self, user_id: str, at: int) -> Tombstone:
        return await self._writer.run(lambda c: tombstones.mark_deleted(c, user_id, at))

    async def purge(self, user_ids: Collection[str]) -> frozenset[str]:
        for user_id in await self.tombstones(user_ids):
            await self._writer.run(partial(tombstones.erase_projection, user_id=user_id))
            while await self._writer.run(partial(tombstones.erase_entries, user_id=user_id)):
                pass
        return frozenset()

    async def tombstones(self, user_ids: Collection[str]) -> dict[str, Tombstone]:
        return await self._readers.run(lambda c: tombstones.tombstones(c, user_ids))

    async def open_tombstones(self) -> list[str]:
        return await self._readers.run(tombstones.open_tombstones)

    async def close_tombstones(self, user_ids: Collection[str]) -> None:
        await self._writer.run(lambda c: tombstones.close_tombstones(c, user_ids))

    async def remains(self) -> dict[str, list[str]]:
        return await self._readers.run(tombstones.remains)

    async def add_webhook(self, endpoint: Endpoint) -> None:
        await self._writer.run(lambda c: webhooks.add(c, endpoint))

    async def replace_webhook(self, endpoint: Endpoint) -> bool:
        return await self._writer.run(lambda c: webhooks.replace(c, endpoint))

    async def remove_webhook(self, endpoint_id: str) -> bool:
        return await self._writer.run(lambda c: webhooks.remove(c, endpoint_id))

    async def webhooks(self) -> list[Endpoint]:
        return await self._read(webhooks.endpoints)

    async def webhooks_version(self) -> int:
        return await self._read(webhooks.version)

    async def claim_webhook(self, endpoint_id: str, owner: str, *, now: int, until: int) -> str | None:
        return await self._projector.run(lambda c: webhooks.claim(c, endpoint_id, owner, now, until))

    async def keep_place(self, endpoint_id: str, mark: str) -> None:
        await self._projector.run(lambda c: webhooks.keep_place(c, endpoint_id, mark))

    async def written_since(self, mark: str, limit: int) -> Written:
        return await self._read(lambda c: webhooks.written_since(c, mark, limit))

    async def told(self, endpoint_id: str, user_ids: Collection[str]) -> dict[str, Told]:
        return await self._read(lambda c: webhooks.told(c, endpoint_id, user_ids))

    async def settle(self, deliveries: Sequence[Delivery]) -> None:
        await self._projector.run(lambda c: webhooks.settle(c, deliveries))

    async def due_deliveries(self, endpoint_id: str, *, now: int, limit: int) -> list[Delivery]:
        return await self._read(lambda c: webhooks.due(c, endpoint_id, now, limit))

    async def hasten_deliveries(self, endpoint_id: str, *, now: int) -> None:
        await self._projector.run(lambda c: webhooks.hasten(c, endpoint_id, now))

    async def deliveries(self, endpoint_id: str, *, state: State | None = None, limit: int = 100) -> list[Delivery]:
        return await self._read(lambda c: webhooks.deliveries(c, endpoint_id, state, limit))

    async def revive_deliveries(self, endpoint_id: str, message_id: str | None, *, now: int) -> int:
        return await self._writer.run(lambda c: webhooks.revive(c, endpoint_id, message_id, now))

    async def remind(self, endpoint_id: str, reminders: Mapping[str, int | None]) -> None:
        await self._projector.run(lambda c: webhooks.remind(c, endpoint_id, reminders))

    async def due_reminders(self, endpoint_id: str, *, now: int, limit: int) -> dict[str, int]:
        return await self._read(lambda c: webhooks.due_reminders(c, endpoint_id, now, limit))

    async def forget_deliveries(self, user_id: str) -> None:
        await self._writer.run(lambda c: webhooks.forget(c, user_id))

    async def check(self) -> None:
        def work(connection: apsw.Connection) -> None:
            # The write lock, taken and given back: what a commit would need.
            with transaction(connection, "IMMEDIATE"):
                rows(connection, "SELECT 1 FROM projected")
            self._require_file()

        await self._writer.run(work)

    async def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        for pool in (self._watcher, self._readers, self._projector, self._writer):
            await pool.close()

    def _require_file(self) -> None:
        """A file that was deleted or replaced goes on taking writes, for nobody to find: those are not acknowledged."""
        if self._file is not None and _identity(self.path) != self._file:
            raise StoreUnavailable("The database file was removed or replaced while in use; put it back and restart.")

    def _notice_foreign_writes(self, connection: apsw.Connection) -> None:
        """PRAGMA data_version changes when another connection committed. Our own projector is one such, but it
        touches no ledger: at worst the ledger is asked once more than needed."""
        version = _data_version(connection)
        if version != self._version_seen:
            self._version_seen = version
            self._foreign_writes += 1


def _data_version(connection: apsw.Connection) -> int:
    return rows(connection, "PRAGMA data_version")[0][0]


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
