"""Reads a mapping. All mistakes are named at once, with line and key, and a wrong mapping imports nothing."""

from __future__ import annotations

from collections.abc import Collection
from importlib.resources import files
from itertools import islice
from pathlib import Path

import msgspec

from laurels.cli.importing.mapping.mapping_file import MappingDocument
from laurels.cli.importing.mapping.semantic_checks import sense_mistakes
from laurels.cli.terminal import CommandFailed, MistakesFound
from laurels.rulebooks.toml_text import NotToml, document_of, line_of, lines_of
from laurels.rulebooks.toml_validation import TomlMistake, shape_mistakes
from laurels.validation import nearest

MOST = 50
_LONGEST = 1 << 20
_FOLDER = files("laurels.cli.importing.mapping").joinpath("kinds")
_END = ".toml"


class Mapping:
    """A mapping with its text, for the line numbers of mistakes."""

    def __init__(self, name: str, text: str, document: MappingDocument) -> None:
        self.name = name
        self.document = document
        self._text = text

    def check_types(self, event_types: Collection[str]) -> None:
        """Raise MistakesFound if it names event types that are not among `event_types`, those of the rulebook: each row
        would be rejected."""
        found: list[TomlMistake] = []
        for event, key in self.document.event_types().items():
            if event not in event_types:
                hint = f' Did you mean "{near}"?' if (near := nearest(event, event_types)) else ""
                found.append(
                    TomlMistake(key, f'Gives "{event}", an event type that the rulebook does not declare.{hint}')
                )
        if found:
            known = f"The rulebook declares {', '.join(sorted(event_types))}."
            if self.name in kinds():
                known += f" Copy the mapping to name those: laurels mappings {self.name} > mine.toml"
            raise MistakesFound([str(_mistakes_found(self.name, self._text, found)), known])


def kinds() -> list[str]:
    """The names of the mappings that come with Laurels."""
    return sorted(each.name.removesuffix(_END) for each in _FOLDER.iterdir() if each.name.endswith(_END))


def text_of_kind(kind: str) -> str:
    """The file of one of `kinds`."""
    return _FOLDER.joinpath(kind + _END).read_text("utf-8")


def load_mapping(source: str) -> Mapping:
    """The mapping of a kind, or of the file at a path. Raises CommandFailed."""
    known = kinds()
    if source in known:
        return parse_mapping(text_of_kind(source), source)
    path = Path(source)
    try:
        with path.open("rb") as file:
            data = file.read(_LONGEST + 1)
        if len(data) > _LONGEST:
            raise CommandFailed(f"{source}: Is longer than {_LONGEST >> 20} MiB; a mapping is a short file of TOML.")
        text = data.decode("utf-8-sig")
    except FileNotFoundError:
        hint = f' Did you mean "{found}"?' if (found := nearest(source, known)) else ""
        raise CommandFailed(
            f"{source}: no such file, and no kind of that name.{hint} Kinds are {', '.join(known)}."
        ) from None
    except OSError as error:
        raise CommandFailed(f"{source}: cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise CommandFailed(f"{source}: Must be UTF-8 text; save it as that.") from error
    return parse_mapping(text, source)


def parse_mapping(text: str, name: str) -> Mapping:
    """The mapping in the TOML `text`; `name` identifies it in errors. Raises MistakesFound."""
    try:
        raw = document_of(text)
    except NotToml as error:
        raise MistakesFound([f"{name}:{error.line}: {error.detail}"]) from error
    try:
        document = msgspec.convert(raw, MappingDocument)
    except msgspec.ValidationError as error:
        raise _mistakes_found(name, text, list(islice(shape_mistakes(raw, MappingDocument), MOST))) from error
    if found := list(islice(sense_mistakes(document), MOST)):
        raise _mistakes_found(name, text, found)
    return Mapping(name, text, document)


def _mistakes_found(name: str, text: str, found: list[TomlMistake]) -> MistakesFound:
    lines = lines_of(text)
    placed = sorted(((line_of(lines, each.key), each) for each in found), key=lambda each: each[0])
    return MistakesFound(
        [f"{name}:{line}: {each.key + ': ' if each.key else ''}{each.detail}" for line, each in placed]
    )
