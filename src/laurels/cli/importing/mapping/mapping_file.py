"""A mapping as its file states it: the format of an input, and the source of each field of an event.

Kept separate from the mapper (`mapper.py`), so that the shape of the file is one short read. "Column" means a column of
a table as well as a path of keys in JSON (`actor.login`).
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct, field

from laurels.rulebooks.toml_validation import dotted

Text = Annotated[str, Meta(min_length=1, max_length=1_000)]
Column = Annotated[str, Meta(min_length=1, max_length=200)]
Encoding = Literal["utf-8", "utf-16", "windows-1252", "iso-8859-1"]
ValueType = Literal["text", "whole", "number", "boolean", "json"]
Unmapped = Literal["reject", "pass over", "keep"]


class Input(Struct, frozen=True, forbid_unknown_fields=True):
    """The contents of a file: a table (`csv`), one object a line or one JSON array (`ndjson`), or an array inside a
    JSON document (`json`), with `rows` as the path of keys to it.

    `columns` are the names for a table without a header line. `nothing` are values that count as empty.
    """

    format: Literal["csv", "ndjson", "json"]
    delimiter: Annotated[str, Meta(min_length=1, max_length=1)] | None = None
    encoding: Encoding | None = None
    columns: list[Column] = []
    rows: str = ""
    nothing: list[str] = []


class Source(Struct, frozen=True, forbid_unknown_fields=True):
    """The source of a text: one column, several joined columns, the first non-empty one of several, or a constant
    `value`.

    The first of `patterns` that fits selects the part in its one group. `hashed`: it is replaced by a digest, so that
    it is short enough for an id.
    """

    column: Column | None = None
    columns: list[Column] = []
    first_of: list[Column] = []
    value: Text | None = None
    patterns: list[Text] = []
    join: str = "-"
    prefix: str = ""
    hashed: bool = False


class Rule(Struct, frozen=True, forbid_unknown_fields=True):
    """Rows of one event type: each column of `when` has that value, or one of those values, and each pattern of
    `matches` fits its column."""

    event: Text
    when: dict[Column, str | list[str]] = {}
    matches: dict[Column, Text] = {}


class TypeSource(Struct, frozen=True, forbid_unknown_fields=True):
    """The source of the event type: the first of `rules` that fits, else the entry of `values` for a column; without
    either the column itself; or a constant `value`.

    `unmapped` is the treatment of a row for which neither rules nor values have an entry.
    """

    column: Column | None = None
    values: dict[str, Text] = {}
    rules: list[Rule] = []
    value: Text | None = None
    unmapped: Unmapped = "reject"


class TimeSource(Struct, frozen=True, forbid_unknown_fields=True):
    """The time of the event: `iso`, `seconds` or `milliseconds` since 1970, or formats of `strptime`, tried in order.
    `zone` is that of times without an offset."""

    column: Column | None = None
    value: Text | None = None
    format: Text | list[Text] = "iso"
    zone: str | None = None


class MetadataSource(Struct, frozen=True, forbid_unknown_fields=True):
    """A field of metadata. Without a `type` a cell of a table is text, and JSON is kept unchanged. An `optional` field
    may have a column that a table lacks."""

    column: Column | None = None
    value: Text | None = None
    patterns: list[Text] = []
    type: ValueType | None = None
    optional: bool = False


class PassOver(Struct, frozen=True, forbid_unknown_fields=True):
    """Rows that are left out on purpose, and why: a column has one of `values`, fits a `pattern`, or is empty
    (`empty`)."""

    reason: Text
    column: Column
    values: list[str] = []
    pattern: Text | None = None
    empty: bool = False


class MappingDocument(Struct, frozen=True, forbid_unknown_fields=True):
    """A whole mapping. Its tables are named like the fields of an event on the wire."""

    input: Input
    user_id: Source = field(name="userId")
    event_type: TypeSource = field(name="eventType")
    timestamp: TimeSource
    description: str = ""
    event_id: Source | None = field(name="eventId", default=None)
    once_key: Source | None = field(name="onceKey", default=None)
    metadata: dict[Column, MetadataSource] = {}
    pass_over: list[PassOver] = []

    def event_types(self) -> dict[str, str]:
        """Every event type named in it, each with the key of the file that names it first."""
        given: list[tuple[str, str]] = []
        types = self.event_type
        if types.value is not None:
            given.append((types.value, "eventType.value"))
        given += [(rule.event, f"eventType.rules[{number}].event") for number, rule in enumerate(types.rules)]
        given += [(event, dotted("eventType.values", value)) for value, event in types.values.items()]
        # From the last to the first, so that the first of each type remains.
        return dict(reversed(given))
