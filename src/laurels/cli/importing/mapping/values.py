"""Reads one field's value from one row, as the mapping describes it.

Each function here makes a reader from a description, once for an input; the reader is called for each row. It returns
None for an empty value, and raises UnusableCell for an unusable one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from datetime import datetime
from hashlib import blake2b
from math import isfinite
from typing import Any, Protocol

import msgspec

from laurels.cli.importing.mapping.mapping_file import (
    MetadataSource,
    PassOver,
    Source,
    TimeSource,
    TypeSource,
    ValueType,
)
from laurels.cli.importing.mapping.timestamps import UnreadableTime, instant_reader
from laurels.validation import kind_of

# Characters of a cell that a pattern is tried on: for longer text the time may grow much faster than the length.
REACH = 2_000
# Characters of a cell that a message or a count shows.
SHOWN = 60
_WHOLE = re.compile(r"[+-]?[0-9]{1,15}")
_NUMBER = re.compile(r"[+-]?[0-9]{1,15}(?:\.[0-9]{1,15})?(?:[eE][+-]?[0-9]{1,2})?")
_BOOLEANS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}

Reader = Callable[[Any], Any]
"""Reads a value from a row: cells in a list, or an object of JSON."""


class Columns(Protocol):
    """How rows are read."""

    def reader(self, column: str) -> Reader:
        """A function that reads the raw value of a column from a row; None if the row has none."""
        ...


class UnusableCell(Exception):
    """A row's value for a field is unusable: the reason, and the value, for the person who corrects it."""

    def __init__(self, detail: str, raw: object = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.raw = raw


class UnmappedType(Exception):
    """There is no event type for a row's value, which is `shown`."""

    def __init__(self, shown: str) -> None:
        super().__init__(shown)
        self.shown = shown


def text_reader(columns: Columns, column: str, nothing: Collection[str]) -> Callable[[Any], str | None]:
    """A function that reads a column as text without spaces around it; None if it is empty."""
    read = columns.reader(column)

    def text(row: Any) -> str | None:
        value = read(row)
        said = value.strip() if isinstance(value, str) else _spelled(value, column)
        return None if not said or said in nothing else said

    return text


def _spelled(value: object, column: str) -> str:
    """A JSON value other than a string, as text; empty for null."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, int | float):
        return str(value)
    raise UnusableCell(f'Must be text or a number, not {kind_of(value)}, in "{column}".', value)


def source_reader(columns: Columns, source: Source, nothing: Collection[str]) -> Callable[[Any], str | None]:
    """A function that reads the text described by a source."""
    if source.value is not None:
        fixed = source.prefix + source.value
        return lambda row: fixed
    named = [source.column] if source.column is not None else source.columns or source.first_of
    readers = [text_reader(columns, column, nothing) for column in named]
    if len(readers) == 1 and not (source.patterns or source.hashed):
        alone, prefix = readers[0], source.prefix
        return lambda row: None if (text := alone(row)) is None else prefix + text
    take = _taker(source.patterns)

    def read(row: Any) -> str | None:
        if source.first_of:
            text = next((found for reader in readers if (found := reader(row)) is not None), None)
        else:
            texts = [reader(row) for reader in readers]
            text = None if all(each is None for each in texts) else source.join.join(each or "" for each in texts)
        if text is None:
            return None
        text = take(text)
        if source.hashed:
            text = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
        return source.prefix + text

    return read


def _taker(patterns: list[str]) -> Callable[[str], str]:
    """A function that takes the group of the first fitting pattern from a text."""
    if not patterns:
        return lambda text: text
    compiled = [re.compile(pattern) for pattern in patterns]

    def take(text: str) -> str:
        for pattern in compiled:
            found = pattern.search(text, 0, REACH)
            if found is not None and found[1]:
                return found[1]
        raise UnusableCell(f'Is not found by any of the patterns in "{text[:SHOWN]}".', text)

    return take


def instant_of(columns: Columns, time: TimeSource, nothing: Collection[str]) -> Callable[[Any], datetime | str | None]:
    """A function that reads the time of the event."""
    instant = instant_reader(time)
    if time.value is not None:
        fixed = instant(time.value)
        return lambda row: fixed
    read = text_reader(columns, time.column or "", nothing)

    def when(row: Any) -> datetime:
        text = read(row)
        if text is None:
            # Without a time it would get the present one.
            raise UnusableCell(f'Is required: "{time.column}" says nothing.')
        try:
            return instant(text)
        except UnreadableTime as error:
            raise UnusableCell(error.detail, text) from None

    return when


def metadata_reader(columns: Columns, field: MetadataSource, nothing: Collection[str], *, of_text: bool) -> Reader:
    """A function that reads a field of metadata; `of_text`: the rows are cells of text, not JSON."""
    if field.value is not None:
        return lambda row: field.value
    column = field.column or ""
    if field.type is None and not of_text and not field.patterns:
        return columns.reader(column)
    read = text_reader(columns, column, nothing)
    take = _taker(field.patterns)
    convert = _CONVERTERS[field.type or "text"]
    raw = columns.reader(column)

    def value(row: Any) -> object:
        if field.type == "json" and not isinstance(raw(row), str):
            return raw(row)
        text = read(row)
        return None if text is None else convert(take(text))

    return value


def _whole(text: str) -> int:
    if not _WHOLE.fullmatch(text):
        raise UnusableCell(f'Must be a whole number of at most 15 digits, not "{text[:SHOWN]}".', text)
    return int(text)


def _number(text: str) -> int | float:
    if _WHOLE.fullmatch(text):
        return int(text)
    if not _NUMBER.fullmatch(text) or not isfinite(number := float(text)):
        raise UnusableCell(f'Must be a number with a decimal point, not "{text[:SHOWN]}".', text)
    return number


def _boolean(text: str) -> bool:
    if (found := _BOOLEANS.get(text.lower())) is None:
        raise UnusableCell(f'Must be one of {", ".join(_BOOLEANS)}, not "{text[:SHOWN]}".', text)
    return found


def _json(text: str) -> object:
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        raise UnusableCell(f'Must be JSON, not "{text[:SHOWN]}".', text) from None


_CONVERTERS: dict[ValueType, Callable[[str], object]] = {
    "text": lambda text: text,
    "whole": _whole,
    "number": _number,
    "boolean": _boolean,
    "json": _json,
}


def type_reader(columns: Columns, types: TypeSource, nothing: Collection[str]) -> Callable[[Any], str]:
    """A function that reads the event type. It raises UnmappedType if there is none for a row's value."""
    if types.value is not None:
        fixed = types.value
        return lambda row: fixed
    rules = [
        (rule.event, [_condition(columns, rule.when, nothing), _fitting(columns, rule.matches, nothing)])
        for rule in types.rules
    ]
    read = None if types.column is None else text_reader(columns, types.column, nothing)
    named: list[str] = [column for rule in types.rules for column in (*rule.when, *rule.matches)]
    if types.column is not None:
        named.insert(0, types.column)
    shown = [text_reader(columns, column, nothing) for column in dict.fromkeys(named)]
    # Without a table of values a column contains the event types themselves.
    keeps = types.unmapped == "keep" or not (types.values or types.rules)

    def event_type(row: Any) -> str:
        for event, conditions in rules:
            if all(fits(row) for fits in conditions):
                return event
        said = None if read is None else read(row)
        if said is not None:
            if (event := types.values.get(said)) is not None:
                return event
            if keeps:
                return said
        raise UnmappedType(" / ".join(text[:SHOWN] for reader in shown if (text := reader(row)) is not None))

    return event_type


def pass_over_reader(columns: Columns, rule: PassOver, nothing: Collection[str]) -> Callable[[Any], bool]:
    """A function that tells whether a rule leaves a row out."""
    read = text_reader(columns, rule.column, nothing)
    if rule.empty:
        return lambda row: read(row) is None
    if rule.pattern is not None:
        return _fitting(columns, {rule.column: rule.pattern}, nothing)
    return _condition(columns, {rule.column: rule.values}, ())


def _condition(columns: Columns, when: dict[str, Any], nothing: Collection[str]) -> Callable[[Any], bool]:
    """A function that tells whether each of some columns has one of its texts."""
    wanted = [
        (text_reader(columns, column, nothing), {texts} if isinstance(texts, str) else set[str](texts))
        for column, texts in when.items()
    ]
    return lambda row: all(read(row) in texts for read, texts in wanted)


def _fitting(columns: Columns, matches: dict[str, str], nothing: Collection[str]) -> Callable[[Any], bool]:
    """A function that tells whether each of some columns fits its pattern."""
    wanted = [(text_reader(columns, column, nothing), re.compile(pattern)) for column, pattern in matches.items()]
    return lambda row: all(
        (text := read(row)) is not None and pattern.search(text, 0, REACH) is not None for read, pattern in wanted
    )
