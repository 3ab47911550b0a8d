"""The boards in SQL: standings in their order, ranks, and the cards beside them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection

import apsw
import msgspec

from laurels.application.ports.boards import Card, Holder, Holders
from laurels.domain.boards.ranking import Ranking, SortKey, Standing
from laurels.domain.rules.board_retention import RetentionCutoff
from laurels.storage.sqlite.connection import rows, transaction
from laurels.storage.sqlite.database import Concern, projecting, reading
from laurels.storage.sqlite.projections import counts, holders

_encode = msgspec.json.Encoder().encode
_decode_card = msgspec.json.Decoder(Card).decode

# Every visible line is counted. One lookup in the counts for each board, whatever its size.
_BOARDS = """
    WITH RECURSIVE boards (board) AS (
        SELECT min(board) FROM counts
        UNION ALL SELECT (SELECT min(c.board) FROM counts AS c WHERE c.board > boards.board) FROM boards
        WHERE board IS NOT NULL)
    SELECT board FROM boards WHERE board IS NOT NULL"""
_STANDING = "user_id, points, events, reached_at"


class SQLiteBoards(Concern):
    """See `BoardStore`."""

    @reading
    def version(self, connection: apsw.Connection) -> int:
        return rows(connection, "SELECT number FROM board_version")[0][0]

    @reading
    def cards(self, connection: apsw.Connection, user_ids: Collection[str]) -> dict[str, Card]:
        found = rows(
            connection,
            "SELECT p.user_id, p.card FROM json_each(?) AS asked JOIN progress AS p ON p.user_id = asked.value",
            (_encode(list(user_ids)).decode(),),
        )
        return {user_id: _decode_card(card) for user_id, card in found}

    @reading
    def standings(
        self,
        connection: apsw.Connection,
        board: str,
        *,
        limit: int,
        after: SortKey | None = None,
        before: SortKey | None = None,
    ) -> list[Standing]:
        """Each branch is one walk along the index `standings_order`."""
        if after is not None:
            bound = "(points < ?2 OR (points = ?2 AND (reached_at, user_id) > (?3, ?4))) AND points <= ?2"
            order, place = "points DESC, reached_at, user_id", after
        elif before is not None:
            bound = "(points > ?2 OR (points = ?2 AND (reached_at, user_id) < (?3, ?4))) AND points >= ?2"
            order, place = "points, reached_at DESC, user_id DESC", before
        else:
            bound, order, place = (
                "?2 IS ?3 OR ?4 IS NULL OR true",
                "points DESC, reached_at, user_id",
                SortKey(0, 0, ""),
            )
        found = rows(
            connection,
            f"SELECT {_STANDING} FROM standings WHERE board = ?1 AND shown = 1 AND ({bound}) ORDER BY {order} LIMIT ?5",
            (board, place.points, place.reached_at, place.user_id, limit),
        )
        page = [Standing(*row) for row in found]
        return page[::-1] if before is not None else page

    @reading
    def standings_of(self, connection: apsw.Connection, board: str, user_ids: Collection[str]) -> list[Standing]:
        """One lookup in the primary key for each user, whatever the size of the board."""
        found = rows(
            connection,
            """
            SELECT s.user_id, s.points, s.events, s.reached_at
            FROM json_each(?2) AS asked CROSS JOIN standings AS s ON s.user_id = asked.value AND s.board = ?1
            WHERE s.shown = 1
            """,
            (board, _encode(list(dict.fromkeys(user_ids))).decode()),
        )
        return sorted((Standing(*row) for row in found), key=lambda standing: standing.place.sort_key)

    @reading
    def standing(self, connection: apsw.Connection, board: str, user_id: str) -> Standing | None:
        return _standing(connection, board, user_id)

    @reading
    def ranking(self, connection: apsw.Connection, board: str, user_id: str) -> Ranking | None:
        """Computed from one view: a rank never exceeds the number of users."""
        with transaction(connection, "DEFERRED"):
            own = _standing(connection, board, user_id)
            if own is None:
                return None
            asked = "SELECT min(points) FROM standings WHERE board = ? AND shown = 1 AND points > ?"
            next_points = rows(connection, asked, (board, own.points))[0][0]
            above = counts.count(connection, board, own.points)
            return Ranking(own, above, counts.count(connection, board, None), next_points)

    @reading
    def count(self, connection: apsw.Connection, board: str, *, above: int | None = None) -> int:
        return counts.count(connection, board, above)

    @reading
    def counts_above(self, connection: apsw.Connection, board: str, points: Collection[int]) -> dict[int, int]:
        with transaction(connection, "DEFERRED"):
            return {above: counts.count(connection, board, above) for above in points}

    @reading
    def horizon(self, connection: apsw.Connection) -> RetentionCutoff:
        return RetentionCutoff(*rows(connection, "SELECT day, week FROM board_horizon")[0])

    @projecting
    def set_horizon(self, connection: apsw.Connection, horizon: RetentionCutoff) -> None:
        rows(connection, "UPDATE board_horizon SET day = ?, week = ?", (horizon.day, horizon.week))

    @projecting
    def drop(self, connection: apsw.Connection, horizon: RetentionCutoff, *, limit: int) -> int:
        """Drops board by board. Lines of users who have left the boards are in no index by board; they stay,
        invisible."""
        dropped = 0
        for (board,) in rows(connection, _BOARDS):
            if not horizon.keeps_board(board):
                with transaction(connection, "IMMEDIATE"):
                    dropped += _drop(connection, board, limit - dropped)
                if dropped >= limit:
                    break
        return dropped

    @reading
    def holders(self, connection: apsw.Connection) -> Holders:
        return holders.holders(connection)

    @reading
    def first_holders(self, connection: apsw.Connection, badge: str, *, limit: int) -> list[Holder]:
        return holders.first_holders(connection, badge, limit)

    @reading
    def latest_holders(self, connection: apsw.Connection, badge: str, *, limit: int) -> list[Holder]:
        return holders.latest_holders(connection, badge, limit)

    @reading
    def miscounted(self, connection: apsw.Connection) -> list[str]:
        return counts.miscounted(connection)

    @reading
    def miscounted_badges(self, connection: apsw.Connection) -> list[str]:
        return holders.miscounted(connection)


def _drop(connection: apsw.Connection, board: str, limit: int) -> int:
    """Drop up to this many lines of a board, and subtract them from the counts. Returns the number dropped."""
    asked = "SELECT user_id, points FROM standings WHERE board = ? AND shown = 1 LIMIT ?"
    found = rows(connection, asked, (board, limit))
    users = _encode([user_id for user_id, _ in found]).decode()
    rows(
        connection,
        "DELETE FROM standings WHERE board = ? AND user_id IN (SELECT value FROM json_each(?))",
        (board, users),
    )
    counts.apply(connection, {(board, points): -n for points, n in Counter(points for _, points in found).items()})
    rows(connection, counts.CHANGED)
    return len(found)


def _standing(connection: apsw.Connection, board: str, user_id: str) -> Standing | None:
    found = rows(
        connection,
        f"SELECT {_STANDING} FROM standings WHERE board = ? AND user_id = ? AND shown = 1",
        (board, user_id),
    )
    return Standing(*found[0]) if found else None
