"""Converts between the domain's values and the documents of the database.

A document has two kinds of readers. People get fields with plain values and dates. Laurels gets the exact body as one
JSON text, or the exact state as bytes. Metadata may hold keys with dots and dollars and integers beyond 64 bits, which
BSON supports badly or not at all. Laurels reads only those plain fields that are exact values themselves.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from bson import Timestamp
from bson.datetime_ms import DatetimeMS

from laurels.application.ports.boards import ELIGIBLE, Card, badge_counted, counted_under
from laurels.domain.boards.ranking import Standing
from laurels.domain.ledger.entries import Entry, EntryBody, EventRecorded
from laurels.domain.progress import Progress
from laurels.storage.mongodb.connection import Document
from laurels.storage.packing import pack, unpack

_encode = msgspec.json.Encoder().encode
_decode_body = msgspec.json.Decoder(EntryBody).decode

# When a zero timestamp is inserted, the server replaces it by its own time and a counter.
_SERVER_FILLS_THIS = Timestamp(0, 0)
LARGEST_INTEGER = 2**63 - 1
# A document holds 16 MiB; a user's state may take this much of it. A larger state is not stored: the server would
# refuse it, and that would block the projections of all users.
STATE_BYTES = 15 * 1024 * 1024


def bundle_of(entries: Sequence[Entry]) -> Document:
    """The document of consecutive entries of one user, written in one batch."""
    first = entries[0]
    bundle: Document = {
        "userId": first.user_id,
        "firstSeq": first.seq,
        "lastSeq": entries[-1].seq,
        "recordedAt": DatetimeMS(first.recorded_at),
        "writtenAt": _SERVER_FILLS_THIS,
        "entries": [_line_of(entry) for entry in entries],
    }
    event_ids = [entry.event_id for entry in entries if entry.event_id is not None]
    if event_ids:
        # Left out if there are none: the index on them skips such documents.
        bundle["eventIds"] = event_ids
    return bundle


def _line_of(entry: Entry) -> Document:
    body = entry.body
    line: Document = {"seq": entry.seq, "eventId": entry.event_id, "recordedAt": DatetimeMS(entry.recorded_at)}
    if isinstance(body, EventRecorded):
        line["eventType"] = body.event_type
        line["language"] = body.metadata.get("language")
        line["points"] = body.outcome.points
        line["badges"] = [award.badge_id for award in body.outcome.awards]
        line["totalPoints"] = body.outcome.total_points
        line["level"] = body.outcome.level
        line["timestamp"] = DatetimeMS(body.at)
    line["body"] = _encode(body).decode()
    return line


def entry_of(bundle: Document, line: Document) -> Entry:
    """One entry of a bundle."""
    body = _decode_body(line["body"])
    return Entry(bundle["userId"], line["seq"], line["eventId"], int(line["recordedAt"]), body)


def user_of(progress: Progress, card: Card) -> Document:
    """The fields of a user's document that a projection sets: the readable card, and the state (empty if it is too
    large: readers then fold the whole ledger)."""
    state = pack(progress)
    return {
        "totalPoints": card.total_points,
        "level": card.level,
        "badges": list(card.badges),
        "lastActiveAt": None if card.last_active_at is None else DatetimeMS(card.last_active_at),
        "displayName": card.display_name,
        "photoURL": card.photo_url,
        "alias": card.alias,
        "pseudonym": card.pseudonym,
        "held": counted_under(card.badges, card.eligible) if card.is_counted else [],
        "earnedAt": earned_fields(card.badges, card.earned_at),
        "seq": progress.seq,
        "version": progress.version,
        "state": state if len(state) <= STATE_BYTES else b"",
    }


def progress_of(user: Document) -> Progress:
    """The progress in a user's document. Raises MsgspecError if it cannot be read."""
    state = user["state"]
    # Older versions wrote text.
    progress = unpack(state if isinstance(state, bytes) else state.encode(), user["userId"], user["version"])
    # Readers continue from the document's own field.
    progress.seq = user["seq"]
    return progress


def card_of(user: Document) -> Card:
    """The user as boards show them."""
    at, earned = user["lastActiveAt"], user.get("earnedAt", {})
    return Card(
        user_id=user["userId"],
        total_points=user["totalPoints"],
        level=user["level"],
        badges=user["badges"],
        last_active_at=None if at is None else int(at),
        display_name=user["displayName"],
        photo_url=user["photoURL"],
        alias=user.get("alias"),
        pseudonym=user.get("pseudonym"),
        # A card written by an older version is not counted yet.
        is_counted=bool(user.get("held")),
        eligible=[badge_counted(name) for name in user.get("held", ()) if name.startswith(ELIGIBLE)],
        # In the order of the badges, which is not always that of the fields.
        earned_at=[int(earned[name]) for name in map(field_name, user["badges"]) if name in earned],
    )


def earned_fields(badges: Sequence[str], earned_at: Sequence[int]) -> Document:
    """When badges were earned, each in a field of its own: so one index has them all in their order."""
    # Without instants there are no fields.
    return {field_name(badge): DatetimeMS(at) for badge, at in zip(badges, earned_at, strict=False)}


def line_of(standing: Standing, seq: int) -> Document:
    """The fields of a line on a board, as of entry `seq`."""
    return {
        "points": standing.points,
        "events": standing.events,
        "reachedAt": DatetimeMS(standing.reached_at),
        "shown": standing.is_shown,
        "seq": seq,
    }


def standing_of(user_id: str, line: Document) -> Standing:
    """The standing that a line holds."""
    return Standing(user_id, line["points"], line["events"], int(line["reachedAt"]), line.get("shown", True))


def bounded(number: int) -> int:
    """`number`, or the nearest that BSON can hold: no line of a board is beyond it."""
    return max(-LARGEST_INTEGER, min(number, LARGEST_INTEGER))


def field_name(board: str) -> str:
    """A board's name in the form of a field name, which cannot hold dots and dollars."""
    return board.translate(_FIELD_NAMES) or "%"


def board_name(field: str) -> str:
    """The board behind a field's name."""
    if field == "%":
        return ""
    for character, escaped in _ESCAPES:
        field = field.replace(escaped, character)
    return field


# The escape character itself comes last when reading back, so that nothing is unescaped twice.
_ESCAPES: tuple[tuple[str, str], ...] = ((".", "%2E"), ("$", "%24"), ("\0", "%00"), ("%", "%25"))
_FIELD_NAMES: Any = str.maketrans(dict(_ESCAPES))
