"""Every badge of the built-in rulebook can be earned, at the very event that completes it.

The events are made from each criterion itself, so a badge that is added to the rulebook is tested with no
further line here.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from itertools import count, cycle
from typing import Any

import pytest

from laurels.domain.engine import advance
from laurels.domain.events import LearningEvent, check_event
from laurels.domain.periods import EPOCH_DAY, MS_PER_DAY, to_datetime
from laurels.domain.progress import Progress
from laurels.domain.rules.criteria import (
    TIME_FIELDS,
    AllOf,
    AnyOf,
    Badges,
    Condition,
    Count,
    Criterion,
    Distinct,
    EventLeaf,
    Level,
    Moment,
    Points,
    Range,
    Span,
    Streak,
    Sum,
)
from laurels.domain.rules.rulebook_data import Badge
from laurels.rulebooks.loader import load_rulebook

CODING = load_rulebook("coding")
# A Monday and the first of a month: no window ends early.
FIRST_DAY = date(2026, 6, 1).toordinal()
MS_PER_HOUR = 3_600_000
END_OF_TIME = 10**14

Made = tuple[str, dict[str, Any], int]


def instant(day: int, hour: int = 10, second: int = 0) -> int:
    return (day - EPOCH_DAY) * MS_PER_DAY + hour * MS_PER_HOUR + second * 1000


def meets(condition: Condition | None, value: int) -> bool:
    if isinstance(condition, Range):
        return (condition.min is None or value >= condition.min) and (condition.max is None or value <= condition.max)
    return condition is None or value in (condition if isinstance(condition, list) else [condition])


def fitting(condition: Condition) -> Any:
    """A value that meets the condition, at its edge where it has one."""
    if isinstance(condition, Range):
        edge = condition.max if condition.min is None else condition.min
        assert edge is not None
        return int(edge)
    return condition[-1] if isinstance(condition, list) else condition


def metadata_for(leaf: EventLeaf) -> dict[str, Any]:
    return {
        field.removeprefix("metadata."): fitting(condition)
        for field, condition in leaf.where.items()
        if field not in TIME_FIELDS
    }


def events_for_leaf(leaf: EventLeaf) -> Iterator[Made]:
    """The fewest events that meet a leaf that looks at events."""
    types = [leaf.event] if isinstance(leaf.event, str) else (leaf.event or list(CODING.event_types))
    event_type = types[0]
    base = metadata_for(leaf)
    hours = [hour for hour in range(24) if meets(leaf.where.get("hour"), hour)]
    days = (day for day in count(FIRST_DAY) if meets(leaf.where.get("weekday"), day % 7 or 7))
    if isinstance(leaf, Count):
        day = next(days)
        yield from ((event_type, base, instant(day, hours[0], second)) for second in range(leaf.target))
    elif isinstance(leaf, Sum):
        at = instant(next(days), hours[0])
        field = leaf.field.removeprefix("metadata.")
        yield from ((event_type, base | {field: amount}, at) for amount in (leaf.target - 1, 1))
    elif leaf.field == "hour":
        day = next(days)
        yield from ((event_type, base, instant(day, hour)) for hour in hours[: leaf.target])
    elif leaf.field in TIME_FIELDS:
        seen: set[int] = set()
        while len(seen) < leaf.target:
            day = next(days)
            value = getattr(Moment(instant(day, hours[0]), 0, day), leaf.field)
            if value not in seen:
                seen.add(value)
                yield event_type, base, instant(day, hours[0])
    else:
        at = instant(next(days), hours[0])
        field = leaf.field.removeprefix("metadata.")
        yield from ((event_type, base | {field: f"{field}-{number}"}, at) for number in range(leaf.target))


def any_event(day: int, second: int = 0) -> Made:
    # Pays least, so that points bring no badge by the way before it is asked for.
    return "tutorial_start", {}, instant(day, second=second)


def events_for(criterion: Criterion) -> Iterator[Made]:
    """Events that meet a criterion; endless where only the state can tell when it is met."""
    match criterion:
        case AllOf():
            for part in criterion.of:
                yield from events_for(part)
        case AnyOf():
            yield from events_for(criterion.of[0])
        case Count() | Distinct() | Sum():
            yield from events_for_leaf(criterion)
        case Streak():
            yield from (any_event(FIRST_DAY + number) for number in range(criterion.target))
        case Span():
            yield from (any_event(FIRST_DAY + number) for number in (0, criterion.target - 1, criterion.target))
        case Points() | Level():
            kinds = cycle(CODING.event_types)
            yield from ((next(kinds), {}, instant(FIRST_DAY, second=number)) for number in count())
        case Badges():
            for badge in CODING.badges:
                if not isinstance(badge.criterion, Badges | AllOf):
                    yield from until_held(badge)


def until_held(badge: Badge) -> Iterator[Made]:
    """The events that earn one badge to someone who had nothing before."""
    progress = fresh()
    for made in events_for(badge.criterion):
        record(progress, made)
        yield made
        if badge.id in progress.awards:
            return


def fresh() -> Progress:
    return Progress(user_id="ada", version=CODING.measures_version)


def record(progress: Progress, made: Made) -> list[str]:
    """Count one event in, past the same check as any caller's, and return the badges that it brought."""
    event_type, metadata, at = made
    event = LearningEvent(user_id="ada", event_type=event_type, metadata=metadata, timestamp=to_datetime(at))
    assert check_event(event, CODING.event_types, now=END_OF_TIME, earliest=0) == at
    return [award.badge_id for award in advance(progress, event, at, CODING).awards]


