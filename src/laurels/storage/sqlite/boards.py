"""The statements of the projections: snapshots with their cards, and the standings of the boards."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, cast

import apsw
import msgspec

from laurels.application.ports.store import Card, Projected, Projection
from laurels.domain.progress import Progress
from laurels.domain.ranking import Place, Ranking, Standing
from laurels.storage.sqlite import counts
from laurels.storage.sqlite.connection import MultiRowInsert, rows, transaction
from laurels.storage.sqlite.tombstones import tombstones

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
_LINE = "user_id, points, events, reached_at"


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


def keep(connection: apsw.Connection, states: list[State], lines: str) -> None:
    """See `Store.project`."""
    with transaction(connection, "IMMEDIATE"):
        if rows(connection, "SELECT number FROM burials")[0][0]:
            states, lines = _of_the_living(connection, states, lines)
        _KEEP_PROGRESS.run(connection, states)
        changed = counts.changes(connection, lines)
        rows(connection, _KEEP_STANDINGS, (lines,))
        counts.apply(connection, changed)


def _of_the_living(connection: apsw.Connection, states: list[State], lines: str) -> tuple[list[State], str]:
    deleted = tombstones(connection, [state[0] for state in states])
    if not deleted:
        return states, lines
    kept = [line for line in msgspec.json.decode(lines, type=list[tuple[Any, ...]]) if line[1] not in deleted]
    return [state for state in states if state[0] not in deleted], _encode(kept).decode()


def behind(connection: apsw.Connection, limit: int, before: int) -> list[str]:
    """See `Store.behind`. Where nobody is, the mark below which all is projected moves up: the next look is short."""
    with transaction(connection, "IMMEDIATE"):
        young: int = rows(connection, _YOUNG, (before,))[0][0]
        found = [user_id for (user_id,) in rows(connection, _BEHIND, (young, limit))]
        if not found:
            rows(connection, "UPDATE projected SET pos = ? WHERE pos < ?", (young - 1, young - 1))
    return found


def cards(connection: apsw.Connection, user_ids: Collection[str]) -> dict[str, Card]:
    """See `Store.cards`."""
    found = rows(
        connection,
        "SELECT p.user_id, p.card FROM json_each(?) AS asked JOIN progress AS p ON p.user_id = asked.value",
        (_encode(list(user_ids)).decode(),),
    )
    return {user_id: _decode_card(card) for user_id, card in found}


def standings(
    connection: apsw.Connection, board: str, limit: int, after: Place | None, before: Place | None
) -> list[Standing]:
    """See `Store.standings`. Each branch is one walk along the index `standings_order`."""
    if after is not None:
        bound = "(points < ?2 OR (points = ?2 AND (reached_at, user_id) > (?3, ?4))) AND points <= ?2"
        order, place = "points DESC, reached_at, user_id", after
    elif before is not None:
        bound = "(points > ?2 OR (points = ?2 AND (reached_at, user_id) < (?3, ?4))) AND points >= ?2"
        order, place = "points, reached_at DESC, user_id DESC", before
    else:
        bound, order, place = "?2 IS ?3 OR ?4 IS NULL OR true", "points DESC, reached_at, user_id", Place(0, 0, "")
    found = rows(
        connection,
        f"SELECT {_LINE} FROM standings WHERE board = ?1 AND shown = 1 AND ({bound}) ORDER BY {order} LIMIT ?5",  # noqa: S608
        (board, place.points, place.reached_at, place.user_id, limit),
    )
    lines = [Standing(*row) for row in found]
    return lines[::-1] if before is not None else lines


def standings_of(connection: apsw.Connection, board: str, user_ids: Collection[str]) -> list[Standing]:
    """See `Store.standings_of`. One look into the primary key for each user, however large the board."""
    found = rows(
        connection,
        """
        SELECT s.user_id, s.points, s.events, s.reached_at
        FROM json_each(?2) AS asked CROSS JOIN standings AS s ON s.user_id = asked.value AND s.board = ?1
        WHERE s.shown = 1
        """,
        (board, _encode(list(dict.fromkeys(user_ids))).decode()),
    )
    return sorted((Standing(*row) for row in found), key=lambda line: line.place.sort_key)


def standing(connection: apsw.Connection, board: str, user_id: str) -> Standing | None:
    """See `Store.standing`."""
    found = rows(
        connection,
        f"SELECT {_LINE} FROM standings WHERE board = ? AND user_id = ? AND shown = 1",  # noqa: S608
        (board, user_id),
    )
    return Standing(*found[0]) if found else None


def ranking(connection: apsw.Connection, board: str, user_id: str) -> Ranking | None:
    """See `Store.ranking`. From one view: a rank is never beyond the number of people."""
    with transaction(connection, "DEFERRED"):
        own = standing(connection, board, user_id)
        if own is None:
            return None
        asked = "SELECT min(points) FROM standings WHERE board = ? AND shown = 1 AND points > ?"
        next_points = rows(connection, asked, (board, own.points))[0][0]
        above = counts.count(connection, board, own.points)
        return Ranking(own, above, counts.count(connection, board, None), next_points)


def users(connection: apsw.Connection, after: str, limit: int) -> list[str]:
    """See `Store.users`. Skips from user to user along the indexes, however many entries each has."""
    found = rows(
        connection,
        """
        WITH RECURSIVE walk (user_id) AS (
            SELECT min(user_id) FROM (
                SELECT min(user_id) AS user_id FROM ledger WHERE user_id > ?1
                UNION ALL SELECT min(user_id) FROM progress WHERE user_id > ?1
                UNION ALL SELECT min(user_id) FROM standings WHERE user_id > ?1)
            UNION ALL
            SELECT (SELECT min(user_id) FROM (
                SELECT min(user_id) AS user_id FROM ledger WHERE user_id > walk.user_id
                UNION ALL SELECT min(user_id) FROM progress WHERE user_id > walk.user_id
                UNION ALL SELECT min(user_id) FROM standings WHERE user_id > walk.user_id))
            FROM walk WHERE walk.user_id IS NOT NULL LIMIT ?2)
        SELECT user_id FROM walk WHERE user_id IS NOT NULL
        """,
        (after, limit),
    )
    return [user_id for (user_id,) in found]


def projected(connection: apsw.Connection, user_ids: Collection[str]) -> dict[str, Projected]:
    """See `Store.projected`."""
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


def clear(connection: apsw.Connection) -> None:
    """See `Store.clear_projections`."""
    with transaction(connection, "IMMEDIATE"):
        rows(
            connection, "DELETE FROM counts; DELETE FROM standings; DELETE FROM progress; UPDATE projected SET pos = 0"
        )
