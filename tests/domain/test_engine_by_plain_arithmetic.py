"""The engine's numbers once more, computed the slowest and plainest way there is.

Nothing is kept from event to event: each criterion looks at the bare list of events, with local times straight
from `zoneinfo` and days straight from the calendar.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from laurels.domain.rules.badges.criteria import (
    AllOf,
    AnyOf,
    Badges,
    Condition,
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
from laurels.domain.rules.rulebook import Rulebook
from laurels.domain.rules.rulebook_data import Badge
from tests.domain.histories import EPOCH, RULEBOOKS, Happened, History, for_each_rulebook, ms, record
from tests.examples import share_of


def local_time(one: Happened, zones: list[tuple[int, str]]) -> datetime:
    name = zones[0][1]
    for since, later in zones[1:]:
        if one.at >= since:
            name = later
    return (EPOCH + timedelta(milliseconds=one.at)).astimezone(ZoneInfo(name))


def field_of(one: Happened, local: datetime, field: str) -> Any:
    match field:
        case "hour":
            return local.hour
        case "weekday":
            return local.isoweekday()
        case "day" | "week" | "month":
            return window_of(local, field)
    value: Any = one.metadata
    for key in field.removeprefix("metadata.").split("."):
        value = value.get(key) if isinstance(value, dict) else None
    return value


def window_of(local: datetime, per: str | None) -> Any:
    calendar = local.isocalendar()
    return {
        "day": f"{local:%Y-%m-%d}",
        "week": f"{calendar.year} W{calendar.week}",
        "month": f"{local:%Y-%m}",
        None: None,
    }[per]


def is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def is_condition_met(condition: Condition, value: Any) -> bool:
    if isinstance(condition, Range):
        low = condition.min is None or (is_number(value) and value >= condition.min)
        return is_number(value) and low and (condition.max is None or value <= condition.max)
    wanted = condition if isinstance(condition, list) else [condition]
    return any(isinstance(value, bool) == isinstance(one, bool) and value == one for one in wanted)


def best_of(leaf: EventLeaf, lived: list[tuple[Happened, datetime]]) -> float:
    """The leaf's measure, from nothing but the events and their local times."""
    types = [leaf.event] if isinstance(leaf.event, str) else leaf.event
    windows: dict[Any, list[Any]] = defaultdict(list)
    for one, local in lived:
        if (types is None or one.event_type in types) and all(
            is_condition_met(condition, field_of(one, local, field)) for field, condition in leaf.where.items()
        ):
            value = 1 if isinstance(leaf, Count) else field_of(one, local, leaf.field)
            windows[window_of(local, leaf.per)].append(value)
    if isinstance(leaf, Distinct):
        scalars = [[value for value in values if isinstance(value, str | int | float)] for values in windows.values()]
        return max((len({msgspec.json.encode(value) for value in values}) for values in scalars), default=0)
    amounts = [[max(value, 0) for value in values if is_number(value)] for values in windows.values()]
    thousandths = [sum(round(min(value, 10**12) * 1000) for value in values) for values in amounts]
    return max(thousandths, default=0) / 1000


def longest_run(days: Iterable[int]) -> int:
    best = run = 0
    previous = None
    for day in sorted(days):
        run = run + 1 if previous == day - 1 else 1
        best = max(best, run)
        previous = day
    return best


