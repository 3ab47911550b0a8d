"""Every badge of the built-in rulebooks can be earned, at the very event that completes it.

The events are made from each criterion itself, so a badge that is added to the rulebook is tested with no
further line here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import date
from itertools import chain, count, cycle
from typing import Any, NamedTuple

import pytest

from laurels.domain.engine import advance
from laurels.domain.events import LearningEvent, check_event
from laurels.domain.periods import EPOCH_DAY, MS_PER_DAY, to_datetime
from laurels.domain.progress import Progress
from laurels.domain.rules.badges.awards import badges_of, is_held
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
    Level,
    Moment,
    Points,
    Range,
    Span,
    Streak,
    Sum,
)
from laurels.domain.rules.rulebook import Rulebook
from laurels.domain.rules.rulebook_data import Badge
from laurels.rulebooks.loader import BUILT_IN, load_rulebook

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


class Wanted(NamedTuple):
    """A badge to be earned, by its rulebook."""

    rules: Rulebook
    badge: Badge

    @property
    def place(self) -> int:
        return self.rules.badges.index(self.badge)


def first_day(badge: Badge) -> int:
    return FIRST_DAY if badge.from_day is None else badge.from_day.toordinal()


def events_for_leaf(leaf: EventLeaf, rules: Rulebook, first: int) -> Iterator[Made]:
    """The fewest events that meet a leaf that looks at events, from a day on."""
    types = [leaf.event] if isinstance(leaf.event, str) else (leaf.event or list(rules.event_types))
    event_type = types[0]
    base = metadata_for(leaf)
    hours = [hour for hour in range(24) if meets(leaf.where.get("hour"), hour)]
    days = (day for day in count(first) if meets(leaf.where.get("weekday"), day % 7 or 7))
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
            value = getattr(Moment(day, hours[0]), leaf.field)
            if value not in seen:
                seen.add(value)
                yield event_type, base, instant(day, hours[0])
    else:
        at = instant(next(days), hours[0])
        field = leaf.field.removeprefix("metadata.")
        yield from ((event_type, base | {field: f"{field}-{number}"}, at) for number in range(leaf.target))


def any_event(rules: Rulebook, day: int) -> Made:
    # Pays least, so that points bring no badge by the way before it is asked for.
    cheapest = min(rules.event_types, key=lambda name: rules.event_types[name].points)
    return cheapest, {}, instant(day)


def events_for(criterion: Criterion, rules: Rulebook, first: int) -> Iterator[Made]:
    """Events that meet a criterion; endless where only the state can tell when it is met."""
    match criterion:
        case AllOf():
            for part in criterion.of:
                yield from events_for(part, rules, first)
        case AnyOf():
            yield from events_for(criterion.of[0], rules, first)
        case Count() | Distinct() | Sum():
            yield from events_for_leaf(criterion, rules, first)
        case Streak():
            yield from (any_event(rules, first + number) for number in range(criterion.target))
        case Span():
            yield from (any_event(rules, first + number) for number in (0, criterion.target - 1, criterion.target))
        case Points() | Level():
            kinds = cycle(rules.event_types)
            # A minute apart and 300 a day: no limit of a day or of seconds holds the total back for ever.
            yield from ((next(kinds), {}, instant(first + each // 300, second=60 * (each % 300))) for each in count())
        case Badges():
            for badge in rules.badges:
                if not isinstance(badge.criterion, Badges | AllOf):
                    yield from until_held(Wanted(rules, badge))


def until_held(wanted: Wanted) -> Iterator[Made]:
    """The events that earn one badge to someone who had nothing before."""
    rules, badge = wanted
    progress = fresh(rules)
    before = (until_held(Wanted(rules, held)) for each in badge.requires if (held := rules.badge(each)))
    for made in chain(*before, events_for(badge.criterion, rules, first_day(badge))):
        record(progress, made, rules)
        yield made
        if is_held(progress, badge.id):
            return


def fresh(rules: Rulebook) -> Progress:
    return Progress(user_id="ada", version=rules.measures_version)


def record(progress: Progress, made: Made, rules: Rulebook) -> list[str]:
    """Count one event in, past the same check as any caller's, and return the badges that it brought."""
    event_type, metadata, at = made
    event = LearningEvent(user_id="ada", event_type=event_type, metadata=metadata, timestamp=to_datetime(at))
    assert check_event(event, rules.event_types, now=END_OF_TIME, earliest=0) == at
    return badges_of(award.badge_id for award in advance(progress, event, at, rules).awards)


ALL = [Wanted(rules, badge) for name in BUILT_IN for rules in [load_rulebook(name)] for badge in rules.badges]


def by_id(wanted: list[Wanted]) -> Any:
    return pytest.mark.parametrize("wanted", wanted, ids=[f"{rules.name}-{badge.id}" for rules, badge in wanted])


