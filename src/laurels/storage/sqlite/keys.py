"""API keys in SQL."""

from __future__ import annotations

from collections.abc import Mapping

import apsw
import msgspec

from laurels.domain.keys import ApiKey
from laurels.storage.sqlite.connection import rows, transaction
from laurels.storage.sqlite.database import Concern, projecting, reading, writing

_ADD = """
INSERT OR IGNORE INTO keys (prefix, name, scopes, digest, created_at, expires_at, revoked_at, last_used_at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?)
"""
_ALL = """
SELECT prefix, name, scopes, digest, created_at, expires_at, revoked_at, last_used_at FROM keys
ORDER BY created_at, prefix
"""


class SQLiteKeys(Concern):
    """See `KeyStore`."""

    @writing
    def add(self, connection: apsw.Connection, key: ApiKey) -> bool:
        values = (
            key.prefix,
            key.name,
            msgspec.json.encode(sorted(key.scopes)).decode(),
            key.digest,
            key.created_at,
            key.expires_at,
            key.revoked_at,
            key.last_used_at,
        )
        with transaction(connection, "IMMEDIATE"):
            rows(connection, _ADD, values)
            is_new = connection.changes() == 1
            _note_change(connection)
        return is_new

    @writing
    def revoke(self, connection: apsw.Connection, prefix: str, at: int) -> bool:
        with transaction(connection, "IMMEDIATE"):
            rows(connection, "UPDATE keys SET revoked_at = coalesce(revoked_at, ?) WHERE prefix = ?", (at, prefix))
            is_known = connection.changes() == 1
            _note_change(connection)
        return is_known

    @reading
    def all(self, connection: apsw.Connection) -> list[ApiKey]:
        return [
            ApiKey(
                prefix=prefix,
                name=name,
                scopes=frozenset(msgspec.json.decode(scopes, type=list[str])),
                digest=digest,
                created_at=created_at,
                expires_at=expires_at,
                revoked_at=revoked_at,
                last_used_at=last_used_at,
            )
            for prefix, name, scopes, digest, created_at, expires_at, revoked_at, last_used_at in rows(connection, _ALL)
        ]

    @reading
    def version(self, connection: apsw.Connection) -> int:
        return rows(connection, "SELECT version FROM keys_version")[0][0]

    @projecting
    def touch(self, connection: apsw.Connection, used: Mapping[str, int]) -> None:
        with transaction(connection, "IMMEDIATE"):
            for prefix, at in used.items():
                rows(
                    connection,
                    "UPDATE keys SET last_used_at = max(coalesce(last_used_at, ?1), ?1) WHERE prefix = ?2",
                    (at, prefix),
                )


def _note_change(connection: apsw.Connection) -> None:
    rows(connection, "UPDATE keys_version SET version = version + 1")
