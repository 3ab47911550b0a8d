"""A card as few bytes: its fields in an order of their own as msgpack, without the user, whom the row names, and
without those at the end that are empty. A third as long as JSON."""

from __future__ import annotations

import msgspec
from msgspec import Struct

from laurels.application.ports.boards import Card


class _Card(Struct, array_like=True, frozen=True, gc=False):
    """The layout. Each of `earned_at` is the difference from the one before."""

    total_points: int
    level: int
    badges: list[str]
    last_active_at: int | None = None
    earned_at: list[int] = []
    is_uncounted: bool = False
    display_name: str | None = None
    photo_url: str | None = None
    alias: str | None = None
    pseudonym: str | None = None
    eligible: list[str] = []


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(_Card).decode
_encode_json = msgspec.json.Encoder().encode
_decode_json = msgspec.json.Decoder(Card).decode


def pack_card(card: Card) -> bytes:
    """What `unpack_card` makes the same card of."""
    earned_at: list[int] = []
    before = 0
    for at in card.earned_at:
        earned_at.append(at - before)
        before = at
    values: list[object] = [card.total_points, card.level, card.badges, card.last_active_at, earned_at]
    rare = (not card.is_counted, card.display_name, card.photo_url, card.alias, card.pseudonym, card.eligible)
    if any(each or each == "" for each in rare):
        values += rare
    try:
        return _encode(values)
    except OverflowError:
        # Only JSON can hold points beyond 64 bits.
        return _encode_json(card)


def unpack_card(packed: bytes, user_id: str) -> Card:
    """The card of a user that was packed. Raises MsgspecError."""
    if packed[:1] == b"{":
        return _decode_json(packed)
    read = _decode(packed)
    earned_at: list[int] = []
    at = 0
    for later in read.earned_at:
        at += later
        earned_at.append(at)
    return Card(
        user_id,
        read.total_points,
        read.level,
        read.badges,
        read.last_active_at,
        read.display_name,
        read.photo_url,
        read.alias,
        read.pseudonym,
        not read.is_uncounted,
        read.eligible,
        earned_at,
    )


def packed_from_json(text: str) -> bytes:
    """The packed form of what older versions kept as JSON. A text that cannot be read stays, for `verify` to find."""
    try:
        return pack_card(_decode_json(text))
    except msgspec.MsgspecError:
        return text.encode()
