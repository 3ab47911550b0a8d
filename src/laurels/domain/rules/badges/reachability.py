"""Finds badges that can never be earned.

A badge that nobody can reach is a mistake in the rulebook, and it is cheapest to report it when the file is read.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

from laurels.domain.periods import month_of, week_of, weekday_of
from laurels.domain.rules.badges.criteria import (
    TIME_FIELDS,
    AllOf,
    AnyOf,
    Badges,
    Condition,
    Count,
    Criterion,
    Distinct,
    EventLeaf,
    Leaf,
    Level,
    Points,
    Range,
    Streak,
    Sum,
    Within,
    leaves,
)
from laurels.domain.rules.badges.tiers import Placed
from laurels.domain.rules.rulebook_data import Badge, RulebookData
from laurels.errors import RulebookError

_LONGEST_WINDOW = {"day": 1, "week": 7, "month": 31}
# The maximum number of days between from and until that are checked one by one.
_LONGEST_LOOKED_THROUGH = 3_660
_OF_DAY: Mapping[str, Callable[[int], int]] = MappingProxyType(
    {"day": int, "week": week_of, "month": month_of, "weekday": weekday_of}
)


def check_reachable(data: RulebookData, badges: Sequence[Placed]) -> None:
    """Raise RulebookError for the first criterion that no sequence of events could meet. `badges` are the expanded
    badges of the data."""
    for placed in badges:
        within = Within.of(placed.badge.from_day, placed.badge.until_day)
        for key, leaf in leaves(placed.badge.criterion, placed.criterion_key):
            problem = _leaf_problem(leaf, data)
            if problem is None and within is not None and isinstance(leaf, Count | Distinct | Sum):
                problem = _window_problem(leaf, within)
            if problem:
                raise RulebookError(key, f"Can never be met: {problem}")
    _check_badge_counts(data, badges)


def _leaf_problem(leaf: Leaf, data: RulebookData) -> str | None:
    if isinstance(leaf, Count | Distinct | Sum):
        return _event_leaf_problem(leaf, data)
    if isinstance(leaf, Points | Level):
        if isinstance(leaf, Level) and data.levels.start_of(leaf.target) == 0:
            # Badges are awarded when a total passes the start of a level; no total ever passes this one.
            return "everyone begins at this level."
        if not _events_pay(data) and not any(badge.points for badge in data.badges):
            return "no event type and no badge pays points."
    if isinstance(leaf, Streak) and data.streak is not None and data.streak.minimum.points and not _events_pay(data):
        return "a day needs points to count, and no event type pays any."
    return None


def _events_pay(data: RulebookData) -> bool:
    return any(rule.points or any(bonus.points for bonus in rule.bonuses) for rule in data.event_types.values())


def _event_leaf_problem(leaf: EventLeaf, data: RulebookData) -> str | None:
    named = [leaf.event] if isinstance(leaf.event, str) else leaf.event
    if named is not None:
        if not named:
            return "the list of event types is empty."
        for name in named:
            if name not in data.event_types:
                return f"event type {name!r} is not declared."
    for field, condition in leaf.where.items():
        problem = _condition_problem(field, condition)
        if problem:
            return problem
    if isinstance(leaf, Distinct):
        return _distinct_problem(leaf)
    if isinstance(leaf, Sum):
        if leaf.field in TIME_FIELDS:
            return f"{leaf.field!r} is no amount to add up."
        if not _lets_an_amount_through(leaf.where.get(leaf.field)):
            return f"the condition on {leaf.field!r} lets no positive number through."
    return None


def _window_problem(leaf: EventLeaf, within: Within) -> str | None:
    """A requirement of a leaf that the days from `from` to `until` cannot meet."""
    if within.last - within.first >= _LONGEST_LOOKED_THROUGH:
        return None
    condition = leaf.where.get("weekday")
    days = [
        day for day in range(within.first, within.last + 1) if condition is None or _holds(condition, weekday_of(day))
    ]
    if not days:
        return "no day between from and until is such a weekday."
    if isinstance(leaf, Distinct) and leaf.field in _OF_DAY:
        most = len({_OF_DAY[leaf.field](day) for day in days})
        if leaf.target > most:
            return f"{leaf.field!r} can take at most {most} values between from and until."
    return None


def _lets_an_amount_through(condition: Condition | None) -> bool:
    if condition is None:
        return True
    if isinstance(condition, Range):
        return condition.max is None or condition.max > 0
    values = condition if isinstance(condition, list) else [condition]
    return any(isinstance(value, int | float) and not isinstance(value, bool) and value > 0 for value in values)


def _condition_problem(field: str, condition: Condition) -> str | None:
    if isinstance(condition, list) and not condition:
        return f"the list of values for {field!r} is empty."
    if isinstance(condition, Range):
        if condition.min is not None and condition.max is not None and condition.min > condition.max:
            return f"the range for {field!r} is empty."
        if condition.min is None and condition.max is None:
            return f"the range for {field!r} has neither min nor max."
    if field not in TIME_FIELDS:
        return None
    bounds = TIME_FIELDS[field]
    if bounds is None:
        return f"{field!r} cannot stand in a condition: it names one calendar {field}."
    allowed = [value for value in range(bounds[0], bounds[1] + 1) if _holds(condition, value)]
    return None if allowed else f"{field!r} runs from {bounds[0]} to {bounds[1]}."


def _holds(condition: Condition, value: int) -> bool:
    if isinstance(condition, Range):
        return (condition.min is None or condition.min <= value) and (condition.max is None or value <= condition.max)
    accepted = condition if isinstance(condition, list) else [condition]
    return any(value == one and not isinstance(one, bool) for one in accepted)


def _distinct_problem(leaf: Distinct) -> str | None:
    most: int | None = None
    bounds = TIME_FIELDS.get(leaf.field)
    if bounds is not None:
        condition = leaf.where.get(leaf.field)
        most = sum(condition is None or _holds(condition, v) for v in range(bounds[0], bounds[1] + 1))
        if leaf.field == "weekday" and leaf.per == "day":
            most = 1
    elif leaf.field in ("day", "week", "month") and leaf.per is not None:
        days = _LONGEST_WINDOW[leaf.per]
        most = {"day": days, "week": 1 if days == 1 else (days + 6) // 7 + (days > 7), "month": 1 + (days == 7)}[
            leaf.field
        ]
    else:
        condition = leaf.where.get(leaf.field)
        if condition is not None and not isinstance(condition, Range):
            most = len(condition) if isinstance(condition, list) else 1
    if most is not None and leaf.target > most:
        return f"{leaf.field!r} can take at most {most} values here."
    return None


def _check_badge_counts(data: RulebookData, badges: Sequence[Placed]) -> None:
    """Badges that require badges, or points that only badges pay.

    Grows the set of reachable badges until it does not change any more.
    """
    reached: dict[str, Badge] = {}
    while True:
        new = [
            placed.badge
            for placed in badges
            if placed.badge.id not in reached
            and reached.keys() >= set(placed.badge.requires)
            and _within_reach(placed.badge.criterion, reached, data)
        ]
        if not new:
            break
        reached |= {badge.id: badge for badge in new}
    for placed in badges:
        badge = placed.badge
        if badge.id in reached:
            continue
        if not reached.keys() >= set(badge.requires):
            raise RulebookError(
                f"{placed.key.partition('.')[0]}.requires",
                "Can never be met: it asks for a badge that itself cannot be had before it.",
            )
        raise RulebookError(
            placed.criterion_key,
            "Can never be met: it asks for more badges, or more points of badges, than can be had before it.",
        )


def _within_reach(criterion: Criterion, reached: Mapping[str, Badge], data: RulebookData) -> bool:
    if isinstance(criterion, AllOf):
        return all(_within_reach(part, reached, data) for part in criterion.of)
    if isinstance(criterion, AnyOf):
        return any(_within_reach(part, reached, data) for part in criterion.of)
    if isinstance(criterion, Points | Level) and not _events_pay(data):
        total = sum(badge.points for badge in reached.values())
        needed = criterion.target if isinstance(criterion, Points) else data.levels.start_of(criterion.target)
        return needed is not None and total >= needed
    if not isinstance(criterion, Badges):
        return True
    held = sum(
        criterion.category in (None, badge.category) and criterion.rarity in (None, badge.rarity)
        for badge in reached.values()
    )
    return held >= criterion.target
