"""A criterion in words: tells a learner what to do, from the data of the rulebook.

The words for an operator in a terminal are in `cli/rulebook/words.py`: a new kind of criterion needs both.
"""

from __future__ import annotations

from laurels.domain.rules.badges.criteria import (
    AllOf,
    AnyOf,
    Badges,
    Condition,
    Count,
    Criterion,
    Distinct,
    Leaf,
    Level,
    Points,
    Range,
    Span,
    Streak,
    Sum,
)
from laurels.domain.rules.streak_rules import Unit
from laurels.web.locale import PageLocale


def words_of(criterion: Criterion, language: PageLocale, unit: Unit = "day") -> list[str]:
    """One sentence for each part that must be met; alternatives share a sentence. `unit` is the unit of streaks."""
    if isinstance(criterion, AllOf):
        return [line for part in criterion.of for line in words_of(part, language, unit)]
    if isinstance(criterion, AnyOf):
        joint = language.text(" or ")
        return [joint.join(line for part in criterion.of for line in words_of(part, language, unit))]
    return [_leaf(criterion, language, unit)]


def _leaf(leaf: Leaf, language: PageLocale, unit: Unit) -> str:
    _, plural, target = language.text, language.plural, leaf.target
    match leaf:
        case Points():
            return plural("{count} point in all", "{count} points in all", target)
        case Level():
            return _("level {level}", level=language.number(target))
        case Streak():
            if unit == "week":
                return plural("{count} week in a row", "{count} weeks in a row", target)
            return plural("{count} day in a row", "{count} days in a row", target)
        case Span():
            return plural("{count} day since the first one", "{count} days since the first one", target)
        case Badges():
            kind = leaf.rarity or leaf.category
            text = plural("{count} badge", "{count} badges", target)
            return text if kind is None else f"{text} ({kind})"
        case Count():
            text = plural("{count} × {event}", "{count} × {event}", target, event=_event(leaf.event, language))
        case Distinct():
            text = plural(
                "{count} different {field}", "{count} different {field}", target, field=leaf.field.replace("_", " ")
            )
        case Sum():
            text = _("{field} of {target} in sum", field=leaf.field.replace("_", " "), target=language.number(target))
    if leaf.where:
        text += ", " + ", ".join(f"{name} {_condition(value)}" for name, value in leaf.where.items())
    if leaf.per is not None:
        windows = {"day": _("within one day"), "week": _("within one week"), "month": _("within one month")}
        text += " " + windows.get(str(leaf.per), str(leaf.per))
    return text


def _event(event: str | list[str] | None, language: PageLocale) -> str:
    if event is None:
        return language.text("any event")
    names = [event] if isinstance(event, str) else event
    return language.text(" or ").join(name.replace("_", " ") for name in names)


def _condition(value: Condition) -> str:
    if isinstance(value, Range):
        low = "" if value.min is None else f"≥ {value.min:g}"
        high = "" if value.max is None else f"≤ {value.max:g}"
        return " ".join(filter(None, (low, high)))
    if isinstance(value, list):
        return "/".join(map(str, value))
    return f"= {value}"
