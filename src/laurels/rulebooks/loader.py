"""Reads a rulebook from TOML. Every error names the file, the line and the key, and nothing is half loaded."""

from __future__ import annotations

import re
import tomllib
from importlib.resources import files
from pathlib import Path

import msgspec

from laurels.domain.rulebook import Rulebook, RulebookData
from laurels.errors import RulebookError

BUILT_IN = ("coding",)


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
    except (OSError, UnicodeDecodeError) as error:
        raise RulebookError("", f"Cannot be read as UTF-8 text: {error}.", where=str(path)) from error
    return parse_rulebook(text, str(path))


def parse_rulebook(text: str, name: str = "<rulebook>") -> Rulebook:
    """The rulebook that the TOML `text` holds; `name` stands for it in errors."""
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise RulebookError("", f"Not valid TOML: {error}.", where=name) from error
    try:
        return Rulebook(msgspec.convert(raw, RulebookData))
    except msgspec.ValidationError as error:
        detail, _, path = str(error).partition(" - at `$")
        key = path.rstrip("`").removeprefix(".")
        if match := re.search(r"unknown field `([^`]+)`", detail):
            key = f"{key}.{match[1]}" if key else match[1]
        raise RulebookError(key, f"{detail}.", where=f"{name}:{line_of(text, key)}") from error
    except RulebookError as error:
        raise RulebookError(error.key, error.detail, where=f"{name}:{line_of(text, error.key)}") from error


def line_of(text: str, key: str) -> int:
    """The line (from 1) on which `key` stands, or the nearest header above it.

    `tomllib` keeps no positions, so this follows the key through the table headers of the text.
    """
    best = 1
    parts = [(name, int(index) if index else None) for name, index in re.findall(r"([^.\[\]]+)(?:\[(\d+)\])?", key)]
    lines = text.splitlines()
    start = 0
    header = ""
    for name, index in parts:
        header = f"{header}.{name}" if header else name
        found = _find(lines, start, header, name, index)
        if found is None:
            continue
        best = found + 1
        start = found
    return best


def _find(lines: list[str], start: int, header: str, name: str, index: int | None) -> int | None:
    seen = -1
    for number in range(start, len(lines)):
        line = lines[number].strip()
        if line.startswith(f"[[{header}]]"):
            seen += 1
            if seen == (index or 0):
                return number
        elif line.startswith(f"[{header}]") or re.match(rf"{re.escape(name)}\s*=", line):
            return number
        elif start and number > start and line.startswith("["):
            # The enclosing table ends here.
            return None
    return None
