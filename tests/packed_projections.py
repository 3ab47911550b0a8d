"""SQL functions by which tests read and change the packed cards and lines of a SQLite file: `card_json(card, user_id)`
is the card as JSON, `lines_json(lines)` an array of points, events, instant, entry and whether it is hidden for each
number of a board; `card_packed` and `lines_packed` are the reverse."""

from __future__ import annotations

import apsw
import msgspec

from laurels.application.ports.boards import Card
from laurels.storage.sqlite.packed_cards import pack_card, unpack_card
from laurels.storage.sqlite.packed_lines import pack_lines, unpack_lines

LINES = """
    SELECT n.name, s.user_id, s.points, s.events, s.reached_at
    FROM standings AS s JOIN names AS n ON n.number = s.board ORDER BY 1, 2"""
"""The shown lines, by board and user."""


def teach_projections(connection: apsw.Connection) -> None:
    """Let statements of a connection use these functions."""
    for name, function, count in (
        ("card_json", _card_json, 2),
        ("card_packed", _card_packed, 1),
        ("lines_json", _lines_json, 1),
        ("lines_packed", _lines_packed, 1),
    ):
        connection.create_scalar_function(name, function, count)  # pyright: ignore  the driver's stubs


def number_of(board: str) -> str:
    """The number of a board, as part of a statement."""
    return f"(SELECT number FROM names WHERE name = '{board}')"


def changed_line(user_id: str, board: str, change: str) -> str:
    """A statement that changes a line: `change` is an expression on the user's `lines` as JSON, and on the `path` of
    the board's line in it."""
    return (
        f"UPDATE lines SET lines = (SELECT lines_packed({change}) FROM "
        f"(SELECT lines_json(lines.lines) AS lines, '$.' || {number_of(board)} AS path)) WHERE user_id = '{user_id}'"
    )


def _card_json(*given: bytes | str) -> str:
    card, user_id = given
    return msgspec.json.encode(unpack_card(bytes(card), str(user_id))).decode()  # type: ignore[arg-type]


def _card_packed(*given: str) -> bytes:
    return pack_card(msgspec.json.decode(given[0], type=Card))


def _lines_json(*given: bytes) -> str:
    lines = unpack_lines(given[0])
    return msgspec.json.encode(
        {
            str(number): [points, events, reached_at, seq, board & 1]
            for number, (reached_at, board, points, events, seq) in lines.items()
        }
    ).decode()


def _lines_packed(*given: str) -> bytes:
    lines = msgspec.json.decode(given[0], type=dict[str, tuple[int, int, int, int, int]])
    return pack_lines(
        (reached_at, 2 * int(number) + is_hidden, points, events, seq)
        for number, (points, events, reached_at, seq, is_hidden) in lines.items()
    )
