"""`Store` on one SQLite file: one writer thread, some readers, WAL, every acknowledged commit synced to disk."""

from __future__ import annotations

from pathlib import Path

from laurels.storage.sqlite.database import Database
from laurels.storage.sqlite.imports import SQLiteImports
from laurels.storage.sqlite.jobs import SQLiteJobs
from laurels.storage.sqlite.keys import SQLiteKeys
from laurels.storage.sqlite.ledger import SQLiteLedger
from laurels.storage.sqlite.limits import SQLiteLimits
from laurels.storage.sqlite.projections.boards import SQLiteBoards
from laurels.storage.sqlite.projections.snapshots import SQLiteSnapshots
from laurels.storage.sqlite.rulebook import SQLiteRulebook
from laurels.storage.sqlite.secrets import SQLiteSecrets
from laurels.storage.sqlite.tombstones import SQLiteTombstones
from laurels.storage.sqlite.webhooks import SQLiteWebhooks


class SQLiteStore:
    """The ledger and its projections in the file at `path`. Made by `open`; its opener closes it."""

    def __init__(self, path: Path, *, busy_ms: int | None = None) -> None:
        self._database = Database(path, busy_ms=busy_ms)
        self.path = self._database.path
        self.ledger = SQLiteLedger(self._database)
        self.snapshots = SQLiteSnapshots(self._database)
        self.boards = SQLiteBoards(self._database)
        self.rulebook = SQLiteRulebook(self._database)
        self.jobs = SQLiteJobs(self._database)
        self.imports = SQLiteImports(self._database)
        self.keys = SQLiteKeys(self._database)
        self.limits = SQLiteLimits(self._database)
        self.secrets = SQLiteSecrets(self._database)
        self.tombstones = SQLiteTombstones(self._database)
        self.webhooks = SQLiteWebhooks(self._database)

    @classmethod
    async def open(cls, path: Path, *, busy_ms: int | None = None) -> SQLiteStore:
        """Open the file; creates it or migrates its tables. `busy_ms`: see `connect`. Raises StoreError."""
        store = cls(path, busy_ms=busy_ms)
        try:
            await store._database.open()
            await store._database.check()
        except BaseException:
            await store.close()
            raise
        return store

    @property
    def is_remote(self) -> bool:
        return False

    @property
    def mark(self) -> object | None:
        return self._database.foreign_writes

    async def check(self) -> None:
        await self._database.check(with_room=True)

    async def close(self) -> None:
        await self._database.close()
