"""The ledger in SQL: loading the known state of users, appending, and reporting users with new entries."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Collection, Mapping, Sequence
from contextlib import suppress
from operator import attrgetter, itemgetter
from typing import Any

import apsw
import msgspec

from laurels.application.ports.ledger import LATER_LIMIT, Loaded, Written
from laurels.domain.ledger.entries import Entry
from laurels.storage.packing import unpack
from laurels.storage.sqlite.connection import MultiRowStatement, rows, rows_in_one_step, transaction
from laurels.storage.sqlite.database import Concern, Database, data_version, reading, writing
from laurels.storage.sqlite.names import NAMES, NameNumbers
from laurels.storage.sqlite.packed_bodies import names_in, pack_body, unpack_body
from laurels.storage.sqlite.tombstones import NUMBER, DeletionCache, find_tombstones

# Seconds between two looks for the writes of others, while somebody watches.
WATCH_INTERVAL = 0.2

Row = tuple[str, int, str | None, int, bytes]

_BY_SEQ = attrgetter("seq")

# Only if nobody was deleted since the last check. The condition is in the statement itself, so that nothing can happen
# in between.
_INSERT = MultiRowStatement("INSERT INTO ledger (user_id, seq, event_id, recorded_at, body)", 5, guard=f"{NUMBER} = ?")

_COLUMNS = "l.user_id, l.seq, l.event_id, l.recorded_at, l.body"
_SNAPSHOTS = """
    SELECT json_group_array(json_array(asked.value, p.seq, p.version, hex(p.state))) FROM json_each(?) AS asked
    CROSS JOIN progress AS p ON p.user_id = asked.value WHERE p.version IN """
# With an extra row before the entries if there are any tombstones.
_LATER = f"""
    SELECT NULL, number, NULL, NULL, NULL FROM burials WHERE number > 0
    UNION ALL
    SELECT {_COLUMNS} FROM json_each(?) AS asked
    CROSS JOIN ledger AS l ON l.user_id = asked.value ->> 0
        AND l.seq > asked.value ->> 1 AND l.seq <= (asked.value ->> 1) + {LATER_LIMIT}"""
_KNOWN = f"""
    SELECT {_COLUMNS} FROM json_each(?) AS asked
    JOIN ledger AS l ON l.user_id = asked.value ->> 0 AND l.event_id = asked.value ->> 1"""
# After the end of the ledger was deleted, its positions are assigned again: everything from there on is examined.
_FROM = "SELECT min(?1, coalesce((SELECT min(pos) FROM ledger_ends WHERE number > ?2), ?1))"
_SINCE = "SELECT pos, user_id, seq FROM ledger WHERE pos > ? ORDER BY pos LIMIT ?"
_ENTRIES = f"SELECT {_COLUMNS} FROM ledger AS l WHERE user_id = ? AND seq > ? ORDER BY seq LIMIT ?"


class LedgerNames:
    """The names by their numbers, as far as they have been read; shared by the threads that read entries."""

    def __init__(self) -> None:
        self._known: Mapping[int | str, str] = {}

    def entry_of(self, connection: apsw.Connection, row: tuple[Any, ...]) -> Entry:
        """The entry that a row of the ledger holds. Raises MsgspecError."""
        user_id, seq, event_id, recorded_at, packed = row
        try:
            body = unpack_body(packed, self._known)
        except KeyError:
            # Written before the entry, and by any process.
            self._known = dict(rows(connection, NAMES))
            try:
                body = unpack_body(packed, self._known)
            except KeyError as error:
                raise msgspec.ValidationError(f"No name has the number {error}.") from None
        return Entry(user_id, seq, event_id, recorded_at, body)


class SQLiteLedger(Concern):
    """See `LedgerStore`."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        # Used only on the writer's thread.
        self._deletions = DeletionCache()
        self._numbers = NameNumbers()
        self._names = LedgerNames()

    @writing
    def load(
        self,
        connection: apsw.Connection,
        known_seqs: Mapping[str, int | None],
        event_ids: Collection[tuple[str, str]],
        version: str,
    ) -> Loaded:
        # Before the queries: they then see any write in between, and at worst it is read once more later.
        self.database.notice_foreign_writes(connection)
        return _load(connection, known_seqs, event_ids, (version,), self._names)

    @reading
    def read(self, connection: apsw.Connection, known_seqs: Mapping[str, int | None], *versions: str) -> Loaded:
        with transaction(connection, "DEFERRED"):
            return _load(connection, known_seqs, (), versions, self._names)

    @writing
    def append(self, connection: apsw.Connection, entries: Sequence[Entry]) -> frozenset[str]:
        lines = self._lines_of(connection, entries)
        with self.database.write_turn():
            refused, appended = _append(connection, lines, self._deletions)
        self.database.require_file()
        self.database.notice_foreign_writes(connection, appended=appended)
        return refused

    def _lines_of(self, connection: apsw.Connection, entries: Sequence[Entry]) -> list[Row]:
        try:
            return _lines_of(entries, self._numbers.known)
        except KeyError:
            names = {name for entry in entries for name in names_in(entry.body)}
        try:
            # Before the entries, and not taken back with them: a name that no entry uses does no harm.
            with self.database.write_turn(), transaction(connection, "IMMEDIATE"):
                numbers = self._numbers.of(connection, names)
        except BaseException:
            self._numbers.forget()
            raise
        return _lines_of(entries, numbers)

    @reading
    def entries(self, connection: apsw.Connection, user_id: str, *, after: int = 0, limit: int = 1_000) -> list[Entry]:
        return [self._names.entry_of(connection, row) for row in rows(connection, _ENTRIES, (user_id, after, limit))]

    @reading
    def users(self, connection: apsw.Connection, *, after: str = "", limit: int = 1_000) -> list[str]:
        """Skips from user to user along the indexes, whatever the number of entries."""
        found = rows(
            connection,
            """
            WITH RECURSIVE walk (user_id) AS (
                SELECT min(user_id) FROM (
                    SELECT min(user_id) AS user_id FROM ledger WHERE user_id > ?1
                    UNION ALL SELECT min(user_id) FROM progress WHERE user_id > ?1
                    UNION ALL SELECT min(user_id) FROM lines WHERE user_id > ?1)
                UNION ALL
                SELECT (SELECT min(user_id) FROM (
                    SELECT min(user_id) AS user_id FROM ledger WHERE user_id > walk.user_id
                    UNION ALL SELECT min(user_id) FROM progress WHERE user_id > walk.user_id
                    UNION ALL SELECT min(user_id) FROM lines WHERE user_id > walk.user_id))
                FROM walk WHERE walk.user_id IS NOT NULL LIMIT ?2)
            SELECT user_id FROM walk WHERE user_id IS NOT NULL
            """,
            (after, limit),
        )
        return [user_id for (user_id,) in found]

    async def watch(self) -> AsyncGenerator[Mapping[str, int] | None]:
        seen: int | None = None
        while True:
            # Projections are written to the file, too: then there may be nothing new in the ledger.
            version = await self.database.watcher.run(data_version)
            if version != seen:
                seen = version
                yield None
            await asyncio.sleep(WATCH_INTERVAL)

    @reading
    def written_since(self, connection: apsw.Connection, mark: str, limit: int) -> Written:
        """Only one writer at a time assigns positions, so all entries before the last position are visible."""
        ends_known, _, pos = mark.partition(":")
        with transaction(connection, "DEFERRED"):
            ends: int = ends_and_last(connection)[0]
            since: int = rows(connection, _FROM, (int(pos), int(ends_known)))[0][0]
            found = rows(connection, _SINCE, (since, limit))
        users: dict[str, tuple[int, int]] = {}
        for _, user_id, seq in found:
            first, last = users.get(user_id, (seq, seq))
            users[user_id] = min(first, seq), max(last, seq)
        reached = f"{ends}:{found[-1][0] if found else since}"
        return Written(users, reached, reached, len(found) < limit)


