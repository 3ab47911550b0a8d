"""Converts rows of another platform to events, one by one, and counts the rows without an event.

It is a step between reading a line and checking it. Its result is a line of JSON in the import's format, which is then
checked, recorded and reported like any other.
"""

from __future__ import annotations

from collections import Counter
from typing import Any, NamedTuple

import msgspec

from laurels.cli.importing.formats import Refused
from laurels.cli.importing.mapping.mapping_file import MappingDocument
from laurels.cli.importing.mapping.values import (
    Columns,
    Reader,
    UnmappedType,
    UnusableCell,
    instant_of,
    metadata_reader,
    pass_over_reader,
    source_reader,
    type_reader,
)
from laurels.plurals import counted

# Rows that are kept for display.
SAMPLES = 5
# Different values that are counted separately: a column of free text has as many as rows.
DISTINCT = 1_000
OTHERS = "(others)"
NOTHING = "(nothing)"
NO_TYPE = "no event type stands for what it says"

_encode = msgspec.json.Encoder().encode


class Sample(NamedTuple):
    """A row as the mapping reads it."""

    line: int
    event: bytes


class Tally:
    """The results of a mapping for the rows of an input. Each of `rows` is passed over, refused, or handed on;
    `unmapped` are the values without an event type, `unread` the columns that no field reads."""

    def __init__(self) -> None:
        self.rows = 0
        self.passed_over: Counter[str] = Counter()
        self.unmapped: Counter[str] = Counter()
        self.unread: dict[str, None] = {}
        self.samples: list[Sample] = []

    def count_unmapped(self, shown: str) -> None:
        """Count a value without an event type."""
        shown = shown or NOTHING
        self.unmapped[shown if shown in self.unmapped or len(self.unmapped) < DISTINCT else OTHERS] += 1


class Mapper:
    """Makes events of rows that `columns` reads, and counts in `tally`. `of_text`: the rows are cells of text, not
    JSON."""

    def __init__(self, mapping: MappingDocument, columns: Columns, tally: Tally, *, of_text: bool) -> None:
        self._mapping = mapping
        self._tally = tally
        nothing = frozenset(mapping.input.nothing)
        self._left_out = [(rule.reason, pass_over_reader(columns, rule, nothing)) for rule in mapping.pass_over]
        self._type = type_reader(columns, mapping.event_type, nothing)
        self._fields: list[tuple[str, Reader]] = [("userId", source_reader(columns, mapping.user_id, nothing))]
        for name, source in (("eventId", mapping.event_id), ("onceKey", mapping.once_key)):
            if source is not None:
                self._fields.append((name, source_reader(columns, source, nothing)))
        self._fields.append(("timestamp", instant_of(columns, mapping.timestamp, nothing)))
        self._metadata = [
            (name, metadata_reader(columns, field, nothing, of_text=of_text))
            for name, field in mapping.metadata.items()
        ]

    def event_of(self, row: Any, line: int, broken: str | None = None) -> bytes | Refused:
        """A row as a line of JSON; an empty line for a row that is passed over. `broken` is the reason why a row is
        unreliable, for example truncated."""
        tally = self._tally
        tally.rows += 1
        event: dict[str, Any] = {}
        faults: list[str] = [] if broken is None else [broken]
        try:
            if broken is None and (reason := next((why for why, fits in self._left_out if fits(row)), None)):
                tally.passed_over[reason] += 1
                return b"\n"
        except UnusableCell as error:
            faults.append(error.detail)
        try:
            event["eventType"] = self._type(row)
        except UnmappedType as unmapped:
            tally.count_unmapped(unmapped.shown)
            if broken is None and self._mapping.event_type.unmapped == "pass over":
                tally.passed_over[NO_TYPE] += 1
                return b"\n"
            faults.append(f'eventType: The mapping has no event type for "{unmapped.shown}".')
            event["eventType"] = unmapped.shown
        except UnusableCell as error:
            faults.append(f"eventType: {error.detail}")
        for name, read in self._fields:
            _read_into(event, name, name, read, row, faults)
        if "userId" not in event:
            faults.append("userId: Is required, and the row says none.")
        metadata: dict[str, Any] = {}
        for name, read in self._metadata:
            _read_into(metadata, name, f"metadata.{name}", read, row, faults)
        if metadata:
            event["metadata"] = metadata
        try:
            made = _encode(event) + b"\n"
        except RecursionError:
            faults.append("metadata: Is nested too deeply; leave it out.")
            event = {name: value for name, value in event.items() if not isinstance(value, dict | list)}
            made = _encode(event) + b"\n"
        if faults:
            return Refused(made, " ".join(faults))
        if len(tally.samples) < SAMPLES:
            tally.samples.append(Sample(line, made.rstrip()))
        return made


def _read_into(into: dict[str, Any], name: str, field: str, read: Reader, row: Any, faults: list[str]) -> None:
    """Put a row's value for a field under its name; an unusable value is kept unchanged, to be corrected."""
    try:
        value = read(row)
    except UnusableCell as error:
        faults.append(f"{field}: {error.detail}")
        value = error.raw
    if value is not None:
        into[name] = value


def told_of_cells(row: list[str], names: list[str]) -> str | None:
    """Why a row of a table is unreliable: it has more cells than columns, or fewer; None if it is reliable."""
    if any(row[len(names) :]):
        more = counted(len(row) - len(names), "cell")
        return f"Has {more} beyond the last column; put quotes around a cell that holds the delimiter."
    if len(row) < len(names):
        return f"Has {counted(len(row), 'cell')} for {counted(len(names), 'column')}; the line may be cut off."
    return None
