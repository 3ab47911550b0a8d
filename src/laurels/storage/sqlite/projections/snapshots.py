"""Snapshots in SQL: progress, cards and standings, written together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Collection, Mapping, Sequence
from operator import itemgetter

import apsw
import msgspec

from laurels.application.ports.boards import Card
from laurels.application.ports.snapshots import Projected, Projection
from laurels.domain.boards.ranking import Standing
from laurels.storage.packing import pack, unpack
from laurels.storage.sqlite.connection import MultiRowStatement, rows, transaction
from laurels.storage.sqlite.database import Concern, projecting, reading
from laurels.storage.sqlite.projections import counts, holders
from laurels.storage.sqlite.tombstones import find_tombstones

State = tuple[str, int, str, str, bytes]
Line = tuple[str, str, int, int, int, int, bool]
"""The board, the user, and their points, events, instant, entry and whether it is shown."""

_SEQ = itemgetter(5)
_NO_LINE: tuple[int | None, int] = (None, -1)

_encode = msgspec.json.Encoder().encode
_decode_card = msgspec.json.Decoder(Card).decode

_KEEP_PROGRESS = MultiRowStatement(
    "INSERT INTO progress (user_id, seq, version, card, state)",
    5,
    """ ON CONFLICT (user_id) DO UPDATE
    SET seq = excluded.seq, version = excluded.version, card = excluded.card, state = excluded.state
    WHERE excluded.seq > seq OR (excluded.seq = seq AND excluded.version <> version)""",
)
_ANY_LINES = "SELECT 1 FROM json_each(?) AS asked JOIN standings AS s ON s.user_id = asked.value LIMIT 1"
_KEPT_STANDINGS = MultiRowStatement(
    "SELECT s.board, s.user_id, s.points, s.seq, s.shown FROM (",
    2,
    ") AS asked CROSS JOIN standings AS s ON s.board = asked.column1 AND s.user_id = asked.column2",
)
_KEEP_STANDINGS = MultiRowStatement(
    "INSERT INTO standings (board, user_id, points, events, reached_at, seq, shown)",
    7,
    """ ON CONFLICT (user_id, board) DO UPDATE
    SET points = excluded.points, events = excluded.events, reached_at = excluded.reached_at, seq = excluded.seq,
        shown = excluded.shown
    WHERE excluded.seq > seq""",
)
_BEHIND = """
    SELECT l.user_id FROM ledger AS l LEFT JOIN progress AS p ON p.user_id = l.user_id
    WHERE l.pos > (SELECT pos FROM projected) AND l.pos < ?1 AND l.seq > coalesce(p.seq, 0)
    GROUP BY l.user_id ORDER BY min(l.pos) LIMIT ?2"""
# The first entry that is too young to be checked: from there on nothing is known to be projected.
_YOUNG = """
    SELECT coalesce(
        (SELECT min(pos) FROM ledger WHERE pos > (SELECT pos FROM projected) AND recorded_at >= ?),
        (SELECT max(pos) + 1 FROM ledger), 1)"""


class SQLiteSnapshots(Concern):
    """See `SnapshotStore`."""

    def project(self, projections: Sequence[Projection], *, cards: Sequence[Card]) -> Awaitable[None]:
        return self._keep(*_rows_of(projections, cards))

    @projecting
    def _keep(self, connection: apsw.Connection, states: list[State], standings: list[Line]) -> None:
        with self.database.write_turn(), transaction(connection, "IMMEDIATE"):
            if rows(connection, "SELECT number FROM burials")[0][0]:
                states, standings = _without_deleted(connection, states, standings)
            held = holders.changes(connection, states)
            _KEEP_PROGRESS.run(connection, states)
            holders.apply(connection, held)
            changed = _changes(connection, states, standings)
            _KEEP_STANDINGS.run(connection, standings)
            counts.apply(connection, changed)
            rows(connection, counts.CHANGED)

    @projecting
    def behind(self, connection: apsw.Connection, limit: int, *, before: int) -> list[str]:
        """If no user is behind, the mark below which everything is projected moves up: the next look is short."""
        with transaction(connection, "IMMEDIATE"):
            young: int = rows(connection, _YOUNG, (before,))[0][0]
            found = [user_id for (user_id,) in rows(connection, _BEHIND, (young, limit))]
            if not found:
                rows(connection, "UPDATE projected SET pos = ? WHERE pos < ?", (young - 1, young - 1))
        return found

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
            lines = rows(
                connection,
                """
                SELECT s.board, s.user_id, s.points, s.events, s.reached_at, s.shown
                FROM json_each(?) AS asked JOIN standings AS s ON s.user_id = asked.value
                """,
                (asked,),
            )
        found: dict[str, Projected] = {}
        for user_id, seq, version, card, state in states:
            progress = unpack(state, user_id, version)
            # Readers continue from the column's value.
            progress.seq = seq
            found[user_id] = Projected(progress, _decode_card(card), {})
        for board, user_id, points, events, reached_at, shown in lines:
            line = Standing(user_id, points, events, reached_at, bool(shown))
            found.setdefault(user_id, Projected(None, None, {})).standings[board] = line
        return found

    @projecting
    def clear(self, connection: apsw.Connection) -> None:
        with transaction(connection, "IMMEDIATE"):
            rows(
                connection,
                """
                DELETE FROM counts; DELETE FROM holders; DELETE FROM earned;
                DELETE FROM standings; DELETE FROM progress;
                UPDATE projected SET pos = 0""",
            )
            rows(connection, counts.CHANGED)


def _rows_of(projections: Sequence[Projection], cards: Sequence[Card]) -> tuple[list[State], list[Line]]:
    """Convert projections to rows: snapshots, and the lines of the boards."""
    states: list[State] = []
    lines: list[Line] = []
    for kept, card in zip(projections, cards, strict=True):
        progress = kept.progress
        user_id, seq = progress.user_id, progress.seq
        states.append((user_id, seq, progress.version, _encode(card).decode(), pack(progress)))
        lines += [
            (board, user_id, line.points, line.events, line.reached_at, seq, line.is_shown)
            for board, line in kept.standings.items()
        ]
    if len({state[0] for state in states}) < len(states):
        # One line for each user and board, the newest: the counts must see exactly the written lines.
        lines = list({line[:2]: line for line in sorted(lines, key=_SEQ)}.values())
    return states, lines


def _changes(connection: apsw.Connection, states: list[State], lines: list[Line]) -> Mapping[tuple[str, int], int]:
    """By board and points, the change in the number of users that `lines` will make. Before they are stored."""
    users = _encode([state[0] for state in states]).decode()
    if not rows(connection, _ANY_LINES, (users,)):
        # As in an import: there is nothing to compare them with.
        return Counter((board, points) for board, _, points, _, _, _, is_shown in lines if is_shown)
    kept = {
        (board, user_id): (points if is_shown else None, seq)
        for board, user_id, points, seq, is_shown in _KEPT_STANDINGS.rows(connection, [line[:2] for line in lines])
    }
    changed: dict[tuple[str, int], int] = {}
    for board, user_id, points, _, _, seq, is_shown in lines:
        lost, kept_seq = kept.get((board, user_id), _NO_LINE)
        # A hidden line is not counted, as if it had no points. The same condition as in `_KEEP_STANDINGS`.
        gained = points if is_shown else None
        if seq > kept_seq and gained != lost:
            if gained is not None:
                changed[board, gained] = changed.get((board, gained), 0) + 1
            if lost is not None:
                changed[board, lost] = changed.get((board, lost), 0) - 1
    return changed


def _without_deleted(
    connection: apsw.Connection, states: list[State], lines: list[Line]
) -> tuple[list[State], list[Line]]:
    deleted = find_tombstones(connection, [state[0] for state in states])
    if not deleted:
        return states, lines
    return (
        [state for state in states if state[0] not in deleted],
        [line for line in lines if line[1] not in deleted],
    )
