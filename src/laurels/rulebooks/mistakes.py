"""All that is wrong with a rulebook at once, not only what is met with first.

What a mistake stands in (a badge, an event type, a table) is set aside, and the rest is looked at again.
"""

from __future__ import annotations

import json
import re
from typing import Any, NamedTuple, cast, get_args

import msgspec

from laurels.domain.rules.criteria import Category, Rarity
from laurels.domain.rules.rulebook import Rulebook
from laurels.domain.rules.rulebook_data import RulebookData
from laurels.errors import RulebookError
from laurels.shapes import plain

MOST = 50
_CHOICES = {"category": get_args(Category), "rarity": get_args(Rarity)}
# What stands in the place of a part that is wrong and cannot be left out.
_STAND_INS: dict[str, Any] = {"name": "stand-in", "levels": {"kind": "quadratic", "step": 50}}


class Mistake(NamedTuple):
    """A key of the file, dotted, and what is wrong there."""

    key: str
    detail: str


def mistakes(raw: dict[str, Any]) -> list[Mistake]:
    """What is wrong with the document of a rulebook, one for each badge and event type, at most `MOST`; empty where
    nothing is. Where the shape is wrong already its sense is not looked at."""
    rest = _Rest(raw)
    return _of_shape(rest) or _of_sense(rest)


def _of_shape(rest: _Rest) -> list[Mistake]:
    found: list[Mistake] = []
    while len(found) < MOST:
        try:
            msgspec.convert(rest.document, RulebookData)
        except msgspec.ValidationError as error:
            key = key_of(error, rest.document)
            found.append(Mistake(rest.original(key), _sentence(key, str(error))))
            if rest.set_aside(key):
                continue
        break
    return found


def _of_sense(rest: _Rest) -> list[Mistake]:
    found: list[Mistake] = []
    while len(found) < MOST:
        try:
            Rulebook(msgspec.convert(rest.document, RulebookData))
        except RulebookError as error:
            if found and rest.counts_badges(error.key):
                # It may have been met with those that were set aside.
                break
            found.append(Mistake(rest.original(error.key), error.detail))
            if rest.set_aside(error.key):
                continue
        break
    return found


def _sentence(key: str, message: str) -> str:
    """What a decoder says of the value at `key`, for people."""
    message = message.partition(" - at ")[0]
    last = key.rpartition(".")[2]
    if "unknown field" in message:
        return "Is not a key that is known here; see docs/rulebooks.md for those that are."
    if "missing required field" in message:
        missing = message.partition("`")[2].rstrip("`")
        return f"Lacks {missing}."
    if "matching regex" in message and (last == "language" or re.search(r"\.(names|descriptions)\.", key)):
        return "Must be a language, such as de or pt-BR."
    if "matching regex" in message:
        return "Must be of lower-case letters, digits, - and _, and begin with a letter or a digit."
    if last in _CHOICES:
        return f"Must be one of {', '.join(_CHOICES[last])}."
    if last in ("from", "until"):
        return "Must be a date, such as 2026-03-01."
    if last == "kind":
        return "Is not a kind that is known here; see docs/rulebooks.md for those that are."
    return plain(message)


class _Rest:
    """What is left of a rulebook's document when parts were set aside."""

    def __init__(self, raw: dict[str, Any]) -> None:
        badges = raw.get("badges")
        types = raw.get("event_types")
        self.document: dict[str, Any] = {
            **raw,
            **({"badges": list(badges)} if isinstance(badges, list) else {}),  # pyright: ignore[reportUnknownArgumentType]
            **({"event_types": dict(types)} if isinstance(types, dict) else {}),  # pyright: ignore[reportUnknownArgumentType]
        }
        # The original place of each badge that is left.
        self._places = list(range(len(badges))) if isinstance(badges, list) else []  # pyright: ignore[reportUnknownArgumentType]

    def original(self, key: str) -> str:
        """A key as it is in the whole document."""
        found = _BADGE.match(key)
        return key if found is None else f"badges[{self._places[int(found[1])]}]{key[found.end() :]}"

    def counts_badges(self, key: str) -> bool:
        """Whether `key` is of a badge that asks for other badges."""
        found = _BADGE.match(key)
        if found is None:
            return False
        badge = self.document["badges"][int(found[1])]
        return bool(badge.get("requires")) or '"kind": "badges"' in json.dumps(badge, default=str)

    def set_aside(self, key: str) -> bool:
        """Leave out the badge, the event type or the table that `key` is in; whether anything is left to look at."""
        if found := _BADGE.match(key):
            del self.document["badges"][int(found[1])], self._places[int(found[1])]
            return True
        if (found := _EVENT_TYPE.match(key)) and isinstance(self.document["event_types"], dict):
            types = cast("dict[str, Any]", self.document["event_types"])
            name: str = json.loads(found[1]) if found[1].startswith('"') else found[1]
            is_there = types.pop(name, None) is not None
            types.setdefault("stand-in", {"points": 0})
            return is_there
        top = re.split(r"[.[]", key, maxsplit=1)[0]
        if top not in _STAND_INS:
            return self.document.pop(top, None) is not None and top != "event_types"
        is_new = self.document.get(top) != _STAND_INS[top]
        self.document[top] = _STAND_INS[top]
        return is_new


_BADGE = re.compile(r"badges\[(\d+)\]")
_EVENT_TYPE = re.compile(r'event_types\.("(?:[^"\\]|\\.)*"|[^.\[]+)')


def key_of(error: msgspec.ValidationError, raw: dict[str, Any]) -> str:
    """The dotted key that a validation error is about, with the names that msgspec leaves out filled in."""
    detail, _, where = str(error).partition(" - at ")
    steps: list[str | int | None] = [
        int(index) if index else name or None for name, index in re.findall(r"\.(\w+)|\[(?:(\d+)|\.\.\.)\]", where)
    ]
    if where.startswith("`key` in"):
        steps.append(None)
    key = ""
    node: Any = raw
    for step in steps:
        at = _culprit(raw, node, str(error)) if step is None else step
        key += f"[{at}]" if isinstance(at, int) else _dotted(key, at)
        try:
            node = node[at]
        except LookupError:
            break
    if match := re.search(r"unknown field `([^`]+)`", detail):
        key += _dotted(key, match[1])
    return key


def _culprit(raw: dict[str, Any], table: dict[str, Any], message: str) -> str:
    """The entry of `table`, a part of `raw`, that alone brings the same message. Leaves only that one in it."""
    entries = dict(table)
    for name, value in entries.items():
        table.clear()
        table[name] = value
        try:
            msgspec.convert(raw, RulebookData)
        except msgspec.ValidationError as error:
            if str(error) == message:
                return name
    raise AssertionError(f"No entry of {sorted(entries)} brings: {message}")


def _dotted(key: str, name: str) -> str:
    spelled = name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else json.dumps(name, ensure_ascii=False)
    return f".{spelled}" if key else spelled
