"""A mapping as its file says it: the format of an input, and where each field of an event comes from.

Kept apart from what is made of it (`mapper.py`), so that the shape of the file is one short read. "Column" stands for a
column of a table and for a path of keys in JSON alike (`actor.login`).
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct, field

from laurels.rulebooks.shape import dotted

Text = Annotated[str, Meta(min_length=1, max_length=1_000)]
Column = Annotated[str, Meta(min_length=1, max_length=200)]
Encoding = Literal["utf-8", "utf-16", "windows-1252", "iso-8859-1"]
ValueType = Literal["text", "whole", "number", "boolean", "json"]
Unmapped = Literal["reject", "pass over", "keep"]


class Input(Struct, frozen=True, forbid_unknown_fields=True):
    """What a file holds: a table (`csv`), one object a line or one JSON array (`ndjson`), or an array somewhere in a
    JSON document (`json`), where `rows` is the path of keys to it.

    `columns` are the names of a table that has no line with them. `nothing` are values that say nothing, beside the
    empty one.
    """

    format: Literal["csv", "ndjson", "json"]
    delimiter: Annotated[str, Meta(min_length=1, max_length=1)] | None = None
    encoding: Encoding | None = None
    columns: list[Column] = []
    rows: str = ""
    nothing: list[str] = []


class Source(Struct, frozen=True, forbid_unknown_fields=True):
    """Where a text comes from: one column, several that are joined, the first of several that says anything, or a
    `value` that is always the same.

    Of what stands there, the one group of the first of the `patterns` that fits is taken. `hashed`: a digest of it
    stands for it, so that it is short enough for an id.
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
    """Rows that are of one event type: in which each column of `when` says that, or one of those, and each pattern of
    `matches` fits its column."""

    event: Text
    when: dict[Column, str | list[str]] = {}
    matches: dict[Column, Text] = {}


class TypeSource(Struct, frozen=True, forbid_unknown_fields=True):
    """What the event type comes from: the first of `rules` that fits, else what `values` has for a column; without
    either the column itself; or a `value` that is always the same.

    `unmapped` says what becomes of a row for which neither rules nor values have anything.
    """

    column: Column | None = None
    values: dict[str, Text] = {}
    rules: list[Rule] = []
    value: Text | None = None
    unmapped: Unmapped = "reject"


class TimeSource(Struct, frozen=True, forbid_unknown_fields=True):
    """When it happened: `iso`, `seconds` or `milliseconds` since 1970, or formats as `strptime` has them, tried in
    their order. `zone` is that of times without an offset."""

    column: Column | None = None
    value: Text | None = None
    format: Text | list[Text] = "iso"
    zone: str | None = None


class MetadataSource(Struct, frozen=True, forbid_unknown_fields=True):
    """A field of metadata. Without a `type` a cell of a table is text, and JSON is kept as it is. One that is
    `optional` may have a column that a table lacks."""

    column: Column | None = None
    value: Text | None = None
    patterns: list[Text] = []
    type: ValueType | None = None
    optional: bool = False


class PassOver(Struct, frozen=True, forbid_unknown_fields=True):
    """Rows that are left out on purpose, and why: in which a column says one of `values`, fits a `pattern`, or says
    nothing (`empty`)."""

    reason: Text
    column: Column
    values: list[str] = []
    pattern: Text | None = None
    empty: bool = False


class MappingDocument(Struct, frozen=True, forbid_unknown_fields=True):
    """A whole mapping. Its tables go by the names that the fields of an event have on the wire."""

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
        """Every event type that it gives by name, each with the key of the file that gives it first."""
        given: list[tuple[str, str]] = []
        types = self.event_type
        if types.value is not None:
            given.append((types.value, "eventType.value"))
        given += [(rule.event, f"eventType.rules[{number}].event") for number, rule in enumerate(types.rules)]
        given += [(event, dotted("eventType.values", value)) for value, event in types.values.items()]
        # From the last to the first, so that the first of a type stays.
        return dict(reversed(given))
