"""Finds badges that can never be earned.

A badge that nobody can reach is a mistake in the rulebook, and it is cheapest to report it when the file is read.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
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


def unreachable(
    data: RulebookData, badges: Sequence[Placed], doubtful: Collection[str] = ()
) -> Iterator[RulebookError]:
    """Every criterion that no sequence of events could meet. `badges` are the expanded badges of the data; those with
    `doubtful` ids are taken to be within reach."""
    for placed in badges:
        within = Within.of(placed.badge.from_day, placed.badge.until_day)
        for key, leaf in leaves(placed.badge.criterion, placed.criterion_key):
            problems = list(_leaf_problems(leaf, data, within))
            if placed.is_higher_tier and problems:
                # It has them in common with the lowest tier.
                continue
            for problem in problems or _target_problems(leaf, data, within):
                yield RulebookError(key, f"Can never be met: {problem}")
    yield from _out_of_reach(data, badges, doubtful)


def _leaf_problems(leaf: Leaf, data: RulebookData, within: Within | None) -> Iterator[str]:
    """Why a leaf could not be met with any target."""
    if isinstance(leaf, Count | Distinct | Sum):
        yield from _event_leaf_problems(leaf, data)
        if within is not None and _is_looked_through(within) and not _days(leaf, within):
            yield "no day between from and until is such a weekday."
    if isinstance(leaf, Points | Level) and not _events_pay(data) and not any(badge.points for badge in data.badges):
        yield "no event type and no badge pays points."
    if isinstance(leaf, Streak) and data.streak is not None and data.streak.minimum.points and not _events_pay(data):
        yield "a day needs points to count, and no event type pays any."


def _target_problems(leaf: Leaf, data: RulebookData, within: Within | None) -> Iterator[str]:
    """Why a leaf could not be met with its own target."""
    if isinstance(leaf, Level) and data.levels.start_of(leaf.target) == 0:
        # Badges are awarded when a total passes the start of a level; no total ever passes this one.
        yield "everyone begins at this level."
    if not isinstance(leaf, Distinct):
        return
    most = _most_values(leaf)
    if most is not None and leaf.target > most:
        yield f"{leaf.field!r} can take at most {most} values here."
    elif within is not None and _is_looked_through(within) and leaf.field in _OF_DAY:
        most = len({_OF_DAY[leaf.field](day) for day in _days(leaf, within)})
        if leaf.target > most:
            yield f"{leaf.field!r} can take at most {most} values between from and until."


def _events_pay(data: RulebookData) -> bool:
    return any(rule.points or any(bonus.points for bonus in rule.bonuses) for rule in data.event_types.values())


def _event_leaf_problems(leaf: EventLeaf, data: RulebookData) -> Iterator[str]:
    named = [leaf.event] if isinstance(leaf.event, str) else leaf.event
    if named is not None:
        if not named:
            yield "the list of event types is empty."
        for name in named:
            if name not in data.event_types:
                yield f"event type {name!r} is not declared."
    has_problem = False
    for field, condition in leaf.where.items():
        if problem := _condition_problem(field, condition):
            has_problem = True
            yield problem
    if isinstance(leaf, Sum) and not has_problem:
        if leaf.field in TIME_FIELDS:
            yield f"{leaf.field!r} is no amount to add up."
        elif not _lets_an_amount_through(leaf.where.get(leaf.field)):
            yield f"the condition on {leaf.field!r} lets no positive number through."


def _is_looked_through(within: Within) -> bool:
    """Whether the days from `from` to `until` are in order, and few enough to be checked one by one."""
    return 0 <= within.last - within.first < _LONGEST_LOOKED_THROUGH


def _days(leaf: EventLeaf, within: Within) -> list[int]:
    """The days from `from` to `until` that meet the leaf's condition on the weekday."""
    condition = leaf.where.get("weekday")
    return [
        day for day in range(within.first, within.last + 1) if condition is None or _holds(condition, weekday_of(day))
    ]


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


def _most_values(leaf: Distinct) -> int | None:
    """The maximum number of values that the field can take; None if there is none."""
    bounds = TIME_FIELDS.get(leaf.field)
    if bounds is not None:
        if leaf.field == "weekday" and leaf.per == "day":
            return 1
        condition = leaf.where.get(leaf.field)
        return sum(condition is None or _holds(condition, v) for v in range(bounds[0], bounds[1] + 1))
    if leaf.field in ("day", "week", "month") and leaf.per is not None:
        days = _LONGEST_WINDOW[leaf.per]
        return {"day": days, "week": 1 if days == 1 else (days + 6) // 7 + (days > 7), "month": 1 + (days == 7)}[
            leaf.field
        ]
    condition = leaf.where.get(leaf.field)
    if condition is None or isinstance(condition, Range):
        return None
    return len(condition) if isinstance(condition, list) else 1


def _out_of_reach(data: RulebookData, badges: Sequence[Placed], doubtful: Collection[str]) -> Iterator[RulebookError]:
    """Badges that require badges, or points that only badges pay.

    Grows the set of reachable badges until it does not change any more.
    """
    known = {placed.badge.id for placed in badges}
    # Names that no badge has are mistakes of another kind.
    reached = {required for badge in data.badges for required in badge.requires if required not in known}.union(
        doubtful
    )
    counted: dict[str, Badge] = {}
    while True:
        new = [
            placed.badge
            for placed in badges
            if placed.badge.id not in reached
            and reached >= set(placed.badge.requires)
            and _within_reach(placed.badge.criterion, counted, data, doubtful)
        ]
        if not new:
            break
        counted |= {badge.id: badge for badge in new}
        reached.update(counted)
    asked = {placed.badge.id: placed.badge.requires for placed in badges}
    for placed in badges:
        if placed.badge.id in reached:
            continue
        if reached >= set(placed.badge.requires):
            yield RulebookError(
                placed.criterion_key,
                "Can never be met: it asks for more badges, or more points of badges, than can be had before it.",
            )
        elif not placed.is_higher_tier and _requires_itself(placed.badge.id, asked):
            # Other badges that ask for an unreachable one are not wrong themselves.
            yield RulebookError(
                f"{placed.key}.requires",
                "Can never be met: it asks for a badge that itself cannot be had before it.",
            )


def _requires_itself(badge_id: str, asked: Mapping[str, Sequence[str]]) -> bool:
    seen: set[str] = set()
    left = [*asked[badge_id]]
    while left:
        required = left.pop()
        if required not in seen:
            seen.add(required)
            left += asked.get(required, ())
    return badge_id in seen


def _within_reach(
    criterion: Criterion, reached: Mapping[str, Badge], data: RulebookData, doubtful: Collection[str]
) -> bool:
    if isinstance(criterion, AllOf):
        return all(_within_reach(part, reached, data, doubtful) for part in criterion.of)
    if isinstance(criterion, AnyOf):
        return any(_within_reach(part, reached, data, doubtful) for part in criterion.of)
    if isinstance(criterion, Points | Level) and not _events_pay(data):
        total = sum(badge.points for badge in reached.values())
        needed = criterion.target if isinstance(criterion, Points) else data.levels.start_of(criterion.target)
        return bool(doubtful) or (needed is not None and total >= needed)
    if not isinstance(criterion, Badges):
        return True
    held = sum(
        criterion.category in (None, badge.category) and criterion.rarity in (None, badge.rarity)
        for badge in reached.values()
    )
    # A doubtful badge may be of any kind.
    return held + len(doubtful) >= criterion.target
