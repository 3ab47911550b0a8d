"""The texts of badges and currencies in another language, replaced wherever they appear in an answer.

Queries build their answers once, in the rulebook's own language.
"""

from __future__ import annotations

from typing import Any, TypeVar, cast

from msgspec import UNSET, Struct
from msgspec.structs import fields, replace

from laurels.application.queries.views import BadgeDefinitionView, BadgeStateView, BadgeView, Dashboard, NextBadge
from laurels.domain.rules.badge_texts import texts_of
from laurels.domain.rules.rulebook import Rulebook

T = TypeVar("T", bound=Struct)


def translated(shown: T, rulebook: Rulebook, language: str | None) -> T:
    """`shown` with the texts of its badges in a language of the rulebook; None leaves it unchanged, in the rulebook's
    own."""
    return shown if language is None else cast("T", _translated(shown, rulebook, language))


def _translated(value: Any, rulebook: Rulebook, language: str) -> Any:
    if isinstance(value, list):
        return [_translated(each, rulebook, language) for each in cast("list[Any]", value)]
    if not isinstance(value, Struct):
        return value
    if isinstance(value, BadgeView | BadgeStateView | BadgeDefinitionView | NextBadge):
        return _badge(value, rulebook, language)
    # Values without a struct are skipped: criteria, settings and metadata have nothing to translate.
    changed: dict[str, Any] = {}
    for each in fields(value):
        before: Any = getattr(value, each.name)
        if isinstance(before, Struct) or (isinstance(before, list) and before and isinstance(before[0], Struct)):
            changed[each.name] = _translated(before, rulebook, language)
    if isinstance(value, Dashboard) and value.currencies:
        changed["currencies"] = {
            each: replace(view, name=rulebook.currencies[each].name_in(language))
            if each in rulebook.currencies
            else view
            for each, view in value.currencies.items()
        }
    return replace(value, **changed) if changed else value


def _badge(view: Any, rulebook: Rulebook, language: str) -> Any:
    badge = rulebook.badge(view.badge_id)
    if badge is None or getattr(view, "hidden", UNSET) is True:
        return view
    name, description = texts_of(badge, language)
    if isinstance(view, NextBadge):
        return replace(view, name=name)
    return replace(view, name=name, description=description)
