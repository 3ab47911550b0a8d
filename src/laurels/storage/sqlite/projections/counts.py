"""The counts of the boards: kept in the transaction that writes the lines, read for ranks and totals.

See `laurels.domain.boards.point_ranges` for the meaning of a count.
"""

from __future__ import annotations

from collections.abc import Mapping

import apsw
import msgspec

from laurels.domain.boards.point_ranges import LARGEST, LEVELS, TOP, WIDTH, roll_up
from laurels.storage.sqlite.connection import rows

_encode = msgspec.json.Encoder().encode

_APPLY = """
    INSERT INTO counts (board, level, bucket, users)
    SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3 FROM json_each(?) WHERE true
    ON CONFLICT (board, level, bucket) DO UPDATE SET users = users + excluded.users"""
# One range of the primary key on each level. Nothing is outside the topmost level's ranges, so the last has no end.
ABOVE = f"""
    WITH levels (level) AS (VALUES {", ".join(f"({level})" for level in range(LEVELS))})
    SELECT coalesce(sum(users), 0) FROM levels CROSS JOIN counts
    ON board = ?1 AND counts.level = levels.level AND bucket > (?2 >> (levels.level * {WIDTH}))
    AND bucket <= iif(levels.level = {TOP}, {LARGEST}, (?2 >> (levels.level * {WIDTH})) | {2**WIDTH - 1})"""
# Compares level 0 with the lines, and each other level with the one below: so all of them with the lines.
_COUNTED = "SELECT board, level, bucket, users FROM counts"
_EXPECTED = f"""
    SELECT n.name AS board, 0 AS level, s.points AS bucket, count(*) AS users
    FROM standings AS s JOIN names AS n ON n.number = s.board GROUP BY s.board, s.points
    UNION ALL
    SELECT board, level + 1, bucket >> {WIDTH}, sum(users) FROM counts WHERE level < {TOP} GROUP BY 1, 2, 3"""
_MISCOUNTED = f"""
    SELECT board FROM ({_COUNTED} EXCEPT SELECT * FROM ({_EXPECTED}))
    UNION SELECT board FROM (SELECT * FROM ({_EXPECTED}) EXCEPT {_COUNTED})
    ORDER BY board"""


# Executed with every change of the boards' shown data.
CHANGED = "UPDATE board_version SET number = number + 1"


def apply(connection: apsw.Connection, changed: Mapping[tuple[str, int], int]) -> None:
    """Count the changes, in the transaction that makes them."""
    counts = [(*counted, change) for counted, change in roll_up(changed).items()]
    rows(connection, _APPLY, (_encode(counts).decode(),))
    # Zero counts have an index of their own, which is empty except at this moment.
    rows(connection, "DELETE FROM counts WHERE users = 0")


def count(connection: apsw.Connection, board: str, above: int | None) -> int:
    """See `BoardStore.count`."""
    if above is None:
        found = rows(
            connection, "SELECT coalesce(sum(users), 0) FROM counts WHERE board = ? AND level = ?", (board, TOP)
        )
    elif above >= LARGEST:
        return 0
    elif above < -LARGEST - 1:
        return count(connection, board, None)
    else:
        found = rows(connection, ABOVE, (board, above))
    return found[0][0]


def miscounted(connection: apsw.Connection) -> list[str]:
    """See `BoardStore.miscounted`. One statement, so one view of lines and counts."""
    return [board for (board,) in rows(connection, _MISCOUNTED)]
