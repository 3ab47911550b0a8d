"""A learning event as a caller submits it, and the rules for its fields.

Every surface (HTTP, import, library) uses `check_event`, so all accept and refuse the same events.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from datetime import datetime
from math import isfinite
from typing import Annotated, Any, Protocol, cast
from unicodedata import is_normalized

import msgspec
from msgspec import Meta, Struct

from laurels.domain.periods import iso, to_ms
from laurels.errors import InvalidEvent, InvalidInput
from laurels.json_values import check_json
from laurels.validation import FieldFault, decode_loosely, kind_of, nearest, plain, shape_faults, unknown_fields

MAX_ID_LENGTH = 100
MAX_LANGUAGE_LENGTH = 50
MAX_MEASURE = 1_000_000_000
FUTURE_TOLERANCE_MS = 5 * 60 * 1000

Id = Annotated[str, Meta(min_length=1, max_length=MAX_ID_LENGTH)]

_MEASURES = ("codeLength", "sessionDuration")
_MOST_NAMED = 30
_NUMERAL = re.compile(r"[0-9]{1,12}(?:\.[0-9]{1,3})?")
# Printable to Unicode, but invisible: fillers of Hangul and Khmer, the joiner of graphemes, blank Braille, variation
# selectors.
_UNSEEN = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)
_AN_INSTANT = "a date with time and offset, such as 2026-01-15T09:30:00Z or 2026-01-15T10:30:00+01:00"
_encode_canonical = msgspec.json.Encoder(order="deterministic").encode


class LearningEvent(Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """An activity of a learner.

    `timestamp` is when it happened (aware; None means now, cut to milliseconds). `event_id` is the caller's idempotency
    key, unique per user (None: one is made). In `metadata`, `language`, `codeLength` (characters, >= 0) and
    `sessionDuration` (seconds, >= 0) are typed; other fields are kept unchanged. `once_key` names the thing that was
    done (for example a task): of all events of a user with the same key, whatever their types, only one is paid.
    """

    user_id: Id
    event_type: str
    metadata: dict[str, Any] = {}
    event_id: Id | None = None
    timestamp: Annotated[datetime, Meta(tz=True)] | None = None
    once_key: Id | None = None


FIELDS = tuple(each.encode_name for each in msgspec.structs.fields(LearningEvent))
_decode = msgspec.json.Decoder(LearningEvent).decode


def check_id(value: object, field: str, error: type[InvalidInput] = InvalidEvent) -> str:
    """`value` if it can be an id: 1 to 100 visible characters. Raises `error` naming `field`.

    Two ids that look the same to a person must not be two users.
    """
    if not isinstance(value, str):
        raise error(field, f"Must be text of 1 to {MAX_ID_LENGTH} characters, not {kind_of(value)}.")
    if not 1 <= len(value) <= MAX_ID_LENGTH:
        raise error(field, f"Must have 1 to {MAX_ID_LENGTH} characters.")
    if not value.isprintable() or _UNSEEN.search(value):
        # NUL, line breaks, lone surrogates, blank and direction-changing characters.
        raise error(field, "Must not contain control, invisible or unassigned characters.")
    if value.strip() != value:
        raise error(field, "Must not begin or end with a space.")
    if not is_normalized("NFC", value):
        raise error(field, "Must be in the normal form NFC of Unicode: a letter with its accent is one character.")
    return value


def is_blank(text: str) -> bool:
    """Whether a text has no visible character."""
    return not _UNSEEN.sub("", text).strip()


def check_event(event: LearningEvent, event_types: Collection[str], *, now: int, earliest: int) -> int:
    """Check every field of the event, and return the instant at which it happened.

    `now` and `earliest` are in milliseconds. Raises InvalidEvent naming every wrong field.
    """
    if (
        event.event_type in event_types
        and _is_id(event.user_id)
        and (event.event_id is None or _is_id(event.event_id))
        and (event.once_key is None or _is_id(event.once_key))
    ):
        try:
            if event.metadata:
                _check_metadata(event.metadata)
            return _check_instant(event.timestamp, now, earliest)
        except InvalidEvent:
            # Other faults are named, too.
            pass
    document = {each.encode_name: getattr(event, each.name) for each in msgspec.structs.fields(LearningEvent)}
    first, *others = event_faults(document, event_types, now=now, earliest=earliest)
    raise InvalidEvent(*first, *others)


def event_faults(document: object, event_types: Collection[str], *, now: int, earliest: int) -> list[FieldFault]:
    """Every wrong field of an event in its wire form; empty if there is none. See `check_event`."""
    if not isinstance(document, dict):
        return [("body", f"Must be an object with userId and eventType, not {kind_of(document)}.")]
    members = cast("dict[str, Any]", document)
    faults = unknown_fields(members, FIELDS, of="Is not a field of an event")
    for name in FIELDS:
        value = members.get(name)
        try:
            match name:
                case "userId":
                    if name not in members:
                        raise InvalidEvent(name, "Is required: the id that your platform has for the learner.")
                    check_id(value, name)
                case "eventId" | "onceKey":
                    if value is not None:
                        check_id(value, name)
                case "eventType":
                    _check_type(value, event_types, is_given=name in members)
                case "metadata":
                    if value is not None and not isinstance(value, dict):
                        raise InvalidEvent(name, f"Must be an object, not {kind_of(value)}.")
                    _check_metadata(normal_metadata(cast("dict[str, Any]", value or {})))
                case _:
                    _check_instant(_as_instant(value), now, earliest)
        except InvalidEvent as error:
            faults += error.faults
    return faults


def decode_event(data: bytes | msgspec.Raw, event_types: Collection[str], *, now: int, earliest: int) -> LearningEvent:
    """An event from its JSON, without the checks of `check_event`.

    Raises InvalidEvent naming every wrong field, including those that `check_event` would find; msgspec.DecodeError,
    UnicodeDecodeError or RecursionError if it is not JSON.
    """
    try:
        return _decode(data)
    except msgspec.ValidationError as error:
        document = _without_null(decode_loosely(data, error, InvalidEvent))
    try:
        return msgspec.convert(document, LearningEvent)
    except msgspec.ValidationError as error:
        faults = event_faults(document, event_types, now=now, earliest=earliest)
        first, *others = faults or shape_faults(document, LearningEvent) or [("body", plain(str(error)))]
        raise InvalidEvent(*first, *others) from None


def _without_null(document: Any) -> object:
    """The document of an event without a null `metadata`: for the event's type null would be one more case."""
    if not isinstance(document, dict):
        return document
    members = cast("dict[str, Any]", document)
    return {name: value for name, value in members.items() if name != "metadata" or value is not None}


