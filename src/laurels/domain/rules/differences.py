"""The differences between two rulebooks, key by key."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import msgspec
from msgspec import Struct

from laurels.domain.rules.rulebook_data import RulebookData


class RuleDifference(Struct, frozen=True, rename="camel"):
    """A key that differs between two rulebooks; None if one of them does not have it. Keys are dotted, as in the file;
    badges, tiers and event types are named by their ids."""

    key: str
    was: Any
    becomes: Any


def differences(before: RulebookData, after: RulebookData) -> list[RuleDifference]:
    """All differences of `after`, in the order of the rulebook; the order of badges is ignored."""
    return list(_between("", _named(before), _named(after)))


def _named(data: RulebookData) -> dict[str, Any]:
    document = cast("dict[str, Any]", msgspec.to_builtins(data))
    badges = cast("list[dict[str, Any]]", document.pop("badges"))
    for badge in badges:
        if "tiers" in badge:
            badge["tiers"] = {tier["id"]: tier for tier in badge["tiers"]}
    return {**document, "badges": {badge["id"]: badge for badge in badges}}


def _between(key: str, was: Any, becomes: Any) -> Iterator[RuleDifference]:
    if was == becomes:
        return
    if not (isinstance(was, dict) and isinstance(becomes, dict)):
        yield RuleDifference(key, was, becomes)
        return
    old, new = cast("dict[str, Any]", was), cast("dict[str, Any]", becomes)
    for name in (*old, *(name for name in new if name not in old)):
        yield from _between(f"{key}.{name}" if key else name, old.get(name), new.get(name))
