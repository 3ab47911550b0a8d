"""Rules in words, for people at a terminal.

The words for learners, on pages, are in `web/criteria_words.py`: a new kind of criterion needs both.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from laurels.domain.rules.badges.criteria import (
    AllOf,
    AnyOf,
    Badges,
    Count,
    Criterion,
    Distinct,
    EventLeaf,
    Level,
    Points,
    Range,
    Span,
    Streak,
    Sum,
)
from laurels.domain.rules.boosts import Boost
from laurels.domain.rules.currencies import Currency
from laurels.domain.rules.points import EventType
from laurels.domain.rules.rulebook_data import Badge
from laurels.domain.rules.streak_rules import StreakRules, Unit
from laurels.plurals import counted


def terms(kind: EventType) -> str:
    found = [f"+{bonus.points:,} when {bonus.field} > {bonus.above:g}" for bonus in kind.bonuses]
    if kind.max_per_day is not msgspec.UNSET:
        found.append(f"{kind.max_per_day:,} a day paid")
    if kind.max_points_per_day is not msgspec.UNSET:
        found.append(counted(kind.max_points_per_day, "point") + " a day")
    if kind.cooldown is not msgspec.UNSET:
        found.append(counted(kind.cooldown, "second") + " apart")
    return ", ".join(found)


def boost_words(boost: Boost) -> tuple[str, str, str]:
    """By how much a boost multiplies, which events, and when."""
    named = "all" if boost.event is None else boost.event if isinstance(boost.event, str) else ", ".join(boost.event)
    return f"{boost.factor:g}", f"{named}{_where(boost.where)}", f"{boost.from_day} to {boost.until_day}"


def currency_words(currency: Currency) -> tuple[str, str, str, str]:
    """A currency's name, what gives how much of it, and whether it has levels and boards."""
    given = [*currency.events.items(), *((f"badge {name}", amount) for name, amount in currency.badges.items())]
    levels, boards = ("yes" if each else "no" for each in (currency.levels, currency.board))
    return currency.name, ", ".join(f"{name} {amount:,}" for name, amount in given), levels, boards


def streak_words(rules: StreakRules) -> list[tuple[str, str]]:
    """A rulebook's rules for streaks: the keys, and the meaning of each."""
    minimum, freezes = rules.minimum, rules.freezes
    days = f", of {counted(rules.days, 'day')}" if rules.per == "week" else ""
    found = [("per", f"{rules.per}{days}")]
    found.append(("minimum", f"{counted(minimum.events, 'event')} and {counted(minimum.points, 'point')} a day"))
    if rules.grace:
        found.append(("grace", f"{counted(rules.grace, 'hour')} after midnight"))
    if freezes.initial or freezes.every is not msgspec.UNSET:
        earned = "" if freezes.every is msgspec.UNSET else f", one more every {freezes.every}, at most {freezes.cap}"
        found.append(("freezes", f"{freezes.initial} from the start{earned}"))
    found += [("pause", f"{each.from_day} to {each.until_day} {each.name}".rstrip()) for each in rules.pauses]
    if rules.own_pauses is not None:
        found.append(("own pauses", f"{counted(rules.own_pauses.days, 'day')} a year"))
    if rules.repair is not None:
        price, within = counted(rules.repair.price, "point"), counted(rules.repair.within, "day")
        found.append(("repair", f"for {price}, until {within} after"))
    return found


def earned_by(badge: Badge, unit: Unit) -> str:
    """The criterion of a badge in words; `unit` is the unit of streaks."""
    words = [_describe(badge.criterion, unit)]
    if badge.from_day is not None:
        words.append(f"from {badge.from_day}")
    if badge.until_day is not None:
        words.append(f"until {badge.until_day}")
    if badge.requires:
        words.append(f"after {' and '.join(badge.requires)}")
    if badge.hidden:
        words.append("hidden")
    return ", ".join(words)


def _describe(criterion: Criterion, unit: Unit) -> str:
    match criterion:
        case AllOf():
            return " and ".join(_part(part, unit) for part in criterion.of)
        case AnyOf():
            return " or ".join(_part(part, unit) for part in criterion.of)
        case Count():
            return f"{criterion.target:,} {_events(criterion)}"
        case Distinct():
            return f"{counted(criterion.target, 'different value')} of {criterion.field} in {_events(criterion)}"
        case Sum():
            return f"{criterion.field} of {criterion.target:,} in all over {_events(criterion)}"
        case Points():
            return counted(criterion.target, "total point")
        case Level():
            return f"level {criterion.target:,}"
        case Streak():
            return f"a streak of {counted(criterion.target, unit)}"
        case Span():
            return counted(criterion.target, "day") + " from the first to the last active one"
        case Badges():
            kind = " ".join(word for word in (criterion.rarity, criterion.category) if word)
            return counted(criterion.target, f"{kind + ' ' if kind else ''}badge")


def _part(part: Criterion, unit: Unit) -> str:
    words = _describe(part, unit)
    return f"({words})" if isinstance(part, AllOf | AnyOf) else words


def _events(leaf: EventLeaf) -> str:
    named = "events" if leaf.event is None else leaf.event if isinstance(leaf.event, str) else " or ".join(leaf.event)
    window = f" within one {leaf.per}" if leaf.per else ""
    return f"{named}{_where(leaf.where)}{window}"


def _where(where: Mapping[str, object]) -> str:
    conditions = ", ".join(f"{field} {_condition(condition)}" for field, condition in where.items())
    return f" with {conditions}" if conditions else ""


def _condition(condition: object) -> str:
    if isinstance(condition, Range):
        if condition.min is None:
            return f"up to {condition.max:g}"
        if condition.max is None:
            return f"from {condition.min:g}"
        return f"from {condition.min:g} to {condition.max:g}"
    if isinstance(condition, list):
        return " or ".join(str(value) for value in condition)  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]  JSON
    return str(condition)