def normal_event(event: LearningEvent) -> LearningEvent:
    """The event with the typed fields of its metadata normalised; see `normal_metadata`."""
    metadata = event.metadata
    if not metadata or not isinstance(metadata, dict):  # pyright: ignore[reportUnnecessaryIsInstance]  callers of the library
        return event
    normal = normal_metadata(metadata)
    return event if normal is metadata else msgspec.structs.replace(event, metadata=normal)


def normal_metadata(metadata: dict[str, Any]) -> dict[str, Any]:
    """Normalised metadata: without an empty `language`, and with whole numbers in `codeLength` and `sessionDuration` as
    integers, even if they were sent as `5.0` or as text. Returns the same object if nothing changes."""
    changes: dict[str, int | float] = {}
    for name in _MEASURES:
        value = metadata.get(name)
        if value is not None and type(value) is not int and (number := _number(value)) is not None:
            changes[name] = number
    language = metadata.get("language")
    if isinstance(language, str) and not language.strip():
        metadata = {name: value for name, value in metadata.items() if name != "language"}
    return metadata | changes if changes else metadata


def _number(value: object) -> int | float | None:
    """The number that `value` is, or that its decimal digits represent; None if that is not exact."""
    if isinstance(value, str) and _NUMERAL.fullmatch(value):
        value = float(value) if "." in value else int(value)
    if type(value) is int:
        return value
    if type(value) is not float or not isfinite(value):
        return None
    return int(value) if value.is_integer() else value


