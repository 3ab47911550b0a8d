"""Deleting users in SQL: tombstones, the check for them within an append, and the removal of data."""

from __future__ import annotations

from collections.abc import Collection, Iterable

import apsw
import msgspec

from laurels.domain.tombstones import Tombstone, digest_of
from laurels.domain.webhooks import USER_DELETED
from laurels.storage.sqlite.connection import BUSY_TIMEOUT_MS, rows, transaction
from laurels.storage.sqlite.database import Concern, reading, writing
from laurels.storage.sqlite.projections import counts, holders, lines

# Entries per transaction of an erasure: commits of others come in between.
ENTRIES = 2_000
# Milliseconds that the writer, and all writers behind it, wait for readers of a log that is to be truncated.
_LOG_PATIENCE_MS = 50
# Users remembered as having no tombstone.
_REMEMBERED = 200_000

NUMBER = "(SELECT number FROM burials)"
_FIND = """
    SELECT asked.value ->> 0, t.deleted_at, t.user_id IS NOT NULL
    FROM json_each(?) AS asked CROSS JOIN tombstones AS t ON t.digest = asked.value ->> 1"""
# One key for each user, however many entries they have.
_WALK = """
    WITH RECURSIVE walk (user_id) AS (
        SELECT min(user_id) FROM {table}
        UNION ALL SELECT (SELECT min(user_id) FROM {table} WHERE user_id > walk.user_id)
        FROM walk WHERE walk.user_id IS NOT NULL)
    SELECT user_id FROM walk WHERE user_id IS NOT NULL"""
# That they were deleted is told, and may stay.
_MESSAGES = f"SELECT DISTINCT user_id FROM webhook_deliveries WHERE type <> '{USER_DELETED}'"
_PLACES = {
    "ledger": _WALK.format(table="ledger"),
    "snapshots": _WALK.format(table="progress"),
    "boards": _WALK.format(table="lines"),
    "webhook messages": _MESSAGES,
    "webhook cursors": _WALK.format(table="webhook_cursors"),
    "webhook reminders": _WALK.format(table="webhook_reminders"),
}

_encode = msgspec.json.Encoder().encode


class DeletionCache:
    """Users who were found without a tombstone at the time when `number` users had been deleted.

    While nobody is deleted it knows all users, and an append queries only that number.
    """

    def __init__(self) -> None:
        self.number = 0
        self._users: set[str] = set()

    def covers(self, user_ids: set[str]) -> bool:
        """Whether all of them were found without a tombstone."""
        return self.number == 0 or user_ids <= self._users

    def look(self, connection: apsw.Connection, user_ids: set[str]) -> frozenset[str]:
        """Look for tombstones, in a transaction. Returns the users who have one; the others are covered from now on."""
        number = _number(connection)
        if number != self.number or len(self._users) > _REMEMBERED:
            self.number = number
            self._users.clear()
        found = frozenset(find_tombstones(connection, user_ids)) if number else frozenset[str]()
        if number:
            self._users |= user_ids - found
        return found


