"""Reads a rulebook from TOML. Every error names the file, the line and the key, and nothing is half loaded."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import msgspec

from laurels.domain.rules.badges.shadowed import shadowed_criteria
from laurels.domain.rules.rulebook import Rulebook
from laurels.domain.rules.rulebook_data import RulebookData
from laurels.errors import RulebookError
from laurels.rulebooks.mistakes import mistakes
from laurels.rulebooks.toml_text import NotToml, document_of, line_of, lines_of

BUILT_IN = ("coding", "school")


def load_rulebook(source: str | Path = "coding") -> Rulebook:
    """The rulebook of a built-in name (`coding`) or of the TOML file at a path. Raises RulebookError."""
    return parse_rulebook(*_text_of(source))


def check_rulebook(source: str | Path) -> tuple[Rulebook, list[str]]:
    """The rulebook, and warnings about what can be used but hardly says what is meant, each with its file, line and
    key. Raises RulebookError."""
    text, name = _text_of(source)
    rulebook = parse_rulebook(text, name)
    lines = lines_of(text)
    found = shadowed_criteria(rulebook.data.badges)
    return rulebook, [f"{name}:{line_of(lines, key)}: {key}: {detail}" for key, detail in found]


def _text_of(source: str | Path) -> tuple[str, str]:
    """The text of a rulebook, and the name of its file."""
    if str(source) in BUILT_IN:
        name = f"{source}.toml"
        return files("laurels.rulebooks").joinpath(name).read_text("utf-8"), name
    path = Path(source)
    try:
        return path.read_text("utf-8"), str(path)
    except FileNotFoundError:
        raise RulebookError(
            "", f"No such file, and no built-in rulebook ({', '.join(BUILT_IN)}).", where=str(path)
        ) from None
    except OSError as error:
        raise RulebookError("", f"Cannot be read: {error.strerror}.", where=str(path)) from error
    except UnicodeDecodeError as error:
        raise RulebookError("", "Must be UTF-8 text; save it as that.", where=str(path)) from error


def parse_rulebook(text: str, name: str = "<rulebook>") -> Rulebook:
    """The rulebook in the TOML `text`; `name` identifies it in errors."""
    try:
        raw = document_of(text)
    except NotToml as error:
        raise RulebookError("", error.detail, where=f"{name}:{error.line}") from error
    try:
        return Rulebook(msgspec.convert(raw, RulebookData))
    except (msgspec.ValidationError, RulebookError) as error:
        lines = lines_of(text)
        found = sorted(((line_of(lines, each.key), each) for each in mistakes(raw)), key=lambda each: each[0])
        (line, first), *others = found
        rest = [RulebookError(each.key, each.detail, where=f"{name}:{at}") for at, each in others]
        raise RulebookError(first.key, first.detail, where=f"{name}:{line}", others=rest) from error