class Plain:
    """What a history must come to."""

    def __init__(self, history: History, rulebook: Rulebook) -> None:
        self.rulebook = rulebook
        self.lived = [(one, local_time(one, history.zones)) for one in history.events]
        self.days = Counter(local.date().toordinal() for _one, local in self.lived)
        self.points = sum(rulebook.event_types[one.event_type].points_for(one.metadata) for one in history.events)
        self.held: set[str] = set()
        self._best: dict[int, float] = {}

    def award(self) -> None:
        """Find the badges that must be held, by trying them all until none is new."""
        while new := {award for badge in self.rulebook.badges for award in self.awards_of(badge)} - self.held:
            self.held |= new

    def awards_of(self, badge: Badge) -> list[str]:
        """The ids of the awards of a badge: one, or one for each week or month in which it is met."""
        if not self.held.issuperset(badge.requires):
            return []
        if badge.repeat is None:
            return [badge.id] if self.is_met(badge.criterion, badge) else []
        assert isinstance(badge.criterion, Count | Distinct | Sum)
        name = {"week": "%G-W%V", "month": "%Y-%m"}[badge.repeat]
        periods: dict[str, list[tuple[Happened, datetime]]] = defaultdict(list)
        for one, local in self.lived_within(badge):
            periods[local.strftime(name)].append((one, local))
        target = badge.criterion.target
        return [f"{badge.id}@{each}" for each, lived in periods.items() if best_of(badge.criterion, lived) >= target]

    def is_held(self, badge: Badge) -> bool:
        return any(each.partition("@")[0] == badge.id for each in self.held)

    @property
    def total(self) -> int:
        return self.points + sum(self.rulebook.badge_points[each.partition("@")[0]] for each in self.held)

    def is_met(self, criterion: Criterion, badge: Badge) -> bool:
        if isinstance(criterion, AllOf):
            return all(self.is_met(part, badge) for part in criterion.of)
        if isinstance(criterion, AnyOf):
            return any(self.is_met(part, badge) for part in criterion.of)
        return self.value_of(criterion, badge) >= criterion.target

    def lived_within(self, badge: Badge) -> list[tuple[Happened, datetime]]:
        first, last = badge.from_day or date.min, badge.until_day or date.max
        return [(one, local) for one, local in self.lived if first <= local.date() <= last]

    def value_of(self, leaf: Criterion, badge: Badge) -> float:
        match leaf:
            case Count() | Distinct() | Sum():
                if id(leaf) not in self._best:
                    self._best[id(leaf)] = best_of(leaf, self.lived_within(badge))
                return self._best[id(leaf)]
            case Points():
                return self.total
            case Level():
                return next(level for level in range(1, 10_000) if self._start_of(level + 1) > self.total)
            case Streak():
                return longest_run(self.days)
            case Span():
                return max(self.days, default=0) - min(self.days, default=0)
            case Badges():
                return sum(
                    self.is_held(badge)
                    and leaf.category in (None, badge.category)
                    and leaf.rarity in (None, badge.rarity)
                    for badge in self.rulebook.badges
                )
            case _:
                raise AssertionError(leaf)

    def _start_of(self, level: int) -> int:
        start = self.rulebook.levels.start_of(level)
        assert start is not None
        return start


class TestAgainstThePlainestWay:
    @for_each_rulebook(examples=100)
    def test_the_same_badges_are_held_and_the_same_numbers_shown(self, history: History, rulebook: Rulebook) -> None:
        progress, _entries = record(history, rulebook)
        plain = Plain(history, rulebook)
        plain.award()
        assert set(progress.awards) == plain.held
        assert progress.total_points == plain.total
        for badge, requirement in zip(rulebook.badges, rulebook.requirements, strict=True):
            shown = requirement.progress(progress)
            assert (shown.fraction == 1.0) == plain.is_held(badge)
            assert shown.fraction == (shown.current / shown.target if shown.target else 1.0)
            if isinstance(badge.criterion, Level):
                # In points: how many there are of those at which the level begins.
                assert shown.target == rulebook.levels.start_of(badge.criterion.target)
                assert shown.current == min(plain.total, shown.target)
            elif not isinstance(badge.criterion, AllOf | AnyOf) and not badge.requires:
                assert shown.current == min(plain.value_of(badge.criterion, badge), badge.criterion.target)

    @for_each_rulebook(examples=50)
    def test_days_and_streaks_are_those_of_the_calendar(self, history: History, rulebook: Rulebook) -> None:
        progress, _entries = record(history, rulebook)
        plain = Plain(history, rulebook)
        assert {day: totals.events for day, totals in progress.days.items()} == dict(plain.days)
        assert progress.longest_streak == longest_run(plain.days)
        board = ZoneInfo(rulebook.board_zone)
        moments = [EPOCH + timedelta(milliseconds=one.at) for one in history.events]
        board_days = Counter(moment.astimezone(board).date().toordinal() for moment in moments)
        assert {day: held.events for day, held in progress.board_days.items()} == dict(board_days)
        assert sum(totals.points for totals in progress.days.values()) == plain.points

    @settings(max_examples=share_of(150), deadline=None)
    @given(days=st.sets(st.integers(0, 20)), ahead=st.integers(-3, 24))
    def test_the_daily_streak_is_the_run_that_touches_today(self, days: set[int], ahead: int) -> None:
        monday = date(2026, 6, 1).toordinal()
        events = [Happened("a", {}, ms(datetime(2026, 6, 1, 12, tzinfo=UTC) + timedelta(day))) for day in days]
        progress, _entries = record(History([(0, "UTC")], events), RULEBOOKS["small"])
        now = ms(datetime(2026, 6, 1, 23, 59, tzinfo=UTC) + timedelta(ahead))
        today = ahead
        assert progress.today(now) == monday + ahead
        end = today if today in days else today - 1
        run = [back for back in range(30) if all(end - step in days for step in range(back + 1))]
        following = [on for on in range(1, 30) if all(end + step in days for step in range(1, on + 1))]
        expected = len(run) + len(following) if run else int(today + 1 in days)
        assert progress.daily_streak(now) == expected
