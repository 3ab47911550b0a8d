"""A learning event as a caller hands it in, and the rules that its fields keep.

Every surface (HTTP, import, library) passes through `check_event`, so none can let in what another refuses.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from datetime import datetime
from math import isfinite
from typing import Annotated, Any, cast

import msgspec
from msgspec import Meta, Struct

from laurels.domain.periods import to_ms
from laurels.errors import InvalidEvent, InvalidInput

MAX_ID_LENGTH = 100
MAX_METADATA_BYTES = 16 * 1024
MAX_METADATA_DEPTH = 16
MAX_LANGUAGE_LENGTH = 50
MAX_MEASURE = 1_000_000_000
FUTURE_TOLERANCE_MS = 5 * 60 * 1000

Id = Annotated[str, Meta(min_length=1, max_length=MAX_ID_LENGTH)]

_encode = msgspec.json.Encoder().encode
_encode_canonical = msgspec.json.Encoder(order="deterministic").encode


class LearningEvent(Struct, frozen=True, kw_only=True, rename="camel"):
    """What a learner did.

    `timestamp` is when it happened (aware; None means now, cut to milliseconds). `event_id` is the caller's
    idempotency key, unique per user (None means: make one). In `metadata`, `language`, `codeLength`
    (characters, >= 0) and `sessionDuration` (seconds, >= 0) are typed; the rest is kept as it is. `once_key` names
    the thing that is done (a task, say): of all events of a user with one key, whatever their types, one is paid.
    """

    user_id: Id
    event_type: str
    metadata: dict[str, Any] = {}
    event_id: Id | None = None
    timestamp: Annotated[datetime, Meta(tz=True)] | None = None
    once_key: Id | None = None


def check_id(value: object, field: str, error: type[InvalidInput] = InvalidEvent) -> str:
    """`value` if it can be an id: 1 to 100 printable characters. Raises `error` naming `field`."""
    if not isinstance(value, str):
        raise error(field, "Must be a string.")
    if not 1 <= len(value) <= MAX_ID_LENGTH:
        raise error(field, f"Must have 1 to {MAX_ID_LENGTH} characters.")
    if not value.isprintable():
        # NUL, line breaks, lone surrogates, invisible and direction-changing characters: two ids that look
        # the same to a person must not be two users.
        raise error(field, "Must not contain control, invisible or unassigned characters.")
    return value


def check_event(event: LearningEvent, event_types: Container[str], *, now: int, earliest: int) -> int:
    """The instant at which the event happened, once every field is found to be in order.

    `now` and `earliest` are in milliseconds. Raises InvalidEvent naming the first wrong field.
    """
    check_id(event.user_id, "userId")
    if event.event_id is not None:
        check_id(event.event_id, "eventId")
    if event.once_key is not None:
        check_id(event.once_key, "onceKey")
    if event.event_type not in event_types:
        raise InvalidEvent("eventType", "Is not an event type that the rulebook declares.")
    if event.metadata:
        _check_metadata(event.metadata)
    if event.timestamp is None:
        return now
    if event.timestamp.tzinfo is None:
        raise InvalidEvent("timestamp", "Must carry an offset, such as Z or +02:00.")
    at = to_ms(event.timestamp)
    if at > now + FUTURE_TOLERANCE_MS:
        raise InvalidEvent("timestamp", "Lies more than 5 minutes in the future.")
    if at < earliest:
        raise InvalidEvent("timestamp", "Lies further back than this service accepts.")
    return at


def _check_metadata(metadata: dict[str, Any]) -> None:
    language = metadata.get("language")
    if language is not None and not (
        isinstance(language, str) and 1 <= len(language) <= MAX_LANGUAGE_LENGTH and language.isprintable()
    ):
        raise InvalidEvent("metadata.language", f"Must be a string of 1 to {MAX_LANGUAGE_LENGTH} printable characters.")
    code_length = metadata.get("codeLength")
    if code_length is not None and (type(code_length) is not int or not 0 <= code_length <= MAX_MEASURE):
        raise InvalidEvent("metadata.codeLength", f"Must be a whole number from 0 to {MAX_MEASURE}.")
    duration = metadata.get("sessionDuration")
    if duration is not None and (type(duration) not in (int, float) or not 0 <= duration <= MAX_MEASURE):
        raise InvalidEvent("metadata.sessionDuration", f"Must be a number of seconds from 0 to {MAX_MEASURE}.")
    check_json(metadata, "metadata", InvalidEvent)


def check_json(value: dict[str, Any], field: str, error: type[InvalidInput]) -> None:
    """Raise `error` unless `value` is a JSON object of at most 16 KiB, no deeper than 16 levels."""
    for key, item in value.items():
        _check_key(key, field, error)
        if not isinstance(item, str | int):
            _check_value(item, f"{field}.{key}", 1, error)
    try:
        size = len(_encode(value))
    except (UnicodeEncodeError, ValueError, TypeError, OverflowError) as cause:
        raise error(field, "Must be a JSON object of valid Unicode text and finite numbers.") from cause
    if size > MAX_METADATA_BYTES:
        raise error(field, f"Must not exceed {MAX_METADATA_BYTES} bytes of JSON.")


def _check_key(key: object, field: str, error: type[InvalidInput]) -> None:
    if not isinstance(key, str):
        raise error(field, "Must have strings as keys.")
    if "\0" in key:
        raise error(field, "Must not have a NUL character in a key.")


def _check_value(value: object, field: str, depth: int, error: type[InvalidInput]) -> None:
    if value is None or isinstance(value, str | bool | int):
        return
    if isinstance(value, float):
        if not isfinite(value):
            raise error(field, "Must be a finite number.")
        return
    if not isinstance(value, dict | list):
        raise error(field, "Must be JSON: string, number, boolean, null, array or object.")
    if depth >= MAX_METADATA_DEPTH:
        raise error(field, f"Must not be nested deeper than {MAX_METADATA_DEPTH} levels.")
    if isinstance(value, dict):
        members = cast("dict[object, object]", value)
        for key in members:
            _check_key(key, field, error)
        items: Iterable[object] = members.values()
    else:
        items = cast("list[object]", value)
    for item in items:
        _check_value(item, field, depth + 1, error)


def is_same_content(
    event: LearningEvent, *, event_type: str, metadata: Mapping[str, Any], at: int, once_key: str | None
) -> bool:
    """Whether `event` repeats what was recorded. A repetition may leave out the timestamp, never change it."""
    return (
        event.event_type == event_type
        and event.once_key == once_key
        and (event.timestamp is None or to_ms(event.timestamp) == at)
        # Through JSON, since to Python 1, 1.0 and True are equal and to a caller they are not.
        and _encode_canonical(event.metadata) == _encode_canonical(metadata)
    )
