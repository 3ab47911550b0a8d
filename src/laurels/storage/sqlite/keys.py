"""Keys and token buckets in SQL."""

from __future__ import annotations

from collections.abc import Mapping
from math import floor

import apsw
import msgspec

from laurels.application.ports.keys import Bucket, Grant
from laurels.domain.keys import ApiKey
from laurels.storage.sqlite.connection import rows, transaction

# Milliseconds after which a bucket that nobody asks for is forgotten.
_FORGET_AFTER = 3_600_000
# How many are forgotten with one request, so that none pays for all.
_FORGET = 2

_ADD = """
INSERT OR IGNORE INTO keys (prefix, name, scopes, digest, created_at, expires_at, revoked_at, last_used_at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?)
"""
_ALL = """
SELECT prefix, name, scopes, digest, created_at, expires_at, revoked_at, last_used_at FROM keys
ORDER BY created_at, prefix
"""


def add_key(connection: apsw.Connection, key: ApiKey) -> bool:
    """See `CallerStore.add_key`."""
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


def revoke_key(connection: apsw.Connection, prefix: str, at: int) -> bool:
    """See `CallerStore.revoke_key`."""
    with transaction(connection, "IMMEDIATE"):
        rows(connection, "UPDATE keys SET revoked_at = coalesce(revoked_at, ?) WHERE prefix = ?", (at, prefix))
        is_known = connection.changes() == 1
        _note_change(connection)
    return is_known


def keys(connection: apsw.Connection) -> list[ApiKey]:
    """See `CallerStore.keys`."""
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


def keys_version(connection: apsw.Connection) -> int:
    """See `CallerStore.keys_version`."""
    return rows(connection, "SELECT version FROM keys_version")[0][0]


def touch_keys(connection: apsw.Connection, used: Mapping[str, int]) -> None:
    """See `CallerStore.touch_keys`."""
    with transaction(connection, "IMMEDIATE"):
        for prefix, at in used.items():
            rows(
                connection,
                "UPDATE keys SET last_used_at = max(coalesce(last_used_at, ?1), ?1) WHERE prefix = ?2",
                (at, prefix),
            )


def take_tokens(connection: apsw.Connection, name: str, bucket: Bucket, wanted: int, now: int) -> Grant:
    """See `CallerStore.take_tokens`."""
    with transaction(connection, "IMMEDIATE"):
        found = rows(connection, "SELECT tokens, at FROM buckets WHERE name = ?", (name,))
        tokens, at = found[0] if found else (float(bucket.size), now)
        tokens = min(float(bucket.size), tokens + max(0, now - at) / 1000 * bucket.rate)
        taken = min(wanted, floor(tokens))
        rows(connection, "REPLACE INTO buckets VALUES (?, ?, ?)", (name, tokens - taken, max(at, now)))
        rows(
            connection,
            "DELETE FROM buckets WHERE name IN (SELECT name FROM buckets WHERE at < ? LIMIT ?)",
            (now - _FORGET_AFTER, _FORGET),
        )
    return Grant(taken, tokens - taken)


def _note_change(connection: apsw.Connection) -> None:
    rows(connection, "UPDATE keys_version SET version = version + 1")
