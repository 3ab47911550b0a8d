"""The boards in SQL: standings in their order, ranks, and the cards beside them."""

from __future__ import annotations

from collections.abc import Collection

import apsw
import msgspec

from laurels.application.ports.boards import Card, Holder, Holders
from laurels.domain.boards.ranking import Ranking, SortKey, Standing
from laurels.domain.rules.board_retention import RetentionCutoff
from laurels.storage.sqlite.connection import rows, transaction
from laurels.storage.sqlite.database import Concern, projecting, reading
from laurels.storage.sqlite.names import OF_NAME, number_of
from laurels.storage.sqlite.packed_cards import unpack_card
from laurels.storage.sqlite.projections import counts, holders, lines

_encode = msgspec.json.Encoder().encode

# Every visible line is counted. One lookup in the counts for each board, whatever its size.
_BOARDS = """
    WITH RECURSIVE boards (board) AS (
        SELECT min(board) FROM counts
        UNION ALL SELECT (SELECT min(c.board) FROM counts AS c WHERE c.board > boards.board) FROM boards
        WHERE board IS NOT NULL)
    SELECT board FROM boards WHERE board IS NOT NULL"""
_PAGE = f"SELECT user_id, points, events, reached_at FROM standings WHERE board = {OF_NAME}"
_FIRST = f"{_PAGE} ORDER BY points DESC, reached_at, user_id LIMIT ?5"
_AFTER = f"""
    {_PAGE} AND (points < ?2 OR (points = ?2 AND (reached_at, user_id) > (?3, ?4))) AND points <= ?2
    ORDER BY points DESC, reached_at, user_id LIMIT ?5"""
_BEFORE = f"""
    {_PAGE} AND (points > ?2 OR (points = ?2 AND (reached_at, user_id) < (?3, ?4))) AND points >= ?2
    ORDER BY points, reached_at DESC, user_id DESC LIMIT ?5"""
PAGES = (_FIRST, _AFTER, _BEFORE)


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
        return {user_id: unpack_card(card, user_id) for user_id, card in found}

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
        """Each branch is one walk along the primary key."""
        if after is not None:
            statement, place = _AFTER, after
        elif before is not None:
            statement, place = _BEFORE, before
        else:
            statement, place = _FIRST, SortKey(0, 0, "")
        found = rows(connection, statement, (board, place.points, place.reached_at, place.user_id, limit))
        page = [Standing(*row) for row in found]
        return page[::-1] if before is not None else page

    @reading
    def standings_of(self, connection: apsw.Connection, board: str, user_ids: Collection[str]) -> list[Standing]:
        """One lookup in the primary key for each user, whatever the size of the board."""
        with transaction(connection, "DEFERRED"):
            found = _standings(connection, board, list(dict.fromkeys(user_ids)))
        return sorted(found, key=lambda standing: standing.place.sort_key)

    @reading
    def standing(self, connection: apsw.Connection, board: str, user_id: str) -> Standing | None:
        with transaction(connection, "DEFERRED"):
            return _standing(connection, board, user_id)

    @reading
    def ranking(self, connection: apsw.Connection, board: str, user_id: str) -> Ranking | None:
        """Computed from one view: a rank never exceeds the number of users."""
        with transaction(connection, "DEFERRED"):
            own = _standing(connection, board, user_id)
            if own is None:
                return None
            asked = f"SELECT min(points) FROM standings WHERE board = {OF_NAME} AND points > ?2"
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
        """Drops board by board. Lines of users who have left the boards are in no order of a board; they stay,
        invisible."""
        dropped = 0
        for (board,) in rows(connection, _BOARDS):
            if not horizon.keeps_board(board):
                with transaction(connection, "IMMEDIATE"):
                    number = number_of(connection, board)
                    dropped += 0 if number is None else lines.drop(connection, board, number, limit - dropped)
                    rows(connection, counts.CHANGED)
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
        with transaction(connection, "DEFERRED"):
            return sorted({*counts.miscounted(connection), *lines.inconsistent(connection)})

    @reading
    def miscounted_badges(self, connection: apsw.Connection) -> list[str]:
        with transaction(connection, "DEFERRED"):
            return holders.miscounted(connection)


def _standings(connection: apsw.Connection, board: str, user_ids: Collection[str]) -> list[Standing]:
    number = number_of(connection, board)
    if number is None:
        return []
    return [
        standing
        for user_id, own in lines.of(connection, user_ids).items()
        if number in own and (standing := lines.standing(user_id, own[number])).is_shown
    ]


def _standing(connection: apsw.Connection, board: str, user_id: str) -> Standing | None:
    found = _standings(connection, board, (user_id,))
    return found[0] if found else None
