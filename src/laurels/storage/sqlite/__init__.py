"""The ledger in one SQLite file."""

from laurels.storage.sqlite.store import SQLiteStore

__all__ = ["SQLiteStore"]
