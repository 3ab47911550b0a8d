"""Snapshots in SQL: progress, cards and standings, written together."""

from __future__ import annotations

from collections.abc import Awaitable, Collection, Sequence
from typing import Any, cast

import apsw
import msgspec

from laurels.application.ports.boards import Card
from laurels.application.ports.snapshots import Projected, Projection
from laurels.domain.progress import Progress
from laurels.domain.ranking import Standing
from laurels.storage.sqlite import counts
from laurels.storage.sqlite.connection import MultiRowInsert, rows, transaction
from laurels.storage.sqlite.database import Concern, projecting, reading
from laurels.storage.sqlite.tombstones import find_tombstones

State = tuple[str, int, str, str, str]

_encode = msgspec.json.Encoder().encode
_decode_card = msgspec.json.Decoder(Card).decode
_decode_state = msgspec.json.Decoder(Progress).decode

_KEEP_PROGRESS = MultiRowInsert(
    "INSERT INTO progress (user_id, seq, version, card, state)",
    5,
    """ON CONFLICT (user_id) DO UPDATE
    SET seq = excluded.seq, version = excluded.version, card = excluded.card, state = excluded.state
    WHERE excluded.seq > seq OR (excluded.seq = seq AND excluded.version <> version)""",
)
# Takes all its rows as one JSON text: one step, so the interpreter's lock is given up only once.
_KEEP_STANDINGS = """
    INSERT INTO standings (board, user_id, points, events, reached_at, seq, shown)
    SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6
    FROM json_each(?) WHERE true
    ON CONFLICT (user_id, board) DO UPDATE
    SET points = excluded.points, events = excluded.events, reached_at = excluded.reached_at, seq = excluded.seq,
        shown = excluded.shown
    WHERE excluded.seq > seq"""
_BEHIND = """
    SELECT l.user_id FROM ledger AS l LEFT JOIN progress AS p ON p.user_id = l.user_id
    WHERE l.pos > (SELECT pos FROM projected) AND l.pos < ?1 AND l.seq > coalesce(p.seq, 0)
    GROUP BY l.user_id ORDER BY min(l.pos) LIMIT ?2"""
# The first entry that is too young to be asked about: from there on nothing is known to be projected.
_YOUNG = """
    SELECT coalesce(
        (SELECT min(pos) FROM ledger WHERE pos > (SELECT pos FROM projected) AND recorded_at >= ?),
        (SELECT max(pos) + 1 FROM ledger), 1)"""


class SQLiteSnapshots(Concern):
    """See `SnapshotStore`."""

    def project(self, projections: Sequence[Projection], *, cards: Sequence[Card]) -> Awaitable[None]:
        states, standings = pack(projections, cards)
        return self._keep(states, standings)

    @projecting
    def _keep(self, connection: apsw.Connection, states: list[State], standings: str) -> None:
        with transaction(connection, "IMMEDIATE"):
            if rows(connection, "SELECT number FROM burials")[0][0]:
                states, standings = _of_the_living(connection, states, standings)
            _KEEP_PROGRESS.run(connection, states)
            changed = counts.changes(connection, standings)
            rows(connection, _KEEP_STANDINGS, (standings,))
            counts.apply(connection, changed)
            rows(connection, counts.CHANGED)

    @projecting
    def behind(self, connection: apsw.Connection, limit: int, *, before: int) -> list[str]:
        """Where no user is behind, the mark below which all is projected moves up: the next look is short."""
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
                SELECT p.user_id, p.seq, p.card, p.state
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
        for user_id, seq, card, state in states:
            progress = _decode_state(state)
            # It is the column that says from where on readers fold.
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
                "DELETE FROM counts; DELETE FROM standings; DELETE FROM progress; UPDATE projected SET pos = 0",
            )
            rows(connection, counts.CHANGED)


def pack(projections: Sequence[Projection], cards: Sequence[Card]) -> tuple[list[State], str]:
    """Projections as what `keep` writes: rows of snapshots, and the lines of the boards as one JSON text."""
    states: list[State] = []
    # One line for each user and board, the newest: what the counts are told is what is written.
    lines: dict[tuple[str, str], tuple[object, ...]] = {}
    for kept, card in zip(projections, cards, strict=True):
        progress = kept.progress
        states.append(
            (progress.user_id, progress.seq, progress.version, _encode(card).decode(), _encode(progress).decode())
        )
        for board, line in kept.standings.items():
            row = (board, line.user_id, line.points, line.events, line.reached_at, progress.seq, line.is_shown)
            other = lines.get((board, line.user_id))
            if other is None or cast("int", other[5]) < progress.seq:
                lines[board, line.user_id] = row
    return states, _encode(list(lines.values())).decode()


def _of_the_living(connection: apsw.Connection, states: list[State], lines: str) -> tuple[list[State], str]:
    deleted = find_tombstones(connection, [state[0] for state in states])
    if not deleted:
        return states, lines
    kept = [line for line in msgspec.json.decode(lines, type=list[tuple[Any, ...]]) if line[1] not in deleted]
    return [state for state in states if state[0] not in deleted], _encode(kept).decode()
