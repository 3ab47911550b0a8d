"""The faults of a document that does not fit a type, in plain sentences: every wrong field at once, each by its name.

A decoder stops at the first fault and speaks of types; this runs only after it has failed, so it may take its time.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable
from difflib import get_close_matches
from functools import cache, lru_cache
from typing import Any, cast

import msgspec
from msgspec import Struct
from msgspec.structs import fields

from laurels.errors import InvalidInput
from laurels.plurals import counted

FieldFault = tuple[str, str]
"""The wire name of a wrong field, dotted for nested ones, and a sentence that says what is expected."""

# Comparing names takes time, and a body of 64 KB holds thousands of them, or one very long one.
MOST_UNKNOWN = 20
_LONGEST_NAME = 100

_KINDS = {
    "str": "text",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "object": "an object",
    "array": "a list",
    "null": "null",
    "datetime": "a date with time and offset, such as 2026-01-15T09:30:00Z",
    "date": "a day, such as 2026-01-15",
}
_BOUNDS = {
    ">=": "Must be at least {}.",
    "<=": "Must be at most {}.",
    ">": "Must be more than {}.",
    "<": "Must be less than {}.",
}
_TYPES = re.compile(r"Expected `([^`]+)`, got `([^`]+)`")
_LENGTH = re.compile(r"Expected `(\w+)` of length (>=|<=) (\d+)")
_BOUND = re.compile(r"Expected `\w+` (>=|<=|>|<) ([-\d.]+)")
_DAY = "Must be a day, such as 2026-01-15."
_INSTANT = "Must be a date with time and offset, such as 2026-01-15T09:30:00Z."


def kind_of(value: object) -> str:
    """The kind of a JSON value, in words: text, a number, true or false, an object, a list, null."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, int | float):
        return "a number"
    if isinstance(value, str):
        return "text"
    return "a list" if isinstance(value, list | tuple) else "an object"


def plain(message: str) -> str:
    """Rewrite a decoder's message about one value as a sentence for people."""
    message = message.partition(" - at `")[0]
    if found := _TYPES.fullmatch(message):
        wanted = [_KINDS.get(name, "") for name in found[1].split(" | ") if name != "null"]
        got = "a number" if found[2] in ("int", "float") else _KINDS.get(found[2], "")
        if all(wanted) and got:
            # 5.5 is a number, too: its type is not the mistake.
            but = "" if got in ("a number", *wanted) and wanted[0].endswith("number") else f", not {got}"
            return f"Must be {' or '.join(wanted)}{but}."
    if found := _LENGTH.fullmatch(message):
        counted = {"str": "character", "array": "entry", "object": "entry"}.get(found[1], "character")
        most = "at least" if found[2] == ">=" else "at most"
        plural = "" if found[3] == "1" else "s"
        return f"Must have {most} {found[3]} {counted}{plural}.".replace("entrys", "entries")
    if found := _BOUND.fullmatch(message):
        return _BOUNDS[found[1]].format(found[2])
    if "encoded date" in message and "datetime" not in message:
        return _DAY
    if "datetime" in message or "RFC3339" in message:
        return _INSTANT
    if found := re.fullmatch(r"Invalid enum value '?(.*?)'?", message):
        return "Is not one of the values that are taken here."
    if message == "Number out of range":
        return "Must hold no number beyond what a double-precision float can."
    if message.startswith("Object missing required field"):
        return "Is required."
    if message.startswith("Object contains unknown field"):
        return "Is not a field that is known here; leave it out."
    return "Has not the form that is expected here."


def unknown_name(name: str, known: Iterable[str], *, of: str = "Is not known here") -> str:
    """The sentence about a name that is not among the `known`, with the nearest of those and all of them."""
    names = list(known)
    hint = f' Did you mean "{found}"?' if (found := nearest(name, names)) else ""
    listed = f" Known are {', '.join(names)}." if names else " It takes none."
    return f"{of}.{hint}{listed}"


