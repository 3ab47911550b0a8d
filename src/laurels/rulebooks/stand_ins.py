"""Replaces the values of a rulebook's document that have a wrong shape, so that all others can be checked.

No check objects to the values put in: a wrong field that may be left out is left out, any other gets the most generous
value.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, NamedTuple, cast

from msgspec import Struct
from msgspec.structs import fields

from laurels.domain.rules.boosts import Boost
from laurels.domain.rules.currencies import Currency
from laurels.domain.rules.points import EventType
from laurels.domain.rules.rulebook_data import Badge, Boards, RulebookData
from laurels.domain.rules.streak_rules import StreakRules
from laurels.domain.rules.text_types import is_identifier
from laurels.rulebooks.toml_text import KeyPath


class _Part(NamedTuple):
    """A kind of table: the values for fields that are wrong or lacking, and those for items of its lists."""

    kind: type[Struct]
    values: Mapping[str, Any]
    items: Mapping[str, Any] = {}

    def mended(self, table: object, wrong: Sequence[KeyPath]) -> dict[str, Any]:
        """The table without its `wrong` fields, whose paths begin in it."""
        kept = dict(cast("dict[str, Any]", table)) if isinstance(table, dict) else {}
        lacking = {each.encode_name for each in fields(self.kind) if each.required and each.encode_name not in kept}
        for path in wrong:
            name = str(path[0])
            value = kept.get(name)
            if len(path) > 1 and name in self.items and isinstance(value, list):
                # In its place, so that the others keep their positions.
                items = [*cast("list[Any]", value)]
                items[int(path[1])] = self.items[name]
                kept[name] = items
            else:
                kept.pop(name, None)
                lacking.add(name)
        return kept | {name: value for name, value in self.values.items() if name in lacking}


_EVENT_TYPES = {"stand-in": {"points": 1}}
_ROOT = _Part(
    RulebookData,
    {"name": "stand-in", "levels": {"kind": "quadratic", "step": 1}, "event_types": _EVENT_TYPES},
)
_TABLES = {
    "boards": _Part(Boards, {}),
    # Of the two only weeks go with every number of days.
    "streak": _Part(StreakRules, {"per": "week"}, {"pauses": {"from": date.min, "until": date.min}}),
}
_NAMED = {
    "event_types": _Part(EventType, {"points": 1}, {"bonuses": {"field": "any", "above": 0, "points": 1}}),
    "boosts": _Part(Boost, {"factor": 2, "from": date.min, "until": date.max}),
    "currencies": _Part(Currency, {"name": "Any"}),
}
_BADGE = _Part(
    Badge,
    {
        "name": "Any",
        "description": "{target}",
        "icon": "A",
        "category": "milestone",
        "rarity": "common",
        "points": 1,
        "criterion": {"kind": "count", "target": 1},
    },
)


def mended(raw: Mapping[str, Any], wrong: Sequence[KeyPath]) -> dict[str, Any]:
    """The document of a rulebook without the values at the `wrong` paths. Tables whose names are wrong are left out;
    badges keep their positions."""
    inner = {*_TABLES, *_NAMED, "badges"}
    document = _ROOT.mended(raw, [path for path in wrong if len(path) == 1 or path[0] not in inner])
    for name, part in _TABLES.items():
        if own := _within(wrong, name):
            document[name] = part.mended(document.get(name), own)
    for name, part in _NAMED.items():
        tables = document.get(name)
        if isinstance(tables, dict) and any(path[0] == name for path in wrong):
            document[name] = {
                each: part.mended(table, _within(wrong, name, each)) if _is_wrong(wrong, name, each) else table
                for each, table in cast("dict[str, Any]", tables).items()
                if is_identifier(each)
            }
    document["event_types"] = document["event_types"] or _EVENT_TYPES
    badges = document.get("badges")
    if isinstance(badges, list):
        document["badges"] = [
            _mended_badge(badge, _within(wrong, "badges", position), position)
            if _is_wrong(wrong, "badges", position)
            else badge
            for position, badge in enumerate(cast("list[Any]", badges))
        ]
    return document


def _is_wrong(wrong: Sequence[KeyPath], *place: str | int) -> bool:
    return any(path[: len(place)] == place for path in wrong)


def _within(wrong: Sequence[KeyPath], *place: str | int) -> list[KeyPath]:
    """The wrong paths below a place, from there on."""
    return [path[len(place) :] for path in wrong if path[: len(place)] == place and len(path) > len(place)]


def _mended_badge(badge: object, wrong: Sequence[KeyPath], position: int) -> dict[str, Any]:
    made = _BADGE.mended(badge, wrong)
    if made["criterion"] is _BADGE.values["criterion"]:
        # The targets of tiers are compared with that of the criterion.
        made.pop("tiers", None)
    made.setdefault("id", f"stand-in-{position}")
    return made
