"""The lines of the boards: those of a learner together in one row, and those of a board in its order.

Both are written in one transaction. The row of the learner says what an older line that another process writes late
must not replace, and which line of the board a new one replaces; `standings` holds what is shown.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence

import apsw
import msgspec

from laurels.domain.boards.ranking import Standing
from laurels.storage.sqlite.connection import MultiRowStatement, each_row, rows, rows_in_one_step
from laurels.storage.sqlite.names import MAKE as MAKE_NAMES
from laurels.storage.sqlite.names import names_of
from laurels.storage.sqlite.packed_lines import Line, pack_lines, unpack_lines
from laurels.storage.sqlite.projections import counts

MAKE = f"""
    {MAKE_NAMES}
    INSERT INTO names (name) SELECT board FROM standings UNION SELECT badge FROM earned;
    -- The lines of a user on all boards, packed.
    CREATE TABLE lines (
        user_id TEXT PRIMARY KEY,
        lines   BLOB NOT NULL
    ) STRICT, WITHOUT ROWID;
    INSERT INTO lines
    SELECT s.user_id, packed_lines(json_group_array(
        json_array(n.number, s.points, s.events, s.reached_at, s.seq, s.shown)))
    FROM standings AS s CROSS JOIN names AS n ON n.name = s.board GROUP BY s.user_id;
    -- The order of each board, with all that a page shows of a line. Hidden lines are not in it.
    CREATE TABLE ordered (
        board      INTEGER NOT NULL,
        points     INTEGER NOT NULL,
        reached_at INTEGER NOT NULL,
        user_id    TEXT    NOT NULL,
        events     INTEGER NOT NULL,
        PRIMARY KEY (board, points DESC, reached_at, user_id)
    ) STRICT, WITHOUT ROWID;
    INSERT INTO ordered SELECT n.number, s.points, s.reached_at, s.user_id, s.events
    FROM standings AS s CROSS JOIN names AS n ON n.name = s.board WHERE s.shown = 1 ORDER BY 1, 2 DESC, 3, 4;
    DROP TABLE standings;
    ALTER TABLE ordered RENAME TO standings;
    """

_OF_USERS = """
    SELECT json_group_array(json_array(asked.value, hex(l.lines)))
    FROM json_each(?) AS asked CROSS JOIN lines AS l ON l.user_id = asked.value"""
_KEEP = MultiRowStatement("INSERT OR REPLACE INTO lines (user_id, lines)", 2)
_SHOW = MultiRowStatement("INSERT OR REPLACE INTO standings (board, points, reached_at, user_id, events)", 5)
_HIDE = MultiRowStatement("DELETE FROM standings WHERE (board, points, reached_at, user_id) IN (", 4, ")")

Written = tuple[str, int, Mapping[str, Standing]]
"""A user, the entry, and the lines by the board's name."""

Shown = tuple[int, int, int, str, int]
"""A row of `standings`: the board, points, instant, user and events."""

_encode = msgspec.json.Encoder().encode


def write(connection: apsw.Connection, written: Collection[Written], numbers: Mapping[str, int]) -> None:
    """Write the lines of different users, each only if it is of a later entry than the stored one, and count them.
    `numbers`: of all their boards, by name."""
    kept = of(connection, [user_id for user_id, _, _ in written])
    packed: list[tuple[str, bytes]] = []
    # The rows of `standings`, and what is counted.
    gone: list[tuple[int, int, int, str]] = []
    come: list[Shown] = []
    less: list[tuple[str, int]] = []
    more: list[tuple[str, int]] = []
    for user_id, seq, own in written:
        lines = kept.get(user_id, {})
        is_changed = False
        for board, line in own.items():
            number, points, reached_at = numbers[board], line.points, line.reached_at
            old = lines.get(number)
            if old is not None:
                if seq <= old[4]:
                    continue
                if _is_shown(old):
                    less.append((board, old[2]))
                    # Else it is overwritten.
                    if not line.is_shown or points != old[2] or reached_at != old[0]:
                        gone.append((number, old[2], old[0], user_id))
            is_changed = True
            if line.is_shown:
                more.append((board, points))
                come.append((number, points, reached_at, user_id, line.events))
                lines[number] = reached_at, 2 * number, points, line.events, seq
            else:
                lines[number] = reached_at, 2 * number + 1, points, line.events, seq
        if is_changed:
            packed.append((user_id, pack_lines(lines.values())))
    _KEEP.run(connection, packed)
    _HIDE.run(connection, gone)
    # Sorted nearly like the table: neighbours then visit its pages once.
    come.sort(reverse=True)
    _SHOW.run(connection, come)
    changed = Counter(more)
    changed.subtract(less)
    counts.apply(connection, changed)