def is_simple(badge: Badge) -> bool:
    return not badge.requires and isinstance(badge.criterion, Count | Distinct | Sum | Streak | Span)


@by_id(ALL)
def test_it_is_earned_once_and_its_progress_rises_to_exactly_one(wanted: Wanted) -> None:
    rules, badge = wanted
    progress = fresh(rules)
    requirement = rules.requirements[wanted.place]
    brought: list[str] = []
    fraction = requirement.progress(progress).fraction
    assert 0.0 <= fraction < 1.0
    for made in until_held(wanted):
        brought += record(progress, made, rules)
        shown = requirement.progress(progress)
        assert fraction <= shown.fraction <= 1.0
        fraction = shown.fraction
        is_earned = is_held(progress, badge.id)
        assert (fraction == 1.0) == is_earned
        assert (shown.current >= shown.target) == is_earned
        if is_earned:
            [award] = [each for each in progress.awards.values() if badges_of([each.badge_id]) == [badge.id]]
            assert award.earned_at == made[2]
            assert award.points == badge.points
    assert is_held(progress, badge.id)
    for made in until_held(wanted):
        brought += record(progress, made, rules)
    assert brought.count(badge.id) == 1
    assert requirement.progress(progress).fraction == 1.0


@by_id([wanted for wanted in ALL if is_simple(wanted.badge)])
def test_it_is_not_held_one_event_short(wanted: Wanted) -> None:
    rules, badge = wanted
    *before, last = events_for(badge.criterion, rules, first_day(badge))
    progress = fresh(rules)
    for made in before:
        record(progress, made, rules)
    assert badge.id not in progress.awards
    shown = rules.requirements[wanted.place].progress(progress)
    assert shown.target - shown.current == 1
    assert badge.id in record(progress, last, rules)


@by_id([wanted for wanted in ALL if isinstance(wanted.badge.criterion, AnyOf)])
def test_either_part_earns_it(wanted: Wanted) -> None:
    rules, badge = wanted
    assert isinstance(badge.criterion, AnyOf)
    for part in badge.criterion.of:
        progress = fresh(rules)
        for made in events_for(part, rules, first_day(badge)):
            record(progress, made, rules)
        assert badge.id in progress.awards


@by_id([wanted for wanted in ALL if isinstance(wanted.badge.criterion, AllOf)])
def test_it_takes_every_part(wanted: Wanted) -> None:
    rules, badge = wanted
    assert isinstance(badge.criterion, AllOf)
    if any(isinstance(part, Badges) for part in badge.criterion.of):
        # Badges bring one another, so leaving one part out cannot be staged; rising to one is tested above.
        return
    for left_out in badge.criterion.of:
        progress = fresh(rules)
        for part in badge.criterion.of:
            if part is not left_out:
                for made in events_for(part, rules, first_day(badge)):
                    record(progress, made, rules)
        assert badge.id not in progress.awards


@by_id([wanted for wanted in ALL if wanted.badge.requires])
def test_it_takes_every_badge_that_it_asks_for(wanted: Wanted) -> None:
    rules, badge = wanted
    progress = fresh(rules)
    for made in events_for(badge.criterion, rules, first_day(badge)):
        record(progress, made, rules)
    assert badge.id not in progress.awards


@by_id([wanted for wanted in ALL if wanted.badge.until_day])
def test_it_takes_events_of_its_days(wanted: Wanted) -> None:
    rules, badge = wanted
    assert badge.until_day is not None
    progress = fresh(rules)
    for made in events_for(badge.criterion, rules, badge.until_day.toordinal() + 1):
        record(progress, made, rules)
    assert badge.id not in progress.awards
    assert rules.requirements[wanted.place].progress(progress).current == 0


@pytest.mark.parametrize("name", BUILT_IN)
def test_all_of_them_can_be_held_by_one_person(name: str) -> None:
    rules = load_rulebook(name)
    progress = fresh(rules)
    brought: list[str] = []
    fractions = [requirement.progress(progress).fraction for requirement in rules.requirements]
    for number, made in enumerate(made for badge in rules.badges for made in until_held(Wanted(rules, badge))):
        brought += record(progress, made, rules)
        if number % 10 == 0:
            shown = [requirement.progress(progress).fraction for requirement in rules.requirements]
            assert all(before <= after for before, after in zip(fractions, shown, strict=True))
            held = {badge.id for badge, fraction in zip(rules.badges, shown, strict=True) if fraction == 1.0}
            assert held == set(badges_of(progress.awards))
            fractions = shown
    assert set(brought) == {badge.id for badge in rules.badges}
    assert [each for each, times in Counter(brought).items() if times > 1 and each not in rules.repeated] == []
    assert progress.total_points == sum(totals.points for totals in progress.types.values()) + sum(
        rules.badge_points[each] for each in brought
    )
