"""Finds all mistakes of a rulebook at once, not only the first one.

The part with a mistake (a badge, an event type, a table) is set aside, and the rest is checked again.
"""

from __future__ import annotations

import json
import re
from itertools import islice
from typing import Any, cast

import msgspec

from laurels.domain.rules.rulebook import Rulebook
from laurels.domain.rules.rulebook_data import RulebookData
from laurels.errors import RulebookError
from laurels.rulebooks.toml_validation import TomlMistake, shape_mistakes

MOST = 50
# Replacements for wrong parts that cannot be left out.
_STAND_INS: dict[str, Any] = {
    "name": "stand-in",
    "levels": {"kind": "quadratic", "step": 50},
    "event_types": {"stand-in": {"points": 0}},
}


def mistakes(raw: dict[str, Any]) -> list[TomlMistake]:
    """The mistakes in the document of a rulebook, at most `MOST`; empty if there are none.

    First all mistakes of shape, then of consistency, one for each badge, boost, currency and table. Parts with a wrong
    shape are not checked for consistency, nor are badges that refer to others if some badges are wrong.
    """
    # Each costs a search for the nearest known name.
    found = list(islice(shape_mistakes(raw), MOST))
    if len(found) == MOST:
        return found
    rest = _Rest(raw)
    # From the last badge to the first, so that the positions of the remaining ones to remove stay valid.
    for key in sorted({part_of(mistake.key) for mistake in found}, key=_number, reverse=True):
        rest.set_aside(key)
    return [*found, *_of_sense(rest)][:MOST]


def _of_sense(rest: _Rest) -> list[TomlMistake]:
    found: list[TomlMistake] = []
    while len(found) < MOST:
        try:
            Rulebook(msgspec.convert(rest.document, RulebookData))
        except msgspec.ValidationError:
            # The rest is not a rulebook: event types with wrong names.
            break
        except RulebookError as error:
            # With fewer badges than in the file, this mistake may be due only to the missing ones.
            if not (rest.is_partial and rest.counts_badges(error.key)):
                found.append(TomlMistake(rest.original(error.key), error.detail))
            if rest.set_aside(part_of(error.key)):
                continue
        break
    return found


class _Rest:
    """The rest of a rulebook's document after parts were set aside."""

    def __init__(self, raw: dict[str, Any]) -> None:
        badges = raw.get("badges")
        self.document: dict[str, Any] = {
            **raw,
            **({"badges": list(badges)} if isinstance(badges, list) else {}),  # pyright: ignore[reportUnknownArgumentType]  TOML
            # Copies, from which parts can be removed.
            **{name: dict(raw[name]) for name in _NAMED if isinstance(raw.get(name), dict)},
        }
        # The original position of each remaining badge.
        self._places = list(range(len(badges))) if isinstance(badges, list) else []  # pyright: ignore[reportUnknownArgumentType]  TOML
        self.is_partial = False
        self._lacks_badges = False

    def original(self, key: str) -> str:
        """A key in the form that it has in the whole document."""
        found = _BADGE.match(key)
        return key if found is None else f"badges[{self._places[int(found[1])]}]{key[found.end() :]}"

    def counts_badges(self, key: str) -> bool:
        """Whether `key` belongs to a badge that refers to other badges, or to a currency that set-aside badges give."""
        found = _BADGE.match(key)
        if found is None:
            return self._lacks_badges and _GIVEN_BY_BADGES.match(key) is not None
        badge = self.document["badges"][int(found[1])]
        return bool(badge.get("requires")) or '"kind": "badges"' in json.dumps(badge, default=str)

    def set_aside(self, part: str) -> bool:
        """Remove a badge, an event type, a boost, a currency or a table. Returns whether there is still something to
        check."""
        self.is_partial = True
        self._lacks_badges |= part.startswith("badges")
        if found := _BADGE.match(part):
            del self.document["badges"][int(found[1])], self._places[int(found[1])]
            return True
        if found := _EVENT_TYPE.match(part):
            types = cast("dict[str, Any]", self.document["event_types"])
            name = _name_of(found)
            # Badges, boosts and currencies may still refer to it.
            is_new = types.get(name) != {"points": 0}
            types[name] = {"points": 0}
            return is_new
        if found := _BOOST.match(part) or _CURRENCY.match(part):
            return self.document[part.partition(".")[0]].pop(_name_of(found), None) is not None
        if part == "event_types":
            # No event type named by boosts and currencies is left.
            self.document.pop("boosts", None)
            self.document.pop("currencies", None)
        if part not in _STAND_INS:
            return self.document.pop(part, None) is not None
        is_new = self.document.get(part) != _STAND_INS[part]
        self.document[part] = _STAND_INS[part]
        return is_new


_NAMED = ("event_types", "boosts", "currencies")
_BADGE = re.compile(r"badges\[(\d+)\]")
_NAME = r'("(?:[^"\\]|\\.)*"|[^.\[]+)'
_EVENT_TYPE = re.compile(rf"event_types\.{_NAME}")
_BOOST = re.compile(rf"boosts\.{_NAME}")
_CURRENCY = re.compile(rf"currencies\.{_NAME}")
_GIVEN_BY_BADGES = re.compile(rf"currencies\.{_NAME}\.badges")


def part_of(key: str) -> str:
    """The badge, the event type, the boost, the currency or the table of a key."""
    found = _BADGE.match(key) or _EVENT_TYPE.match(key) or _BOOST.match(key) or _CURRENCY.match(key)
    return found[0] if found else re.split(r"[.[]", key, maxsplit=1)[0]


def _name_of(found: re.Match[str]) -> str:
    """The name of a matched event type, boost or currency in the document."""
    return json.loads(found[1]) if found[1].startswith('"') else found[1]


def _number(part: str) -> int:
    found = _BADGE.match(part)
    return int(found[1]) if found else -1
