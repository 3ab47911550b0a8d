"""The statements of the acknowledged path: asking what is known, and appending."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from operator import attrgetter, itemgetter
from typing import Any

import apsw
import msgspec

from laurels.application.ports.store import LATER_LIMIT, Loaded
from laurels.domain.ledger import Entry, EntryBody
from laurels.domain.progress import Progress
from laurels.storage.sqlite.connection import MultiRowInsert, rows, transaction
from laurels.storage.sqlite.tombstones import NUMBER, DeletionCache, tombstones

Row = tuple[str, int, str | None, int, str]

_BY_SEQ = attrgetter("seq")

_encode_body = msgspec.json.Encoder().encode
_decode_body = msgspec.json.Decoder(EntryBody).decode
_decode_state = msgspec.json.Decoder(Progress).decode

# Only if nobody was deleted since it was last known who was: in the statement itself, where nobody can come in between.
_INSERT = MultiRowInsert("INSERT INTO ledger (user_id, seq, event_id, recorded_at, body)", 5, guard=f"{NUMBER} = ?")

_COLUMNS = "l.user_id, l.seq, l.event_id, l.recorded_at, l.body"
_SNAPSHOTS = """
    SELECT p.user_id, p.seq, p.state FROM json_each(?) AS asked
    JOIN progress AS p ON p.user_id = asked.value WHERE p.version = ?"""
# With a row ahead of the entries where there are tombstones at all.
_LATER = f"""
    SELECT NULL, number, NULL, NULL, NULL FROM burials WHERE number > 0
    UNION ALL
    SELECT {_COLUMNS} FROM json_each(?) AS asked
    CROSS JOIN ledger AS l ON l.user_id = asked.value ->> 0
        AND l.seq > asked.value ->> 1 AND l.seq <= (asked.value ->> 1) + {LATER_LIMIT}"""  # noqa: S608  names from this module only
_KNOWN = f"""
    SELECT {_COLUMNS} FROM json_each(?) AS asked
    JOIN ledger AS l ON l.user_id = asked.value ->> 0 AND l.event_id = asked.value ->> 1"""  # noqa: S608
_ENTRIES = f"SELECT {_COLUMNS} FROM ledger AS l WHERE user_id = ? AND seq > ? ORDER BY seq LIMIT ?"  # noqa: S608


def entry_of(row: tuple[Any, ...]) -> Entry:
    """The entry that a row of the ledger holds."""
    user_id, seq, event_id, recorded_at, body = row
    return Entry(user_id, seq, event_id, recorded_at, _decode_body(body))


def load(
    connection: apsw.Connection,
    known_seqs: Mapping[str, int | None],
    event_ids: Collection[tuple[str, str]],
    version: str,
) -> Loaded:
    """See `Store.load`."""
    consulted = Loaded()
    if known_seqs:
        unknown = [user_id for user_id, seq in known_seqs.items() if seq is None]
        from_seq = {user_id: seq or 0 for user_id, seq in known_seqs.items()}
        if unknown:
            for user_id, seq, state in rows(connection, _SNAPSHOTS, (_json(unknown), version)):
                # A snapshot that cannot be read is as good as none: the ledger has it all.
                with suppress(msgspec.MsgspecError):
                    consulted.snapshots[user_id] = _decode_state(state)
                    from_seq[user_id] = seq
        found = rows(connection, _LATER, (_json(sorted(from_seq.items())),))
        if found and found[0][0] is None:
            del found[0]
            consulted.deleted = frozenset(tombstones(connection, known_seqs))
        for row in found:
            consulted.later.setdefault(row[0], []).append(entry_of(row))
        for own in consulted.later.values():
            # They come so along the index; only nobody has promised it.
            own.sort(key=_BY_SEQ)
        for user_id in consulted.deleted:
            # Part of them may be there, as long as they are being removed.
            consulted.snapshots.pop(user_id, None)
            consulted.later.pop(user_id, None)
    if event_ids:
        for row in rows(connection, _KNOWN, (_json(sorted(event_ids)),)):
            consulted.known[row[0], row[2]] = entry_of(row)
    return consulted


def append(connection: apsw.Connection, entries: Sequence[Entry], living: DeletionCache) -> frozenset[str]:
    """See `Store.append`. `living` is what the store knows of users without a tombstone."""
    lines = [
        (entry.user_id, entry.seq, entry.event_id, entry.recorded_at, _encode_body(entry.body).decode())
        for entry in entries
    ]
    # Neighbours in the indexes follow each other: a batch then walks through their pages once.
    lines.sort(key=itemgetter(0))
    users = {line[0] for line in lines}
    # Else another process was faster for at least one user, or somebody was deleted.
    with suppress(apsw.ConstraintError):
        if living.covers(users) and _write(connection, lines, living):
            return frozenset()
    # Under the write lock nobody else can come in between.
    with transaction(connection, "IMMEDIATE"):
        refused = living.look(connection, users) | _collisions(connection, lines)
        _INSERT.run(connection, [line for line in lines if line[0] not in refused], (living.number,))
    return refused


def _write(connection: apsw.Connection, lines: list[Row], living: DeletionCache) -> bool:
    if _INSERT.takes_one_statement(len(lines)):
        return _INSERT.run(connection, lines, (living.number,))
    with transaction(connection, "IMMEDIATE"):
        return _INSERT.run(connection, lines, (living.number,))


def _collisions(connection: apsw.Connection, lines: list[Row]) -> frozenset[str]:
    asked = _json([line[:3] for line in lines])
    taken = rows(
        connection,
        """
        SELECT asked.value ->> 0 FROM json_each(?1) AS asked
        JOIN ledger AS l ON l.user_id = asked.value ->> 0 AND l.seq = asked.value ->> 1
        UNION
        SELECT asked.value ->> 0 FROM json_each(?1) AS asked
        JOIN ledger AS l ON l.user_id = asked.value ->> 0 AND l.event_id = asked.value ->> 2
        """,
        (asked,),
    )
    return frozenset(user_id for (user_id,) in taken)


def entries(connection: apsw.Connection, user_id: str, after: int, limit: int) -> list[Entry]:
    """See `Store.entries`."""
    return [entry_of(row) for row in rows(connection, _ENTRIES, (user_id, after, limit))]


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()
