"""Snapshots in SQL: progress, cards and standings, written together."""

from __future__ import annotations

from collections.abc import Awaitable, Collection, Sequence

import apsw
import msgspec

from laurels.application.ports.boards import Card
from laurels.application.ports.snapshots import Projected, Projection
from laurels.storage.packing import pack, unpack
from laurels.storage.sqlite.connection import MultiRowStatement, rows, transaction
from laurels.storage.sqlite.database import Concern, Database, projecting, reading
from laurels.storage.sqlite.names import NameNumbers
from laurels.storage.sqlite.packed_cards import pack_card, unpack_card
from laurels.storage.sqlite.projections import counts, holders, lines
from laurels.storage.sqlite.projections.lines import Written
from laurels.storage.sqlite.tombstones import find_tombstones

State = tuple[str, int, str, bytes, bytes]
"""The user, the entry, the version, the card and the snapshot."""

_encode = msgspec.json.Encoder().encode

_KEEP_PROGRESS = MultiRowStatement(
    "INSERT INTO progress (user_id, seq, version, card, state)",
    5,
    """ ON CONFLICT (user_id) DO UPDATE
    SET seq = excluded.seq, version = excluded.version, card = excluded.card, state = excluded.state
    WHERE excluded.seq > seq OR (excluded.seq = seq AND excluded.version <> version)""",
)
_BEHIND = """
    SELECT l.user_id FROM ledger AS l LEFT JOIN progress AS p ON p.user_id = l.user_id
    WHERE l.pos > (SELECT pos FROM projected) AND l.pos < ?1 AND l.seq > coalesce(p.seq, 0)
    GROUP BY l.user_id ORDER BY min(l.pos) LIMIT ?2"""
# Where the entries end that are examined together: the position after the last of `LOOK`, and whether there are more.
_END = """
    SELECT coalesce((SELECT pos FROM ledger WHERE pos > (SELECT pos FROM projected) ORDER BY pos LIMIT 1 OFFSET ?1),
        (SELECT max(pos) + 1 FROM ledger), 1)"""
# The first entry that is too young to be checked: from there on nothing is known to be projected.
_YOUNG = """
    SELECT coalesce((SELECT min(pos) FROM ledger
        WHERE pos > (SELECT pos FROM projected) AND pos < ?2 AND recorded_at >= ?1), ?2)"""
# Entries in one transaction, for which commits wait: after a rebuild or an import nearly all have to be examined.
LOOK = 5_000


class SQLiteSnapshots(Concern):
    """See `SnapshotStore`."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        # Used only on the projections' thread.
        self._numbers = NameNumbers()

    def project(self, projections: Sequence[Projection], *, cards: Sequence[Card]) -> Awaitable[None]:
        return self._keep(*_rows_of(projections, cards), list(cards))

    @projecting
    def _keep(
        self, connection: apsw.Connection, states: list[State], written: list[Written], cards: list[Card]
    ) -> None:
        try:
            with self.database.write_turn(), transaction(connection, "IMMEDIATE"):
                if rows(connection, "SELECT number FROM burials")[0][0]:
                    states, written, cards = _without_deleted(connection, states, written, cards)
                held = holders.changes(connection, states, cards)
                numbers = self._numbers.of(
                    connection, {*held.badges, *(board for _, _, own in written for board in own)}
                )
                _KEEP_PROGRESS.run(connection, states)
                holders.apply(connection, held, numbers)
                for part in _of_different_users(written):
                    lines.write(connection, part, numbers)
                rows(connection, counts.CHANGED)
        except BaseException:
            self._numbers.forget()
            raise

    async def behind(self, limit: int, *, before: int) -> list[str]:
        """Where no user is behind, the mark below which everything is projected moves up: the next look is short."""
        while True:
            found, is_last = await self._next_behind(limit, before)
            if found or is_last:
                return found

    @projecting
    def _next_behind(self, connection: apsw.Connection, limit: int, before: int) -> tuple[list[str], bool]:
        """The same for the next entries after the mark; also whether it comes no further now."""
        with self.database.write_turn(), transaction(connection, "IMMEDIATE"):
            end: int = rows(connection, _END, (LOOK,))[0][0]
            young: int = rows(connection, _YOUNG, (before, end))[0][0]
            found = [user_id for (user_id,) in rows(connection, _BEHIND, (young, limit))]
            if not found:
                rows(connection, "UPDATE projected SET pos = ?1 WHERE pos < ?1", (young - 1,))
            is_last = young < end or not rows(connection, "SELECT 1 FROM ledger WHERE pos >= ? LIMIT 1", (end,))
        return found, is_last

    @reading
    def projected(self, connection: apsw.Connection, user_ids: Collection[str]) -> dict[str, Projected]:
        asked = _encode(list(user_ids)).decode()
        with transaction(connection, "DEFERRED"):
            states = rows(
                connection,
                """
                SELECT p.user_id, p.seq, p.version, p.card, p.state
                FROM json_each(?) AS asked JOIN progress AS p ON p.user_id = asked.value
                """,
                (asked,),
            )
            standings = lines.standings_of(connection, user_ids)
        found: dict[str, Projected] = {}
        for user_id, seq, version, card, state in states:
            progress = unpack(state, user_id, version)
            # Readers continue from the column's value.
            progress.seq = seq
            found[user_id] = Projected(progress, unpack_card(card, user_id), standings.pop(user_id, {}))
        for user_id, own in standings.items():
            found[user_id] = Projected(None, None, own)
        return found

    @projecting
    def clear(self, connection: apsw.Connection) -> None:
        self._numbers.forget()
        with transaction(connection, "IMMEDIATE"):
            rows(
                connection,
                """
                DELETE FROM counts; DELETE FROM holders; DELETE FROM earned;
                DELETE FROM standings; DELETE FROM lines; DELETE FROM progress;
                UPDATE projected SET pos = 0""",
            )
            rows(connection, counts.CHANGED)


def _rows_of(projections: Sequence[Projection], cards: Sequence[Card]) -> tuple[list[State], list[Written]]:
    """Convert projections to rows: snapshots, and the lines of the boards."""
    states: list[State] = []
    written: list[Written] = []
    for kept, card in zip(projections, cards, strict=True):
        progress = kept.progress
        user_id, seq = progress.user_id, progress.seq
        states.append((user_id, seq, progress.version, pack_card(card), pack(progress)))
        # A copy, because the caller may change its own.
        written.append((user_id, seq, {**kept.standings}))
    return states, written


def _of_different_users(written: list[Written]) -> list[list[Written]]:
    if len({user_id for user_id, _, _ in written}) == len(written):
        return [written]
    return [[each] for each in written]


def _without_deleted(
    connection: apsw.Connection, states: list[State], written: list[Written], cards: list[Card]
) -> tuple[list[State], list[Written], list[Card]]:
    deleted = find_tombstones(connection, [state[0] for state in states])
    if not deleted:
        return states, written, cards
    return (
        [state for state in states if state[0] not in deleted],
        [line for line in written if line[0] not in deleted],
        [card for card in cards if card.user_id not in deleted],
    )