def _is_id(value: object) -> bool:
    if not isinstance(value, str) or not 1 <= len(value) <= MAX_ID_LENGTH or not value.isprintable():
        return False
    if value[0] == " " or value[-1] == " ":
        return False
    return value.isascii() or not (_UNSEEN.search(value) or value != value.strip() or not is_normalized("NFC", value))


def _check_type(value: object, event_types: Collection[str], *, is_given: bool = True) -> None:
    if isinstance(value, str) and value in event_types:
        return
    known = sorted(event_types)
    taken = f"Known are {', '.join(known[:_MOST_NAMED])}{', and more' if len(known) > _MOST_NAMED else ''}."
    if not is_given:
        raise InvalidEvent("eventType", f"Is required. {taken}")
    if not isinstance(value, str):
        raise InvalidEvent("eventType", f"Must be text, not {kind_of(value)}. {taken}")
    hint = f' Did you mean "{near}"?' if (near := nearest(value, known)) else ""
    raise InvalidEvent("eventType", f"Is not an event type that the rulebook declares.{hint} {taken}")


def _as_instant(value: object) -> datetime | None:
    if value is None or isinstance(value, datetime):
        return value
    try:
        return msgspec.convert(value, datetime)
    except msgspec.ValidationError:
        raise InvalidEvent("timestamp", f"Must be {_AN_INSTANT}.") from None


def _check_instant(timestamp: datetime | None, now: int, earliest: int) -> int:
    if timestamp is None:
        return now
    if timestamp.tzinfo is None:
        raise InvalidEvent("timestamp", f"Must carry an offset, such as Z or +02:00: {_AN_INSTANT}.")
    at = to_ms(timestamp)
    if at > now + FUTURE_TOLERANCE_MS:
        raise InvalidEvent(
            "timestamp",
            f"Lies more than 5 minutes in the future; here it is {iso(now)}. Check the clock and the offset.",
        )
    if at < earliest:
        raise InvalidEvent(
            "timestamp", f"Lies further back than this service accepts; the earliest is {iso(earliest)}."
        )
    return at


def _check_metadata(metadata: dict[str, Any]) -> None:
    """Raise InvalidEvent naming every wrong field of metadata."""
    faults: list[FieldFault] = []
    language = metadata.get("language")
    if language is not None and not (
        isinstance(language, str) and len(language) <= MAX_LANGUAGE_LENGTH and language.isprintable()
    ):
        faults.append(
            (
                "metadata.language",
                f'Must be text of at most {MAX_LANGUAGE_LENGTH} printable characters, such as "python".',
            )
        )
    code_length = metadata.get("codeLength")
    if code_length is not None and (type(code_length) is not int or not 0 <= code_length <= MAX_MEASURE):
        faults.append(("metadata.codeLength", f"Must be a whole number of characters from 0 to {MAX_MEASURE}."))
    duration = metadata.get("sessionDuration")
    if duration is not None and (type(duration) not in (int, float) or not 0 <= duration <= MAX_MEASURE):
        faults.append(("metadata.sessionDuration", f"Must be a number of seconds from 0 to {MAX_MEASURE}."))
    try:
        check_json(metadata, "metadata", InvalidEvent)
    except InvalidEvent as error:
        faults += error.faults
    if faults:
        raise InvalidEvent.of(faults)


class EventContent(Protocol):
    """The content of an event, before and after it is recorded."""

    @property
    def event_type(self) -> str: ...
    @property
    def metadata(self) -> dict[str, Any]: ...
    @property
    def once_key(self) -> str | None: ...


def is_same_content(event: LearningEvent, first: EventContent, *, at: int) -> bool:
    """Whether `event` repeats the `first` one, which happened at the instant `at`. A repetition may leave out the
    timestamp, but never change it."""
    return (
        event.event_type == first.event_type
        and event.once_key == first.once_key
        and (event.timestamp is None or to_ms(event.timestamp) == at)
        # Compared as JSON: in Python 1, 1.0 and True are equal, but to a caller they are not.
        and _encode_canonical(event.metadata) == _encode_canonical(first.metadata)
    )
