"""Secrets in SQL."""

from __future__ import annotations

import apsw

from laurels.storage.sqlite.connection import rows, transaction
from laurels.storage.sqlite.database import Concern, writing


class SQLiteSecrets(Concern):
    """See `SecretStore`."""

    @writing
    def keys(self, connection: apsw.Connection, name: str, fresh: bytes) -> list[bytes]:
        found = _find(connection, name)
        if not found:
            with transaction(connection, "IMMEDIATE"):
                rows(connection, "INSERT OR IGNORE INTO secrets (name, newest) VALUES (?, ?)", (name, fresh))
                found = _find(connection, name)
        return found

    @writing
    def rotate(self, connection: apsw.Connection, name: str, fresh: bytes) -> None:
        with transaction(connection, "IMMEDIATE"):
            rows(
                connection,
                """INSERT INTO secrets (name, newest) VALUES (?, ?)
                ON CONFLICT (name) DO UPDATE SET previous = newest, newest = excluded.newest""",
                (name, fresh),
            )


def _find(connection: apsw.Connection, name: str) -> list[bytes]:
    found = rows(connection, "SELECT newest, previous FROM secrets WHERE name = ?", (name,))
    return [key for key in found[0] if key is not None] if found else []
