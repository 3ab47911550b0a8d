"""Converts an input to lines of JSON: one object a line, a JSON array, or a table with named columns.

A CSV row is converted to JSON here (`lines_of_table`) or by a mapping (`mapping/`), and then to an event in
`worker_tasks.py` (`read_share`).
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any, Literal, NamedTuple, cast

import msgspec

from laurels.cli.terminal import CommandFailed
from laurels.validation import nearest

Format = Literal["ndjson", "csv"]

# The maximum size of a row or an element of an array, including data read ahead.
MOST_ROW = 2 << 20
_PIECE = 1 << 18
FIELDS = ("userId", "eventType", "eventId", "timestamp", "onceKey")
METADATA = ("language", "codeLength", "sessionDuration")
_PREFIX = "metadata."
# Separators that some programs use instead of commas.
SEPARATORS = {";": "semicolons", "\t": "tabs", "|": "bars"}
_CELLS = re.compile(rb"[^{\[]*[,;\t|][^{\[]*+$")
# The contents between brackets and commas: strings and other characters.
_TEXT = rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
_plain = rb'(?:[^"\[\]{}]++|' + _TEXT + rb")"
# Up to the next bracket; between the elements of an array up to the next comma, past objects of the usual form of
# events.
_WITHIN = re.compile(_plain + rb"*+[\[\]{}]", re.DOTALL)
_nested = rb"[\[{](?:" + _plain + rb"|[\[{](?:" + _plain + rb"|[\[{]" + _plain + rb"*+[\]}])*+[\]}])*+[\]}]"
_BETWEEN = re.compile(rb'(?:[^"\[\]{},]++|' + _TEXT + rb"|" + _nested + rb")*+[\[\]{},]", re.DOTALL)
_encode = msgspec.json.Encoder().encode


# The parts of a JSON document: a string, a sign, or anything else.
_PART = re.compile(rb"\s*+(" + _TEXT + rb'|[\[\]{}:,]|[^\s"\[\]{}:,]++)', re.DOTALL)


class Refused(NamedTuple):
    """A line that is not an event, as far as it could be read, and why."""

    line: bytes
    reason: str


class NotEvents(CommandFailed):
    """The input is of a kind that cannot hold events."""


def check_text(start: bytes, *, encoding: str = "utf-8", remedy: str = "save it as UTF-8") -> None:
    """Raise NotEvents if `start`, the first bytes of an input, shows that it is not text of the expected form; `remedy`
    is the advice for a different encoding."""
    if start[:4] == b"PK\x03\x04":
        raise NotEvents(
            "is a spreadsheet or an archive; save the table as CSV in UTF-8 and import that with --format csv."
        )
    if start[:16] == b"SQLite format 3\x00":
        raise NotEvents("is a SQLite database; export the table as CSV and import that with --format csv.")
    # ASCII characters in UTF-16 are a byte and a zero.
    if encoding != "utf-16" and (
        start[:2] in (b"\xff\xfe", b"\xfe\xff") or (b"\x00" in start[:2] and start[:2] != b"\x00\x00")
    ):
        raise NotEvents(f"is UTF-16 text; {remedy}.")


def check_objects(start: bytes) -> None:
    """The same for an input that should hold JSON."""
    text = start.lstrip().lower()
    if text.startswith((b"--", b"/*", b"insert ", b"create ", b"alter ", b"set ")):
        raise NotEvents("is an SQL dump; export the table as CSV instead and import that with --format csv.")
    first, _, rest = start.partition(b"\n")
    if b"userid" in first.lower() and b"{" not in first:
        raise NotEvents("looks like CSV; import it with --format csv.")
    second = rest.partition(b"\n")[0]
    # One line without an object may be a mistake. Two lines of cells are a table.
    if all(_CELLS.match(line) for line in (first, second)):
        raise NotEvents("looks like a table and not like JSON; import it with --from, by a mapping of its columns.")


def is_array(start: bytes) -> bool:
    """Whether an input that begins with `start` is one JSON array."""
    return start.lstrip()[:1] == b"["


def lines_of_array(
    stream: io.BufferedReader, begun: bytes | None = None, *, piece_size: int = _PIECE
) -> Iterator[bytes]:
    """The elements of a JSON array, a line each, piece by piece: all elements of a small compressed file may exceed
    memory. Raises NotEvents, after the elements before the fault.

    `begun` is the data read after the first bracket of an array within a document; data after that array is not read. A
    piece has `piece_size` bytes.
    """
    text = stream.read(piece_size).lstrip().removeprefix(b"[") if begun is None else begun
    begin = at = count = 0
    depth, sign = 1, b""
    while depth:
        found = (_BETWEEN if depth == 1 else _WITHIN).match(text, at)
        if found is None:
            text, at, begin = text[begin:], at - begin, 0
            if len(text) > MOST_ROW:
                raise NotEvents(f"has an element of more than {MOST_ROW >> 20} MiB, or a quote that is never closed.")
            if not (piece := stream.read(piece_size)):
                raise NotEvents("begins like a JSON array but ends before its last bracket.")
            text += piece
            continue
        at = found.end()
        sign = text[at - 1 : at]
        depth += 1 if sign in (b"[", b"{") else -1 if sign in (b"]", b"}") else 0
        if not depth or (depth == 1 and sign == b","):
            element, begin = text[begin : at - 1].strip(), at
            if element:
                # A line end can only be between parts: within a string JSON escapes it.
                yield element.replace(b"\n", b" ").replace(b"\r", b" ") + b"\n"
            elif count or depth:
                raise NotEvents("begins like a JSON array but lacks an element beside a comma.")
            count += 1
    if begun is not None and sign == b"]":
        return
    if sign != b"]" or text[at:].strip() or any(piece.strip() for piece in iter(partial(stream.read, piece_size), b"")):
        raise NotEvents("begins like a JSON array but is none: one bracket ends it, and nothing follows that.")


def lines_within(stream: io.BufferedReader, rows: str) -> Iterator[bytes]:
    """The elements of the array under `rows`, a path of keys, in a JSON document. Raises NotEvents."""
    return lines_of_array(stream, _after_bracket(stream, rows.split(".")))


def _after_bracket(stream: io.BufferedReader, path: list[str]) -> bytes:
    """The data read after the first bracket of the array at a path of keys."""
    text, at = stream.read(_PIECE), 0
    # The key of each open bracket; for an array, a value that no path contains.
    within: list[str | None] = []
    key: str | None = None
    before = b""
    while True:
        found = _PART.match(text, at)
        if found is None or found.end() == len(text):
            # A string or a word may continue.
            piece = stream.read(_PIECE) if len(text) <= MOST_ROW else b""
            if piece:
                text += piece
                continue
        if found is None:
            raise NotEvents(f"has no list under {'.'.join(path)!r} in its first {MOST_ROW >> 20} MiB.")
        part, at = found[1], found.end()
        match part:
            case b":":
                key = _name(before)
            case b"[" if within and [*within[1:], key] == path:
                return text[at:]
            case b"[" | b"{":
                within.append(key if part == b"{" else None)
                key = None
            case b"]" | b"}":
                within = within[:-1]
            case b",":
                key = None
            case _:
                before = part


def _name(text: bytes) -> str | None:
    try:
        return msgspec.json.decode(text, type=str)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def lines_of_table(stream: io.BufferedReader) -> Iterator[bytes]:
    """The rows of a CSV table as JSON, each on the line where it begins, with empty lines in between. Raises
    NotEvents."""
    names: list[str] | None = None
    for row in rows_of_table(stream):
        if row is None:
            yield b"\n"
        elif names is None:
            names = row
            _check_names(names)
            yield b"\n"
        else:
            yield _encode(_event(names, row)) + b"\n"
    if names is None:
        _check_names(())


def rows_of_table(
    stream: io.BufferedReader,
    *,
    encoding: str = "utf-8-sig",
    delimiter: str = ",",
    remedy: str = "save it as CSV in UTF-8",
) -> Iterator[list[str] | None]:
    """The lines of a CSV table: its rows, each at the line where it begins, and None for every other line. Raises
    NotEvents, with the `remedy` if the encoding is different."""
    bounded = _RowByRow(stream)
    # It only needs `read1` of a stream.
    text = io.TextIOWrapper(cast("io.BufferedReader", bounded), encoding, newline="")
    rows = csv.reader(text, strict=True, delimiter=delimiter)
    read = 0
    try:
        for row in rows:
            bounded.row_is_read()
            yield row or None
            # A row has the number of the line where it begins.
            for _ in range(read + 1, rows.line_num):
                yield None
            read = rows.line_num
    except csv.Error as error:
        raise NotEvents(f"is not valid CSV at line {rows.line_num}: {error}.") from None
    except UnicodeError:
        name = encoding.removesuffix("-sig").upper()
        raise NotEvents(f"is not {name} text; {remedy}.") from None
    finally:
        # The caller closes the stream.
        text.detach()


class _RowByRow(io.BufferedIOBase):
    """A stream that ends with NotEvents if a row has no end: the row reader would otherwise assemble it in memory, and
    a small compressed file may hold many gigabytes of it."""

    def __init__(self, stream: io.BufferedReader) -> None:
        self._stream = stream
        self._held = 0

    def row_is_read(self) -> None:
        """The row is complete."""
        self._held = 0

    def readable(self) -> bool:
        return True

    def read1(self, size: int = -1, /) -> bytes:
        data = self._stream.read1(size)
        self._held += len(data)
        if self._held > MOST_ROW:
            raise NotEvents(f"has a row of more than {MOST_ROW >> 20} MiB, or a quote that is never closed; mend that.")
        return data


def _check_names(names: Sequence[str]) -> None:
    known = [*FIELDS, *METADATA, "metadata"]
    if len(names) == 1 and (found := [word for sign, word in SEPARATORS.items() if sign in names[0]]):
        raise NotEvents(f"has {found[0]} between its columns; save it with commas.")
    for name in names:
        if name not in known and not (name.startswith(_PREFIX) and len(name) > len(_PREFIX)):
            hint = f" Did you mean {found}?" if (found := nearest(name, known)) else ""
            raise NotEvents(
                f"has an unknown column {name!r}.{hint} Columns are {', '.join(known)}, and metadata.NAME for anything "
                "else; points and badges cannot be imported."
            )
    if len(set(names)) < len(names):
        raise NotEvents("names a column twice; rename one.")
    missing = [name for name in FIELDS[:2] if name not in names]
    if missing:
        raise NotEvents(f"lacks the column {missing[0]}. The first line of a table must name its columns.")


def _event(names: Sequence[str], row: Sequence[str]) -> dict[str, Any]:
    """A row as an event on the wire; an empty cell is left out. Surplus or missing cells, as in a truncated file, and
    metadata given by two cells get a name that no event has."""
    event: dict[str, Any] = {}
    metadata: dict[str, Any] = {}
    for name, cell in zip(names, row, strict=False):
        if cell == "":
            continue
        if name == "metadata":
            try:
                given = msgspec.json.decode(cell)
            except (msgspec.DecodeError, RecursionError):
                given = None
            if not isinstance(given, dict):
                event["metadata"] = cell
                return event
            if twice := [key for key in metadata if key in given]:
                event["(twice in metadata)"] = twice
            metadata |= given
        elif name in FIELDS:
            event[name] = cell
        else:
            key = name.removeprefix(_PREFIX)
            if key in metadata:
                event["(twice in metadata)"] = [key]
            metadata[key] = cell
    if metadata:
        event["metadata"] = metadata
    if any(row[len(names) :]):
        event["(beyond the last column)"] = row[len(names) :]
    elif len(row) < len(names):
        event["(fewer cells than columns)"] = list(names[len(row) :])
    return event