def of(connection: apsw.Connection, user_ids: Collection[str]) -> dict[str, dict[int, Line]]:
    """The lines of those users who have any, by the number of their boards."""
    found = rows_in_one_step(connection, _OF_USERS, (_encode(list(user_ids)).decode(),))
    return {user_id: unpack_lines(bytes.fromhex(packed)) for user_id, packed in found}


def standings_of(connection: apsw.Connection, user_ids: Collection[str]) -> dict[str, dict[str, Standing]]:
    """The same as standings by the board's name, hidden ones too."""
    found = of(connection, user_ids)
    names = names_of(connection)
    return {
        user_id: {names[number]: standing(user_id, line) for number, line in lines.items()}
        for user_id, lines in found.items()
    }


def standing(user_id: str, line: Line) -> Standing:
    """A line as a standing."""
    reached_at, _, points, events, _ = line
    return Standing(user_id, points, events, reached_at, _is_shown(line))


def drop(connection: apsw.Connection, board: str, number: int, limit: int) -> int:
    """Drop up to this many shown lines of a board, and subtract them from the counts. Returns the number dropped."""
    asked = "SELECT board, points, reached_at, user_id FROM standings WHERE board = ? LIMIT ?"
    found = rows(connection, asked, (number, limit))
    _HIDE.run(connection, found)
    _take_out(connection, number, [user_id for _, _, _, user_id in found])
    dropped = Counter(points for _, points, _, _ in found)
    counts.apply(connection, {(board, points): -number for points, number in dropped.items()})
    return len(found)


def _take_out(connection: apsw.Connection, number: int, user_ids: Sequence[str]) -> None:
    """Remove a board from the lines of users."""
    left: list[tuple[str, bytes]] = []
    for user_id, lines in of(connection, user_ids).items():
        lines.pop(number, None)
        if lines:
            left.append((user_id, pack_lines(lines.values())))
        else:
            rows(connection, "DELETE FROM lines WHERE user_id = ?", (user_id,))
    _KEEP.run(connection, left)


def purge(connection: apsw.Connection, user_id: str) -> None:
    """Remove a user's lines, and subtract them from the counts."""
    lines = of(connection, (user_id,)).get(user_id, {})
    shown = [(number, line[2], line[0], user_id) for number, line in lines.items() if _is_shown(line)]
    names = names_of(connection)
    _HIDE.run(connection, shown)
    counts.apply(connection, {(names[number], points): -1 for number, points, _, _ in shown})
    rows(connection, "DELETE FROM lines WHERE user_id = ?", (user_id,))


def inconsistent(connection: apsw.Connection) -> set[str]:
    """Boards whose order shows other lines than the rows of the users hold. Reads all of them, in one transaction."""
    # By board: how many there are, and a sum that their sequence does not change.
    held: dict[int, tuple[int, int]] = {}
    for user_id, packed in each_row(connection, "SELECT user_id, lines FROM lines"):
        for number, line in unpack_lines(packed).items():
            if _is_shown(line):
                count, total = held.get(number, (0, 0))
                total += hash((line[2], line[0], user_id, line[3]))
                held[number] = count + 1, total
    for number, points, reached_at, user_id, events in each_row(
        connection, "SELECT board, points, reached_at, user_id, events FROM standings"
    ):
        count, total = held.get(number, (0, 0))
        held[number] = count - 1, total - hash((points, reached_at, user_id, events))
    names = names_of(connection)
    return {names[number] for number, differs in held.items() if differs != (0, 0)}


def _is_shown(line: Line) -> bool:
    return not line[1] & 1
