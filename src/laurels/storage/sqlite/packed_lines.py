"""The lines of one learner on all boards as few bytes: one row, where a row for each would be several times as long.

A list of whole numbers as msgpack, five for each line: twice the number of the board, plus one if the line is hidden;
points; events; the instant, as the difference from the line before; and the entry. Lines are in the order of their
instants: days, weeks and months share these, and beside each other they take no room.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

Line = tuple[int, int, int, int, int]
"""The instant, twice the number of the board plus one if it is hidden, the points, the events, and the entry."""

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(list[int]).decode
_decode_json = msgspec.json.Decoder(list[tuple[int, int, int, int, int, int]]).decode


def pack_lines(lines: Iterable[Line]) -> bytes:
    """What `unpack_lines` makes the same lines of."""
    values: list[int] = []
    before = 0
    for reached_at, board, points, events, seq in sorted(lines):
        values += (board, points, events, reached_at - before, seq)
        before = reached_at
    return _encode(values)


def unpack_lines(packed: bytes) -> dict[int, Line]:
    """The lines that were packed, by the number of their boards. Raises MsgspecError."""
    lines: dict[int, Line] = {}
    reached_at = 0
    values = _decode(packed)
    if len(values) % 5:
        raise msgspec.ValidationError("Some line has no end.")
    each = iter(values)
    for board, points, events, later, seq in zip(each, each, each, each, each, strict=True):
        reached_at += later
        lines[board >> 1] = (reached_at, board, points, events, seq)
    return lines


def packed_from_json(text: str) -> bytes:
    """The packed form of lines that are a JSON array each: the number of the board, points, events, instant, entry, and
    1 if it is shown, else 0."""
    return pack_lines(
        (reached_at, 2 * number + 1 - is_shown, points, events, seq)
        for number, points, events, reached_at, seq, is_shown in _decode_json(text)
    )
