"""Webhooks in SQL: endpoints, their places in the ledger, and their deliveries."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import apsw
import msgspec

from laurels.application.ports.webhooks import LOG, Backlog, Cursor, FailedAttempt
from laurels.domain.webhooks import USER_DELETED, Delivery, Endpoint, State
from laurels.storage.sqlite.connection import rows, transaction
from laurels.storage.sqlite.database import Concern, projecting, reading, writing
from laurels.storage.sqlite.ledger import ends_and_last
from laurels.storage.sqlite.tombstones import find_deleted

_encode = msgspec.json.Encoder().encode
_decode_endpoint = msgspec.json.Decoder(Endpoint).decode

_COLUMNS = "endpoint, id, type, user_id, body, seq, part, state, attempts, next_at, at, status, error"
_RECORD = f"""
    INSERT INTO webhook_deliveries ({_COLUMNS})
    SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13 WHERE EXISTS (SELECT 1 FROM webhooks WHERE id = ?1)
    ON CONFLICT (endpoint, id) DO UPDATE SET body = excluded.body, state = excluded.state,
        attempts = excluded.attempts, next_at = excluded.next_at, at = excluded.at, status = excluded.status,
        error = excluded.error, turn = (SELECT max(turn) + 1 FROM webhook_deliveries)
    """
_MOVE_ON = """
    INSERT INTO webhook_cursors SELECT ?1, ?2, ?3, ?4 WHERE EXISTS (SELECT 1 FROM webhooks WHERE id = ?1)
    ON CONFLICT (endpoint, user_id) DO UPDATE SET seq = excluded.seq, part = excluded.part
        WHERE (excluded.seq, excluded.part) > (seq, part)
    """
_TRIM = """
    DELETE FROM webhook_deliveries WHERE endpoint = ?1 AND state = 'done' AND turn <= (
        SELECT turn FROM webhook_deliveries WHERE endpoint = ?1 AND state = 'done' ORDER BY turn DESC LIMIT 1 OFFSET ?2)
    """
_REMIND = """
    INSERT INTO webhook_reminders SELECT ?1, ?2, ?3 WHERE EXISTS (SELECT 1 FROM webhooks WHERE id = ?1)
    ON CONFLICT (user_id, endpoint) DO UPDATE SET at = excluded.at
    """
_CURSORS = """
    SELECT asked.value, c.seq, c.part, EXISTS (
        SELECT 1 FROM webhook_deliveries AS d
        WHERE d.endpoint = ?1 AND d.user_id = asked.value AND d.state = 'pending')
    FROM json_each(?2) AS asked LEFT JOIN webhook_cursors AS c ON c.endpoint = ?1 AND c.user_id = asked.value
    """

# Counted with an index that has nothing else; then the last of each kind is looked up.
_BACKLOGS = """
    SELECT kinds.endpoint, kinds.state, kinds.messages, last.at, last.type, last.attempts, last.status, last.error
    FROM (SELECT endpoint, state, count(*) AS messages, max(turn) AS turn FROM webhook_deliveries
          WHERE endpoint IN (SELECT id FROM webhooks) AND state IN ('pending', 'dead')
          GROUP BY endpoint, state) AS kinds
    JOIN webhook_deliveries AS last ON last.turn = kinds.turn ORDER BY kinds.endpoint, kinds.turn DESC
    """


class SQLiteWebhooks(Concern):
    """See `WebhookStore`."""

    @writing
    def add(self, connection: apsw.Connection, endpoint: Endpoint) -> None:
        with transaction(connection, "IMMEDIATE"):
            place = "{}:{}".format(*ends_and_last(connection))
            rows(
                connection,
                "INSERT INTO webhooks (id, created_at, endpoint, place) VALUES (?, ?, ?, ?)",
                (endpoint.id, endpoint.created_at, _encode(endpoint).decode(), place),
            )
            _note_change(connection)

    @writing
    def replace(self, connection: apsw.Connection, endpoint: Endpoint) -> bool:
        with transaction(connection, "IMMEDIATE"):
            rows(
                connection,
                "UPDATE webhooks SET endpoint = ? WHERE id = ?",
                (_encode(endpoint).decode(), endpoint.id),
            )
            is_known = connection.changes() == 1
            _note_change(connection)
        return is_known

    @writing
    def remove(self, connection: apsw.Connection, endpoint_id: str) -> bool:
        with transaction(connection, "IMMEDIATE"):
            rows(connection, "DELETE FROM webhooks WHERE id = ?", (endpoint_id,))
            is_known = connection.changes() == 1
            for table in ("webhook_cursors", "webhook_deliveries", "webhook_reminders"):
                rows(connection, f"DELETE FROM {table} WHERE endpoint = ?", (endpoint_id,))
            _note_change(connection)
        return is_known

    @reading
    def all(self, connection: apsw.Connection) -> list[Endpoint]:
        found = rows(connection, "SELECT endpoint FROM webhooks ORDER BY created_at, id")
        return [_decode_endpoint(endpoint) for (endpoint,) in found]

    @reading
    def version(self, connection: apsw.Connection) -> int:
        return rows(connection, "SELECT version FROM webhooks_version")[0][0]

    @projecting
    def claim(self, connection: apsw.Connection, endpoint_id: str, owner: str, *, now: int, until: int) -> str | None:
        found = rows(
            connection,
            "UPDATE webhooks SET owner = ?2, until = ?4 WHERE id = ?1 AND (owner IS ?2 OR until <= ?3) RETURNING place",
            (endpoint_id, owner, now, until),
        )
        return found[0][0] if found else None

    @projecting
    def keep_place(self, connection: apsw.Connection, endpoint_id: str, mark: str) -> None:
        rows(connection, "UPDATE webhooks SET place = ?2 WHERE id = ?1 AND place <> ?2", (endpoint_id, mark))

    @reading
    def cursors(self, connection: apsw.Connection, endpoint_id: str, user_ids: Collection[str]) -> dict[str, Cursor]:
        found = rows(connection, _CURSORS, (endpoint_id, _encode(list(user_ids)).decode()))
        return {
            user_id: Cursor(seq or 0, part or 0, bool(is_blocked))
            for user_id, seq, part, is_blocked in found
            if seq is not None or is_blocked
        }

    @projecting
    def record_attempts(self, connection: apsw.Connection, deliveries: Sequence[Delivery]) -> None:
        with transaction(connection, "IMMEDIATE"):
            deleted = find_deleted(connection, {each.user_id for each in deliveries if each.type != USER_DELETED})
            for each in deliveries:
                if each.user_id in deleted and each.type != USER_DELETED:
                    continue
                kept = msgspec.structs.replace(each, body="") if each.state == "done" else each
                rows(connection, _RECORD, _values(kept))
                if each.state != "pending" and each.seq:
                    rows(connection, _MOVE_ON, (each.endpoint, each.user_id, each.seq, each.part))
            for endpoint_id in {each.endpoint for each in deliveries}:
                rows(connection, _TRIM, (endpoint_id, LOG))

    @reading
    def due(self, connection: apsw.Connection, endpoint_id: str, *, now: int, limit: int) -> list[Delivery]:
        return _find(
            connection,
            "endpoint = ? AND state = 'pending' AND next_at <= ? ORDER BY next_at, turn LIMIT ?",
            (endpoint_id, now, limit),
        )

    @projecting
    def retry_now(self, connection: apsw.Connection, endpoint_id: str, *, now: int) -> None:
        rows(
            connection,
            "UPDATE webhook_deliveries SET next_at = ?2 WHERE endpoint = ?1 AND state = 'pending' AND next_at > ?2",
            (endpoint_id, now),
        )

    @reading
    def deliveries(
        self, connection: apsw.Connection, endpoint_id: str, *, state: State | None = None, limit: int = 100
    ) -> list[Delivery]:
        return _find(
            connection,
            "endpoint = ?1 AND (?2 IS NULL OR state = ?2) ORDER BY turn DESC LIMIT ?3",
            (endpoint_id, state, limit),
        )

    @reading
    def backlogs(self, connection: apsw.Connection) -> dict[str, Backlog]:
        found: dict[str, Backlog] = {}
        for endpoint_id, state, messages, *last in rows(connection, _BACKLOGS):
            before = found.get(endpoint_id, Backlog())
            failed = [*before.failed, FailedAttempt(*last, is_given_up=state == "dead")]
            counted = {"given_up" if state == "dead" else "waiting": messages}
            found[endpoint_id] = msgspec.structs.replace(before, failed=failed, **counted)
        return found

    @writing
    def revive(self, connection: apsw.Connection, endpoint_id: str, message_id: str | None, *, now: int) -> int:
        rows(
            connection,
            "UPDATE webhook_deliveries SET state = 'pending', attempts = 0, next_at = ?3 "
            "WHERE endpoint = ?1 AND state = 'dead' AND (?2 IS NULL OR id = ?2)",
            (endpoint_id, message_id, now),
        )
        return connection.changes()

    @projecting
    def remind(self, connection: apsw.Connection, endpoint_id: str, reminders: Mapping[str, int | None]) -> None:
        with transaction(connection, "IMMEDIATE"):
            deleted = find_deleted(connection, reminders)
            for user_id, at in reminders.items():
                if at is None or user_id in deleted:
                    one = (endpoint_id, user_id)
                    rows(connection, "DELETE FROM webhook_reminders WHERE endpoint = ? AND user_id = ?", one)
                else:
                    rows(connection, _REMIND, (endpoint_id, user_id, at))

    @reading
    def due_reminders(self, connection: apsw.Connection, endpoint_id: str, *, now: int, limit: int) -> dict[str, int]:
        due = "SELECT user_id, at FROM webhook_reminders WHERE endpoint = ? AND at <= ? ORDER BY at LIMIT ?"
        return dict(rows(connection, due, (endpoint_id, now, limit)))

    @writing
    def forget(self, connection: apsw.Connection, user_id: str) -> None:
        with transaction(connection, "IMMEDIATE"):
            told = (user_id, USER_DELETED)
            rows(connection, "DELETE FROM webhook_deliveries WHERE user_id = ? AND type <> ?", told)
            rows(connection, "DELETE FROM webhook_cursors WHERE user_id = ?", (user_id,))
            rows(connection, "DELETE FROM webhook_reminders WHERE user_id = ?", (user_id,))


def _find(connection: apsw.Connection, condition: str, bindings: Sequence[object]) -> list[Delivery]:
    found = rows(connection, f"SELECT {_COLUMNS} FROM webhook_deliveries WHERE {condition}", bindings)
    names = _COLUMNS.split(", ")
    return [msgspec.convert(dict(zip(names, row, strict=True)), Delivery) for row in found]


def _values(delivery: Delivery) -> tuple[Any, ...]:
    return tuple(getattr(delivery, name) for name in _COLUMNS.split(", "))


def _note_change(connection: apsw.Connection) -> None:
    rows(connection, "UPDATE webhooks_version SET version = version + 1")
