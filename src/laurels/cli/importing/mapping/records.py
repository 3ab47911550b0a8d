"""The rows of an input for the mapper: a table's with its columns, or objects of JSON with paths of keys.

A mapper need not know whether its rows are cells or objects.
"""

from __future__ import annotations

import io
import json
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any, cast

import msgspec

from laurels.cli.importing.formats import SEPARATORS, NotEvents, Refused, rows_of_table
from laurels.cli.importing.mapping.mapper import Mapper, Tally, told_of_cells
from laurels.cli.importing.mapping.mapping_file import MappingDocument
from laurels.cli.importing.mapping.semantic_checks import columns_of
from laurels.cli.importing.mapping.values import SHOWN, Reader
from laurels.plurals import counted
from laurels.validation import kind_of, nearest

# The number of objects searched for keys that no field reads, and how many such keys are reported.
_LOOKED_AT = 1_000
_MOST_UNREAD = 100
# The number of columns that a refusal names; it counts the others.
_NAMED = 10

OTHER_ENCODING = "save it in UTF-8, or name what it is in the mapping (input.encoding)"

_decode = msgspec.json.Decoder().decode


class TableColumns:
    """The columns of a table, by name."""

    def __init__(self, names: list[str]) -> None:
        self._places = {name: place for place, name in enumerate(names)}

    def reader(self, column: str) -> Reader:
        place = self._places.get(column)
        if place is None:
            return lambda row: None

        def cell(row: list[str]) -> str | None:
            # A row may be truncated.
            return row[place] if place < len(row) else None

        return cell


class PathColumns:
    """Paths of keys in objects: `actor.login`. A key equal to the whole path has priority."""

    def reader(self, column: str) -> Reader:
        keys = column.split(".")

        def value(row: dict[str, Any]) -> object:
            if column in row:
                return row[column]
            found: object = row
            for key in keys:
                if not isinstance(found, dict):
                    return None
                found = cast("dict[str, object]", found).get(key)
            return found

        return value


def events_of_table(stream: io.BufferedReader, mapping: MappingDocument, tally: Tally) -> Iterator[bytes | Refused]:
    """The rows of a table as lines of JSON, each on the line where it begins, with empty lines in between. Raises
    NotEvents."""
    given = mapping.input
    encoding = "utf-8-sig" if given.encoding in (None, "utf-8") else given.encoding
    names = given.columns
    mapper = None if not names else Mapper(mapping, TableColumns(names), tally, of_text=True)
    rows = rows_of_table(stream, encoding=encoding, delimiter=given.delimiter or ",", remedy=OTHER_ENCODING)
    for line, row in enumerate(rows, 1):
        if row is None:
            yield b"\n"
        elif mapper is None:
            names = [name.strip() for name in row]
            _check_names(names, mapping)
            read = {column for _, column in columns_of(mapping)}
            tally.unread = dict.fromkeys(name for name in names if name not in read)
            mapper = Mapper(mapping, TableColumns(names), tally, of_text=True)
            yield b"\n"
        else:
            yield mapper.event_of(row, line, told_of_cells(row, names))


def _check_names(names: list[str], mapping: MappingDocument) -> None:
    """Raise NotEvents if the header line of a table lacks columns that the mapping reads."""
    twice = [name for name, count in Counter(names).items() if count > 1 and name]
    wrong = [f'names the column "{name[:SHOWN]}" twice' for name in twice[:_NAMED]]
    if len(twice) > _NAMED:
        wrong.append(f"names {counted(len(twice) - _NAMED, 'more column')} twice")
    told: set[str] = set()
    for key, column in columns_of(mapping, is_optional=False):
        if column not in names and column not in told:
            told.add(column)
            hint = f', unless "{found}" is meant' if (found := nearest(column, names)) else ""
            wrong.append(f'lacks the column "{column}", which {key} reads{hint}')
    if wrong and len(names) == 1:
        for sign, called in SEPARATORS.items():
            if sign in names[0]:
                remedy = f"say delimiter = {json.dumps(sign)} under [input] in the mapping"
                raise NotEvents(f"has {called} between its columns; {remedy}.")
    if wrong:
        listed = ", ".join(f'"{name[:SHOWN]}"' for name in names[:_NAMED])
        more = f" and {len(names) - _NAMED:,} more" if len(names) > _NAMED else ""
        first = f"The columns of its first line are {listed}{more}"
        raise NotEvents(f"{'; '.join(wrong)}. {first}; the mapping must name those.")


class ObjectMapper:
    """Makes events of lines with one object of JSON each."""

    def __init__(self, mapping: MappingDocument, tally: Tally) -> None:
        self._mapper = Mapper(mapping, PathColumns(), tally, of_text=False)
        self._tally = tally
        self._read = {part for _, column in columns_of(mapping) for part in (column, column.split(".")[0])}

    def events_of(self, lines: Iterable[bytes], first: int) -> list[bytes | Refused]:
        """The same lines as events; `first` is the number of the first of them."""
        return [self._event_of(line, number) for number, line in enumerate(lines, first)]

    def _event_of(self, line: bytes, number: int) -> bytes | Refused:
        if not line.strip():
            return line
        try:
            row = _decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return self._no_row(line, "Is not valid JSON: a line holds one whole object and nothing else.")
        if not isinstance(row, dict):
            return self._no_row(line, f"Must be an object, not {kind_of(row)}.")
        row = cast("dict[str, Any]", row)
        unread = self._tally.unread
        if self._tally.rows < _LOOKED_AT and len(unread) < _MOST_UNREAD:
            unread.update(dict.fromkeys(key for key in row if key not in self._read))
        return self._mapper.event_of(row, number)

    def _no_row(self, line: bytes, reason: str) -> Refused:
        self._tally.rows += 1
        return Refused(line, reason)