def _load(
    connection: apsw.Connection,
    known_seqs: Mapping[str, int | None],
    event_ids: Collection[tuple[str, str]],
    versions: tuple[str, ...],
    names: LedgerNames,
) -> Loaded:
    loaded = Loaded()
    if known_seqs:
        unknown = [user_id for user_id, seq in known_seqs.items() if seq is None]
        from_seq = {user_id: seq or 0 for user_id, seq in known_seqs.items()}
        if unknown:
            # With one version, which is by far the most frequent, this is a comparison.
            query = f"{_SNAPSHOTS}({', '.join('?' * len(versions))})"
            for user_id, seq, version, state in rows_in_one_step(connection, query, (_json(unknown), *versions)):
                # An unreadable snapshot is ignored: the ledger has everything.
                with suppress(msgspec.MsgspecError):
                    loaded.snapshots[user_id] = unpack(bytes.fromhex(state), user_id, version)
                    from_seq[user_id] = seq
        found = rows(connection, _LATER, (_json(sorted(from_seq.items())),))
        if found and found[0][0] is None:
            del found[0]
            loaded.deleted = frozenset(find_tombstones(connection, known_seqs))
        for row in found:
            loaded.later.setdefault(row[0], []).append(names.entry_of(connection, row))
        for own in loaded.later.values():
            # The index returns them in this order, but SQL does not guarantee it.
            own.sort(key=_BY_SEQ)
        for user_id in loaded.deleted:
            # Part of their data may still exist while it is being removed.
            loaded.snapshots.pop(user_id, None)
            loaded.later.pop(user_id, None)
    if event_ids:
        for row in rows(connection, _KNOWN, (_json(sorted(event_ids)),)):
            loaded.known[row[0], row[2]] = names.entry_of(connection, row)
    return loaded