def unknown_fields(members: Iterable[str], known: Collection[str], *, of: str) -> list[FieldFault]:
    """A fault for each name that is not among the `known`; beyond MOST_UNKNOWN they are counted, not named."""
    unknown = [name for name in members if name not in known]
    faults = [(name, unknown_name(name, known, of=of)) for name in unknown[:MOST_UNKNOWN]]
    if left := len(unknown) - MOST_UNKNOWN:
        faults += (
            [("body", f"Has {counted(left, 'more field that is', 'more fields that are')} not known; leave them out.")]
            if left > 0
            else []
        )
    return faults


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that `name` most likely means; None if none is near."""
    return None if len(name) > _LONGEST_NAME else _nearest(name, tuple(known))


@lru_cache(maxsize=1_000)
def _nearest(name: str, known: tuple[str, ...]) -> str | None:
    # Remembered, since all events of a batch may have the same mistake.
    spelled = {re.sub(r"[\W_]", "", each).lower(): each for each in known}
    found = get_close_matches(re.sub(r"[\W_]", "", name).lower(), spelled, n=1, cutoff=0.6)
    return spelled[found[0]] if found else None


def faults_of(*checks: Callable[[], object]) -> list[FieldFault]:
    """The faults that all of `checks` find; each raises InvalidInput for its part."""
    faults: list[FieldFault] = []
    for check in checks:
        try:
            check()
        except InvalidInput as error:
            faults += error.faults
    return faults


def shape_faults(document: object, kind: type[Struct], *, strict: bool = True) -> list[FieldFault]:
    """All faults of a JSON document against `kind`; empty if it fits.

    Not `strict`: values may be written as text, as in an environment.
    """
    return read_fields(document, kind, strict=strict)[1]


def read_fields(
    document: object, kind: type[Struct], *, strict: bool = True
) -> tuple[dict[str, Any], list[FieldFault]]:
    """The values of those fields of a document that have the shape of `kind`, by wire name, and the faults of the
    others."""
    if not isinstance(document, dict):
        return {}, [("body", f"Must be an object, not {kind_of(document)}.")]
    members = cast("dict[str, Any]", document)
    known = {field.encode_name: field for field in fields(kind)}
    values: dict[str, Any] = {}
    faults: list[FieldFault] = []
    if kind.__struct_config__.forbid_unknown_fields:
        faults += unknown_fields(members, known, of="Is not a field that this address takes")
    for name, field in known.items():
        if name not in members:
            if field.required:
                faults.append((name, "Is required."))
            continue
        try:
            read = msgspec.convert({name: members[name]}, _alone(kind, name), strict=strict)
            values[name] = getattr(read, field.name)
        except msgspec.ValidationError as error:
            where, detail = _located(name, error, field.type)
            # Without strictness every value is text: saying "not text" would not help.
            faults.append((where, detail if strict else detail.replace(", not text", "")))
    return values, faults


def decode_loosely(data: bytes | msgspec.Raw, refused: msgspec.ValidationError, error: type[InvalidInput]) -> Any:
    """Decode `data`, which a decoder has `refused`, without a type, so that all its faults can be named.

    Raises `error` if it holds an impossible JSON value, and the decoder's error if it is not JSON.
    """
    try:
        return msgspec.json.decode(data)
    except msgspec.ValidationError:
        raise error(*_located("body", refused, None)) from None


def choices(kind: Any) -> list[str]:
    """The values of an enumeration, or of a union with one; empty for any other type."""
    for each in _members(kind):
        if isinstance(each, msgspec.inspect.EnumType):
            return [str(member.value) for member in each.cls]
        if isinstance(each, msgspec.inspect.LiteralType):
            return [str(value) for value in each.values]
    return []


def _names_in(kind: Any) -> list[str]:
    """The names of the fields of an object, or of a union with one; empty for any other type."""
    for each in _members(kind):
        if isinstance(each, msgspec.inspect.StructType):
            return [field.encode_name for field in each.fields]
    return []


def _members(kind: Any) -> tuple[msgspec.inspect.Type, ...]:
    """The types in a union; for any other type that type alone."""
    try:
        found: Any = msgspec.inspect.type_info(kind)
    except TypeError:
        return ()
    found = getattr(found, "type", found)
    return getattr(found, "types", (found,))


def _located(name: str, error: msgspec.ValidationError, kind: Any) -> FieldFault:
    message, _, path = str(error).partition(" - at `$.")
    where = re.sub(r"\[\.\.\.\]", "", path.rstrip("`")).rstrip(".") or name
    if found := re.search(r"(?:missing required|contains unknown) field `([^`]+)`", message):
        if "unknown field" in message and where == name and (known := _names_in(kind)):
            return f"{where}.{found[1]}", unknown_name(found[1], known)
        where = f"{where}.{found[1]}"
    if "matching regex" in message and (found := re.search(r"'\^\(([\w|]+)\)\$'", message)):
        return where, f"Must be one of {', '.join(found[1].split('|'))}."
    if "enum value" in message and (values := choices(kind)):
        return where, f"Must be one of {', '.join(values)}."
    return where, plain(message)


@cache
def _alone(kind: type[Struct], name: str) -> type[Struct]:
    """A type with one field of `kind`, so that its fault is found independently of the others."""
    [field] = [each for each in fields(kind) if each.encode_name == name]
    return msgspec.defstruct("Alone", [(field.name, field.type)], rename={field.name: name})
