"""JSON that is kept as received: its allowed contents, and its maximum size.

Metadata and preferences have no schema, so their size and depth are limited here.
"""

from __future__ import annotations

from math import isfinite
from typing import Any, cast

import msgspec

from laurels.errors import InvalidInput
from laurels.validation import kind_of

MAX_BYTES = 16 * 1024
MAX_DEPTH = 16

# Types of values that need no check.
_PLAIN = frozenset({str, int, bool, type(None)})

_encode = msgspec.json.Encoder().encode


def check_json(value: dict[str, Any], field: str, error: type[InvalidInput]) -> None:
    """Raise `error` unless `value` is a JSON object of at most 16 KiB, no deeper than 16 levels."""
    try:
        # Checked before the walk: that takes far longer, and a large value may hold very many others.
        size = len(_encode(value))
    except RecursionError:
        raise _too_deep(field, error) from None
    except (UnicodeEncodeError, ValueError, TypeError, OverflowError) as cause:
        _check_members(value, field, error)
        raise error(field, "Must be a JSON object of valid Unicode text and finite numbers.") from cause
    if size > MAX_BYTES:
        raise _too_large(field, error)
    _check_members(value, field, error)


def _check_members(value: dict[str, Any], field: str, error: type[InvalidInput]) -> None:
    for key, item in value.items():
        if type(key) is not str or "\0" in key:
            _check_key(key, field, error)
        if type(item) not in _PLAIN:
            _check_value(item, f"{field}.{key}", error)


def _check_key(key: object, field: str, error: type[InvalidInput]) -> None:
    if not isinstance(key, str):
        raise error(field, f"Must have text as keys, not {kind_of(key)}.")
    if "\0" in key:
        raise error(field, "Must not have a NUL character in a key.")


def _check_value(value: object, field: str, error: type[InvalidInput]) -> None:
    """Check a value level by level: a call for each would take most of the time of an event that holds thousands."""
    depth, level = 1, [value]
    while level:
        within: list[object] = []
        for item in level:
            kind = type(item)
            if kind in _PLAIN:
                continue
            if isinstance(item, list | dict) and depth >= MAX_DEPTH:
                raise _too_deep(field, error)
            if isinstance(item, list):
                within += cast("list[object]", item)
            elif isinstance(item, dict):
                members = cast("dict[object, object]", item)
                for key in members:
                    _check_key(key, field, error)
                within += members.values()
            else:
                _check_scalar(item, field, error)
        if len(within) > MAX_BYTES:
            # One list may be contained in itself many times.
            raise _too_large(field, error)
        level = within
        depth += 1


def _check_scalar(value: object, field: str, error: type[InvalidInput]) -> None:
    if isinstance(value, float):
        if not isfinite(value):
            raise error(field, "Must be a finite number.")
    elif not isinstance(value, str | int):
        raise error(
            field,
            "Must be what JSON has: text, a number, true, false, null, a list or an object. Write others as text.",
        )


def _too_large(field: str, error: type[InvalidInput]) -> InvalidInput:
    return error(field, f"Must not exceed {MAX_BYTES} bytes of JSON.")


def _too_deep(field: str, error: type[InvalidInput]) -> InvalidInput:
    return error(field, f"Must not be nested deeper than {MAX_DEPTH} levels.")