class SQLiteTombstones(Concern):
    """See `TombstoneStore`."""

    _log_holds_deleted = False

    @writing
    def mark_deleted(self, connection: apsw.Connection, user_id: str, at: int) -> Tombstone:
        with transaction(connection, "IMMEDIATE"):
            found = find_tombstones(connection, (user_id,))
            if user_id in found:
                return found[user_id]
            rows(connection, "INSERT INTO tombstones VALUES (?, ?, ?)", (digest_of(user_id), at, user_id))
            rows(connection, "UPDATE burials SET number = number + 1")
        return Tombstone(at, is_open=True)

    @reading
    def find(self, connection: apsw.Connection, user_ids: Collection[str]) -> dict[str, Tombstone]:
        return find_tombstones(connection, user_ids)

    async def purge(self, user_ids: Collection[str]) -> frozenset[str]:
        for user_id in await self.find(user_ids):
            await self._purge_projection(user_id)
            while await self._purge_entries(user_id):
                pass
        return frozenset()

    @writing
    def _purge_projection(self, connection: apsw.Connection, user_id: str) -> None:
        """Remove a user's snapshot, card and lines, and subtract them from the counts."""
        _overwrite(connection)
        with transaction(connection, "IMMEDIATE"):
            lines.purge(connection, user_id)
            holders.purge(connection, user_id)
            rows(connection, "DELETE FROM progress WHERE user_id = ?", (user_id,))
            rows(connection, counts.CHANGED)

    @writing
    def _purge_entries(self, connection: apsw.Connection, user_id: str) -> bool:
        """Remove some of a user's entries. Returns whether there may be more."""
        _overwrite(connection)
        with transaction(connection, "IMMEDIATE"):
            rows(
                connection,
                "DELETE FROM ledger WHERE pos IN (SELECT pos FROM ledger WHERE user_id = ? ORDER BY seq DESC LIMIT ?)",
                (user_id, ENTRIES),
            )
            removed = connection.changes()
            # Positions at the end are assigned again: the next entries there must not seem to be projected.
            rows(connection, "UPDATE projected SET pos = min(pos, coalesce((SELECT max(pos) FROM ledger), 0))")
        return removed == ENTRIES

    async def open_ids(self) -> list[str]:
        if self._log_holds_deleted:
            await self._empty_log()
        return await self._open_ids()

    @reading
    def _open_ids(self, connection: apsw.Connection) -> list[str]:
        query = "SELECT user_id FROM tombstones WHERE user_id IS NOT NULL ORDER BY user_id"
        return [user_id for (user_id,) in rows(connection, query)]

    async def close(self, user_ids: Collection[str]) -> None:
        await self._close(user_ids)
        self._log_holds_deleted = True
        await self._empty_log()

    @writing
    def _empty_log(self, connection: apsw.Connection) -> None:
        """Truncate the log: it holds pages from before the deletion. If somebody is reading in it, this is repeated
        with the next look for open tombstones."""
        connection.set_busy_timeout(_LOG_PATIENCE_MS)
        try:
            [(is_busy, _, _)] = rows(connection, "PRAGMA wal_checkpoint(TRUNCATE)")
        except apsw.BusyError:
            is_busy = True
        finally:
            connection.set_busy_timeout(BUSY_TIMEOUT_MS)
        self._log_holds_deleted = bool(is_busy)

    @writing
    def _close(self, connection: apsw.Connection, user_ids: Collection[str]) -> None:
        _overwrite(connection)
        with transaction(connection, "IMMEDIATE"):
            for user_id in user_ids:
                rows(connection, "UPDATE tombstones SET user_id = NULL WHERE digest = ?", (digest_of(user_id),))

    @reading
    def leftovers(self, connection: apsw.Connection) -> dict[str, list[str]]:
        with transaction(connection, "DEFERRED"):
            digests = {digest for (digest,) in rows(connection, "SELECT digest FROM tombstones")}
            found: dict[str, list[str]] = {}
            if not digests:
                return found
            for place, users in _PLACES.items():
                for (user_id,) in rows(connection, users):
                    if digest_of(user_id) in digests:
                        found.setdefault(user_id, []).append(place)
        return found


def find_deleted(connection: apsw.Connection, user_ids: Collection[str]) -> Collection[str]:
    """The deleted users among the given ones; the table is only read once somebody was deleted."""
    return find_tombstones(connection, user_ids) if user_ids and _number(connection) else ()


def _number(connection: apsw.Connection) -> int:
    return rows(connection, "SELECT number FROM burials")[0][0]


def find_tombstones(connection: apsw.Connection, user_ids: Iterable[str]) -> dict[str, Tombstone]:
    """See `TombstoneStore.find`."""
    asked = _encode([(user_id, digest_of(user_id)) for user_id in user_ids]).decode()
    return {user_id: Tombstone(at, bool(is_open)) for user_id, at, is_open in rows(connection, _FIND, (asked,))}


def _overwrite(connection: apsw.Connection) -> None:
    # Deleted bytes are overwritten. Only these statements pay for it.
    rows(connection, "PRAGMA secure_delete = ON")