def by_id(badges: list[Badge]) -> Any:
    return pytest.mark.parametrize("badge", badges, ids=[badge.id for badge in badges])


def is_simple(badge: Badge) -> bool:
    return isinstance(badge.criterion, Count | Distinct | Sum | Streak | Span)


@by_id(CODING.badges)
def test_it_is_earned_once_and_its_progress_rises_to_exactly_one(badge: Badge) -> None:
    progress = fresh()
    goal = CODING.goals[CODING.badges.index(badge)]
    brought: list[str] = []
    fraction = goal.progress(progress).fraction
    assert 0.0 <= fraction < 1.0
    for made in until_held(badge):
        brought += record(progress, made)
        shown = goal.progress(progress)
        assert fraction <= shown.fraction <= 1.0
        fraction = shown.fraction
        is_held = badge.id in progress.awards
        assert (fraction == 1.0) == is_held
        assert (shown.current >= shown.target) == is_held
        if is_held:
            assert progress.awards[badge.id].earned_at == made[2]
            assert progress.awards[badge.id].points == badge.points
    assert badge.id in progress.awards
    for made in until_held(badge):
        brought += record(progress, made)
    assert brought.count(badge.id) == 1
    assert goal.progress(progress).fraction == 1.0


@by_id([badge for badge in CODING.badges if is_simple(badge)])
def test_it_is_not_held_one_event_short(badge: Badge) -> None:
    *before, last = events_for(badge.criterion)
    progress = fresh()
    for made in before:
        record(progress, made)
    assert badge.id not in progress.awards
    goal = CODING.goals[CODING.badges.index(badge)]
    shown = goal.progress(progress)
    assert shown.target - shown.current == 1
    assert badge.id in record(progress, last)


@by_id([badge for badge in CODING.badges if isinstance(badge.criterion, AnyOf)])
def test_either_part_earns_it(badge: Badge) -> None:
    assert isinstance(badge.criterion, AnyOf)
    for part in badge.criterion.of:
        progress = fresh()
        for made in events_for(part):
            record(progress, made)
        assert badge.id in progress.awards


@by_id([badge for badge in CODING.badges if isinstance(badge.criterion, AllOf)])
def test_it_takes_every_part(badge: Badge) -> None:
    assert isinstance(badge.criterion, AllOf)
    if any(isinstance(part, Badges) for part in badge.criterion.of):
        # Badges bring one another, so leaving one part out cannot be staged; rising to one is tested above.
        return
    for left_out in badge.criterion.of:
        progress = fresh()
        for part in badge.criterion.of:
            if part is not left_out:
                for made in events_for(part):
                    record(progress, made)
        assert badge.id not in progress.awards


def test_all_of_them_can_be_held_by_one_person() -> None:
    progress = fresh()
    brought: list[str] = []
    fractions = [goal.progress(progress).fraction for goal in CODING.goals]
    for number, made in enumerate(made for badge in CODING.badges for made in until_held(badge)):
        brought += record(progress, made)
        if number % 10 == 0:
            shown = [goal.progress(progress).fraction for goal in CODING.goals]
            assert all(before <= after for before, after in zip(fractions, shown, strict=True))
            held = {badge.id for badge, fraction in zip(CODING.badges, shown, strict=True) if fraction == 1.0}
            assert held == set(progress.awards)
            fractions = shown
    assert sorted(brought) == sorted(badge.id for badge in CODING.badges)
    assert progress.total_points == sum(totals.points for totals in progress.types.values()) + sum(
        badge.points for badge in CODING.badges
    )