def _lines_of(entries: Sequence[Entry], numbers: Mapping[str, int]) -> list[Row]:
    """The rows of entries. Raises KeyError if a name has no number."""
    lines = [
        (entry.user_id, entry.seq, entry.event_id, entry.recorded_at, pack_body(entry.body, numbers))
        for entry in entries
    ]
    # Sorted, so that neighbours in the indexes follow each other: a batch then visits their pages once.
    lines.sort(key=itemgetter(0))
    return lines


def _append(connection: apsw.Connection, lines: list[Row], deletions: DeletionCache) -> tuple[frozenset[str], int]:
    """Append entries; the users who were refused, and the number of entries that were not."""
    users = {line[0] for line in lines}
    # Otherwise another process was faster for at least one user, or a user was deleted.
    with suppress(apsw.ConstraintError):
        if deletions.covers(users) and _write(connection, lines, deletions):
            return frozenset(), len(lines)
    # Under the write lock nobody can write in between.
    with transaction(connection, "IMMEDIATE"):
        refused = deletions.look(connection, users) | _collisions(connection, lines)
        accepted = [line for line in lines if line[0] not in refused]
        _INSERT.run(connection, accepted, (deletions.number,))
    return refused, len(accepted)


def _write(connection: apsw.Connection, lines: list[Row], deletions: DeletionCache) -> bool:
    if _INSERT.takes_one_statement(len(lines)):
        return _INSERT.run(connection, lines, (deletions.number,))
    with transaction(connection, "IMMEDIATE"):
        return _INSERT.run(connection, lines, (deletions.number,))


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


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()


def ends_and_last(connection: apsw.Connection) -> tuple[int, int]:
    """How often the end of the ledger was deleted, and the last position: a mark for `written_since`."""
    [found] = rows(
        connection,
        "SELECT coalesce((SELECT max(number) FROM ledger_ends), 0), coalesce((SELECT max(pos) FROM ledger), 0)",
    )
    return found[0], found[1]
