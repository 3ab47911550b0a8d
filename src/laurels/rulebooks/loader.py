"""Reads a rulebook from TOML. Every error names the file, the line and the key, and nothing is half loaded."""

from __future__ import annotations

import json
import re
import tomllib
from importlib.resources import files
from pathlib import Path

import msgspec

from laurels.domain.rules.rulebook import Rulebook
from laurels.domain.rules.rulebook_data import RulebookData
from laurels.errors import RulebookError
from laurels.rulebooks.mistakes import mistakes

BUILT_IN = ("coding", "school")

# A key of thousands of parts takes the parser minutes. Each match begins where a part does: else it would take as long.
_MOST_PARTS = 30
_DEEP_KEY = re.compile(
    r"""(?<![\w-])(?:(?:"[^"\n]*"|'[^'\n]*'|[\w-]++)[ \t]*+\.[ \t]*+){%d}""" % _MOST_PARTS,  # noqa: UP031  braces
)

KeyPath = tuple[str | int, ...]
_ROOT: KeyPath = ()


def load_rulebook(source: str | Path = "coding") -> Rulebook:
    """The rulebook of a built-in name (`coding`) or of the TOML file at a path. Raises RulebookError."""
    if str(source) in BUILT_IN:
        name = f"{source}.toml"
        return parse_rulebook(files("laurels.rulebooks").joinpath(name).read_text("utf-8"), name)
    path = Path(source)
    try:
        text = path.read_text("utf-8")
    except FileNotFoundError:
        raise RulebookError(
            "", f"No such file, and no built-in rulebook ({', '.join(BUILT_IN)}).", where=str(path)
        ) from None
    except OSError as error:
        raise RulebookError("", f"Cannot be read: {error.strerror}.", where=str(path)) from error
    except UnicodeDecodeError as error:
        raise RulebookError("", "Must be UTF-8 text; save it as that.", where=str(path)) from error
    return parse_rulebook(text, str(path))


def parse_rulebook(text: str, name: str = "<rulebook>") -> Rulebook:
    """The rulebook that the TOML `text` holds; `name` stands for it in errors."""
    if (deep := _DEEP_KEY.search(text)) is not None:
        line = 1 + text.count("\n", 0, deep.start())
        raise RulebookError("", f"A key may have at most {_MOST_PARTS} parts.", where=f"{name}:{line}")
    try:
        raw = tomllib.loads(text)
    except RecursionError:
        raise RulebookError("", "Is nested too deeply; write it flatter.", where=f"{name}:1") from None
    except ValueError as error:
        if not isinstance(error, tomllib.TOMLDecodeError):
            raise RulebookError("", "A number has too many digits.", where=f"{name}:1") from error
        at = re.search(r"at line (\d+)", str(error))
        line = int(at[1]) if at else max(1, len(text.splitlines()))
        raise RulebookError("", f"Not valid TOML: {error}.", where=f"{name}:{line}") from error
    try:
        return Rulebook(msgspec.convert(raw, RulebookData))
    except (msgspec.ValidationError, RulebookError) as error:
        lines = lines_of(text)
        found = sorted(((line_of(lines, each.key), each) for each in mistakes(raw)), key=lambda each: each[0])
        (line, first), *others = found
        rest = [RulebookError(each.key, each.detail, where=f"{name}:{at}") for at, each in others]
        raise RulebookError(first.key, first.detail, where=f"{name}:{line}", others=rest) from error


def lines_of(text: str) -> dict[KeyPath, int]:
    """The line (from 1) of every table, key and array item of the valid TOML `text`."""
    return _Positions(text).lines


def line_of(lines: dict[KeyPath, int], key: str) -> int:
    """The line (from 1) on which `key` stands, or else what encloses it."""
    path = tuple(
        json.loads(quoted) if quoted else int(index) if index else bare for quoted, index, bare in _PART.findall(key)
    )
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
