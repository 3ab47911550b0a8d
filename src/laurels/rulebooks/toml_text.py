"""Parses our TOML files, and finds the line of each key.

A parser's faults are reported in plain sentences with their line, and text that would keep it busy for minutes is
refused before.
"""

from __future__ import annotations

import json
import re
import tomllib
from typing import Any

# A key of thousands of parts takes the parser minutes. Each match begins at the start of a part: otherwise it would
# take as long.
_MOST_PARTS = 30
_DEEP_KEY = re.compile(
    r"""(?<![\w-])(?:(?:"[^"\n]*"|'[^'\n]*'|[\w-]++)[ \t]*+\.[ \t]*+){%d}""" % _MOST_PARTS,  # noqa: UP031  braces
)

KeyPath = tuple[str | int, ...]
_ROOT: KeyPath = ()


class NotToml(ValueError):
    """A text that is not valid TOML for our files: the line (from 1) and a sentence."""

    def __init__(self, line: int, detail: str) -> None:
        super().__init__(detail)
        self.line = line
        self.detail = detail


def document_of(text: str) -> dict[str, Any]:
    """The document in a TOML text. Raises NotToml."""
    if (deep := _DEEP_KEY.search(text)) is not None:
        raise NotToml(1 + text.count("\n", 0, deep.start()), f"A key may have at most {_MOST_PARTS} parts.")
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise NotToml(1, "Is nested too deeply; write it flatter.") from None
    except ValueError as error:
        if not isinstance(error, tomllib.TOMLDecodeError):
            raise NotToml(1, "A number has too many digits.") from error
        at = re.search(r"at line (\d+)", str(error))
        line = int(at[1]) if at else max(1, len(text.splitlines()))
        raise NotToml(line, f"Not valid TOML: {error}.") from error


def lines_of(text: str) -> dict[KeyPath, int]:
    """The line (from 1) of every table, key and array item of the valid TOML `text`."""
    return _Positions(text).lines


def key_path(key: str) -> KeyPath:
    """The parts of a dotted `key`: names, and positions in lists."""
    return tuple(
        json.loads(quoted) if quoted else int(index) if index else bare for quoted, index, bare in _PART.findall(key)
    )


def line_of(lines: dict[KeyPath, int], key: str) -> int:
    """The line (from 1) of `key`, or of the part that encloses it."""
    path = key_path(key)
    while path and path not in lines:
        path = path[:-1]
    return lines.get(path, 1)


_PART = re.compile(r'("(?:[^"\\]|\\.)*")|\[(\d+)\]|([^.\[\]"]+)')


class _Positions:
    """The line of every table, key and array item of a TOML text.

    `tomllib` keeps no positions. This reads just the structure, and relies on `tomllib` having found it valid.
    """

    _token = re.compile(
        r"""[ \t\r]+|\#[^\n]*|(?P<newline>\n)
        |(?P<token>\"{3}(?:\\.|[^\\])*?\"{3,5}|'{3}.*?'{3,5}|"(?:\\.|[^"\\])*"|'[^']*'|[\[\]{},=.]|[^\s\[\]{},=.\#"']+)""",
        re.VERBOSE | re.DOTALL,
    )

    def __init__(self, text: str) -> None:
        self.lines: dict[KeyPath, int] = {}
        self._tokens: list[tuple[str, int]] = []
        line = 1
        for match in self._token.finditer(text):
            if match["newline"] or match["token"]:
                self._tokens.append((match[0], line))
            line += match[0].count("\n")
        self._next = 0
        self._array_tables: dict[KeyPath, int] = {}
        table = _ROOT
        while self._next < len(self._tokens):
            if self._at("\n"):
                self._next += 1
            elif self._at("["):
                table = self._header()
            else:
                self._pair(table)

    def _at(self, *tokens: str) -> bool:
        return self._next < len(self._tokens) and self._tokens[self._next][0] in tokens

    def _name(self) -> str:
        token = self._tokens[self._next][0]
        self._next += 1
        return next(iter(tomllib.loads(f"{token} = 0")))

    def _names(self, end: str) -> list[str]:
        names = [self._name()]
        while not self._at(end):
            self._next += 1
            names.append(self._name())
        return names

    def _header(self) -> KeyPath:
        line = self._tokens[self._next][1]
        self._next += 1
        is_array = self._at("[")
        self._next += is_array
        path = _ROOT
        names = self._names("]")
        for number, name in enumerate(names, 1):
            path += (name,)
            self.lines.setdefault(path, line)
            if is_array and number == len(names):
                self._array_tables[path] = self._array_tables.get(path, -1) + 1
            if path in self._array_tables:
                path += (self._array_tables[path],)
        self.lines.setdefault(path, line)
        self._next += 1 + is_array
        return path

    def _pair(self, table: KeyPath) -> None:
        line = self._tokens[self._next][1]
        path = table
        for name in self._names("="):
            path += (name,)
            self.lines.setdefault(path, line)
        self._next += 1
        self._value(path)

    def _value(self, path: KeyPath) -> None:
        if self._at("[", "{"):
            is_array = self._at("[")
            self._next += 1
            item = 0
            while not self._at("]", "}"):
                if self._at("\n", ","):
                    self._next += 1
                elif is_array:
                    self.lines[*path, item] = self._tokens[self._next][1]
                    self._value((*path, item))
                    item += 1
                else:
                    self._pair(path)
            self._next += 1
        else:
            while self._next < len(self._tokens) and not self._at("\n", ",", "]", "}"):
                self._next += 1
