"""JSON that is kept as it comes: what it may hold, and how much of it."""

from __future__ import annotations

from collections.abc import Iterable
from math import isfinite
from typing import Any, cast

import msgspec

from laurels.errors import InvalidInput
from laurels.shapes import kind_of

MAX_BYTES = 16 * 1024
MAX_DEPTH = 16

_encode = msgspec.json.Encoder().encode


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
    if size > MAX_BYTES:
        raise error(field, f"Must not exceed {MAX_BYTES} bytes of JSON.")


def _check_key(key: object, field: str, error: type[InvalidInput]) -> None:
    if not isinstance(key, str):
        raise error(field, f"Must have text as keys, not {kind_of(key)}.")
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
        raise error(
            field,
            "Must be what JSON has: text, a number, true, false, null, a list or an object. Write others as text.",
        )
    if depth >= MAX_DEPTH:
        raise error(field, f"Must not be nested deeper than {MAX_DEPTH} levels.")
    if isinstance(value, dict):
        members = cast("dict[object, object]", value)
        for key in members:
            _check_key(key, field, error)
        items: Iterable[object] = members.values()
    else:
        items = cast("list[object]", value)
    for item in items:
        _check_value(item, field, depth + 1, error)
