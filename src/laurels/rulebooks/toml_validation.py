"""Finds all mistakes of shape in a TOML document, such as a rulebook.

A decoder stops at the first fault. This module compares the document with the declared types and finds them all; it
runs only after the decoder has failed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import date
from types import UnionType
from typing import Annotated, Any, Literal, NamedTuple, Union, cast, get_args, get_origin

import msgspec
from msgspec import Struct
from msgspec.structs import fields

from laurels.domain.rules.rulebook_data import RulebookData
from laurels.domain.rules.text_types import LanguageTag
from laurels.validation import kind_of, nearest, plain, unknown_name

_TAG = "kind"


class TomlMistake(NamedTuple):
    """A key of the file, dotted, and its mistake."""

    key: str
    detail: str


def shape_mistakes(document: object, kind: type[Struct] = RulebookData) -> Iterator[TomlMistake]:
    """Every mistake of shape, in the order of the keys that `kind` declares; none if the decoder would accept the
    document."""
    return _faults("", document, kind)


def _faults(key: str, value: object, kind: Any) -> Iterator[TomlMistake]:
    """The faults of the value at `key` against a type."""
    bare = get_args(kind)[0] if get_origin(kind) is Annotated else kind
    structs = _structs(bare)
    if structs and isinstance(value, dict):
        yield from _of_table(key, cast("dict[str, object]", value), structs)
    elif get_origin(bare) is list and isinstance(value, list):
        items = cast("list[object]", value)
        yield from _of_value(key, [None] * len(items), _loosened(kind, list[Any]))
        for number, item in enumerate(items):
            yield from _faults(f"{key}[{number}]", item, get_args(bare)[0])
    elif get_origin(bare) is dict and isinstance(value, dict):
        table = cast("dict[str, object]", value)
        yield from _of_value(key, dict.fromkeys(table), _loosened(kind, dict[str, Any]))
        named, each = get_args(bare)
        for name, item in table.items():
            yield from _of_value(dotted(key, name), name, named)
            yield from _faults(dotted(key, name), item, each)
    elif get_origin(bare) is dict and _structs(get_args(bare)[1]):
        yield TomlMistake(key, f"Must be tables that have names, such as [{key}.one], not {kind_of(value)}.")
    else:
        yield from _of_value(key, value, kind)


def _of_table(key: str, table: dict[str, object], structs: list[type[Struct]]) -> Iterator[TomlMistake]:
    """The faults of a table against some structs; if there are several, its `kind` chooses one."""
    tags = {str(each.__struct_config__.tag): each for each in structs if each.__struct_config__.tag is not None}
    chosen = structs[0]
    if tags:
        tag = table.get(_TAG)
        if tag is None:
            yield TomlMistake(key, f"Lacks {_TAG}, which is one of {', '.join(tags)}.")
            return
        if not isinstance(tag, str) or tag not in tags:
            yield TomlMistake(dotted(key, _TAG), unknown_name(str(tag), tags, of=f"Is not a {_TAG} that is known here"))
            return
        chosen = tags[tag]
    known = {each.encode_name: each for each in fields(chosen)}
    unknown = [name for name in table if name not in known and not (tags and name == _TAG)]
    for name in unknown:
        yield TomlMistake(dotted(key, name), unknown_name(name, known, of="Is not a key that is known here"))
    # A key under a different spelling does not count as missing.
    meant = {nearest(name, known) for name in unknown}
    for name, declared in known.items():
        if name in table:
            yield from _faults(dotted(key, name), table[name], declared.type)
        elif declared.required and name not in meant:
            yield TomlMistake(key or name, f"Lacks {name}.")


def _of_value(key: str, value: object, kind: Any) -> Iterator[TomlMistake]:
    """The decoder's message about one value."""
    try:
        msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        yield TomlMistake(key, _sentence(str(error), value, kind))


def _sentence(message: str, value: object, kind: Any) -> str:
    """A decoder's message about a value, rewritten for people."""
    parts = _parts(kind)
    choices = [str(choice) for part in parts if get_origin(part) is Literal for choice in get_args(part)]
    if choices:
        near = nearest(str(value), choices)
        return f"Must be one of {', '.join(choices)}." + (f' Did you mean "{near}"?' if near else "")
    if date in parts:
        return "Must be a date, such as 2026-03-01."
    if "matching regex" in message:
        if kind == LanguageTag:
            return "Must be a language, such as de or pt-BR."
        return "Must be of lower-case letters, digits, - and _, and begin with a letter or a digit."
    if any(_structs(part) for part in parts) and not isinstance(value, dict):
        return f"Must be a table, not {kind_of(value)}."
    return plain(message)


def _structs(kind: Any) -> list[type[Struct]]:
    """The possible structs of a table."""
    return [part for part in _parts(kind) if isinstance(part, type) and issubclass(part, Struct)]


def _parts(kind: Any) -> list[Any]:
    """The members of a union; for any other type, that type alone."""
    bare = get_args(kind)[0] if get_origin(kind) is Annotated else kind
    return list(get_args(bare)) if get_origin(bare) in (Union, UnionType) else [bare]


def _loosened(kind: Any, container: Any) -> Any:
    """A container of anything, with the length bounds of a declared one."""
    return Annotated[(container, *get_args(kind)[1:])] if get_origin(kind) is Annotated else container


def dotted(key: str, name: str) -> str:
    """The key of `name` in the table at `key`."""
    spelled = name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else json.dumps(name, ensure_ascii=False)
    return f"{key}.{spelled}" if key else spelled
