"""Streaks by a `[streak]` table are what a plain look at the days says, in whatever order the events came.

The plain look tries every beginning and every end, and counts down what each stretch may miss; it shares nothing with
the code but the words of docs/rulebooks.md.
"""

from __future__ import annotations

from datetime import date
from fractions import Fraction
from itertools import pairwise
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from laurels.domain.engine import advance
from laurels.domain.events import LearningEvent
from laurels.domain.folding import observe_event
from laurels.domain.periods import EPOCH_DAY, MS_PER_DAY
from laurels.domain.progress import Progress
from laurels.domain.rules.rulebook import Rulebook
from laurels.domain.rules.rulebook_data import RulebookData
from laurels.domain.rules.streak_rules import StreakRules
from laurels.rulebooks.loader import load_rulebook
from tests.domain.test_streaks import DAYS, longest_run, plain_streak

# A Monday, so that weeks have edges inside of what is drawn.
START = date(2026, 3, 2).toordinal()
LENGTH = 24
HOUR = 3_600_000
TARGETS = (1, 2, 3, 5, 8, 13)
Events = list[tuple[int, int]]
"""Hours since the beginning of START, and the points of each event."""


def rulebook_of(streak: dict[str, Any] | None) -> Rulebook:
    data: dict[str, Any] = {
        "name": "streaks",
        "levels": {"kind": "quadratic", "step": 50},
        "event_types": {f"p{points}": {"points": points} for points in (0, 1, 3)},
        "badges": [
            {
                "id": f"s{target}",
                "name": "s",
                "description": "s",
                "icon": "s",
                "category": "streak",
                "rarity": "common",
                "points": 0,
                "criterion": {"kind": "streak", "target": target},
            }
            for target in TARGETS
        ],
    }
    if streak is not None:
        data["streak"] = streak
    return Rulebook(msgspec.convert(data, RulebookData))


def live(events: Events, rulebook: Rulebook) -> Progress:
    """A progress to which these events happened, in this order."""
    progress = Progress(user_id="ada", version=rulebook.measures_version)
    for hours, points in events:
        at = (START - EPOCH_DAY) * MS_PER_DAY + hours * HOUR
        advance(progress, LearningEvent(user_id="ada", event_type=f"p{points}"), at, rulebook)
    return progress


class Plain:
    """What the words of the documentation say of these events."""

    def __init__(self, events: Events, rules: StreakRules) -> None:
        self.rules = rules
        days: dict[int, list[int]] = {}
        for hours, points in events:
            days.setdefault(START + (hours - rules.grace) // 24, []).append(points)
        self.counted = {
            day for day, paid in days.items() if len(paid) >= rules.minimum.events and sum(paid) >= rules.minimum.points
        }
        self.paused_days = {
            day for pause in rules.pauses for day in range(pause.from_day.toordinal(), pause.until_day.toordinal() + 1)
        }
        self.first = min(days, default=0)
        around = range(START - 60, START + LENGTH + 120)
        weekly = rules.per == "week"
        self.units = {self.unit(day) for day in around}
        need = rules.days if weekly else 1
        members = {unit: [day for day in around if self.unit(day) == unit] for unit in self.units}
        self.active = {unit for unit, held in members.items() if len(self.counted.intersection(held)) >= need}
        self.paused = {
            unit
            for unit, held in members.items()
            if unit not in self.active and len([day for day in held if day not in self.paused_days]) < need
        }

    def unit(self, day: int) -> date:
        """A day, or the Monday of its week."""
        found = date.fromordinal(day)
        return date.fromisocalendar(*found.isocalendar()[:2], 1) if self.rules.per == "week" else found

    def holds(self, first: date, until: date) -> int:
        """How many units count from `first` until before `until`; 0 where more is missed than a streak may."""
        freezes, length = Fraction(self.rules.freezes.initial), 0
        for unit in sorted(unit for unit in self.units if first <= unit < until):
            if unit in self.active:
                length += 1
                if isinstance(self.rules.freezes.every, int) and isinstance(self.rules.freezes.cap, int):
                    freezes = min(freezes + Fraction(1, self.rules.freezes.every), Fraction(self.rules.freezes.cap))
            elif unit not in self.paused:
                freezes -= 1
                if freezes < 0:
                    return 0
        return length

    def streak(self, today: int) -> int:
        end = self.unit(today)
        more = int(end in self.active)
        lengths = [length + more for first in self.active if first < end and (length := self.holds(first, end))]
        return max([*lengths, more])

    @property
    def longest(self) -> int:
        after = {unit: min(each for each in self.units if each > unit) for unit in self.active}
        return max((self.holds(a, after[b]) for a in self.active for b in self.active if a <= b), default=0)

    def states(self, today: int) -> dict[int, str]:
        found: dict[int, str] = {}
        end = self.unit(today)
        edges = sorted(self.active | {end})
        for before, after in pairwise(edges):
            is_held = any(self.holds(first, after) for first in self.active if first <= before)
            for day in range(START - 1, START + LENGTH + 60):
                unit = self.unit(day)
                if before in self.active and is_held and before < unit < after and unit not in self.paused:
                    found[day] = "frozen"
        found |= {day: "paused" for day in self.paused_days if self.first and day >= self.first}
        return {day: state for day, state in found.items() if day not in self.counted}


def dates(length: int) -> st.SearchStrategy[dict[str, date]]:
    return st.builds(
        lambda at, days: {"from": date.fromordinal(START + at), "until": date.fromordinal(START + at + days)},
        st.integers(-3, length),
        st.integers(0, 9),
    )


@st.composite
def streak_tables(draw: st.DrawFn) -> dict[str, Any]:
    every = draw(st.none() | st.integers(1, 4))
    initial = draw(st.integers(0, 2))
    freezes: dict[str, int] = {"initial": initial}
    if every is not None:
        freezes |= {"every": every, "cap": draw(st.integers(max(1, initial), 3))}
    per = draw(st.sampled_from(["day", "week"]))
    return {
        "per": per,
        "days": draw(st.integers(1, 4)) if per == "week" else 1,
        "minimum": {"events": draw(st.integers(1, 2)), "points": draw(st.sampled_from([0, 0, 3]))},
        "grace": draw(st.sampled_from([0, 0, 3])),
        "freezes": freezes,
        "pauses": draw(st.lists(dates(LENGTH), max_size=2)),
    }


# Many on few days, and most of them close to midnight.
HOURS = st.builds(lambda day, hour: 24 * day + hour, st.integers(0, LENGTH), st.sampled_from([0, 2, 3, 12, 12, 12, 23]))
EVENTS = st.lists(st.tuples(HOURS, st.sampled_from([0, 1, 3, 3])), max_size=70)


class TestByAPlainLookAtTheDays:
    @settings(max_examples=50, deadline=None)
    @given(EVENTS, streak_tables(), st.integers(0, 20), st.randoms(use_true_random=False))
    def test_streak_longest_badges_and_days_are_the_same_in_any_order(
        self, events: Events, table: dict[str, Any], ahead: int, random: Any
    ) -> None:
        rulebook = rulebook_of(table)
        assert rulebook.streak is not None
        plain = Plain(events, rulebook.streak.rules)
        today = max(plain.counted, default=START) + ahead
        now = (today - EPOCH_DAY) * MS_PER_DAY + 12 * HOUR
        states: Progress | None = None
        for order in (events, sorted(events), sorted(events, reverse=True), random.sample(events, len(events))):
            progress = live(order, rulebook)
            assert rulebook.daily_streak(progress, now) == plain.streak(today)
            assert progress.longest_streak == plain.longest
            assert progress.awards.keys() == {f"s{target}" for target in TARGETS if target <= plain.longest}
            found = rulebook.streak.states(progress, START - 1, START + LENGTH + 59, today=today)
            assert found == plain.states(today)
            if states is not None:
                assert (progress.runs, progress.runs_until) == (states.runs, states.runs_until)
            states = progress

    @settings(max_examples=50, deadline=None)
    @given(DAYS, st.integers(-2, 15))
    def test_a_table_that_says_nothing_counts_as_no_table(self, days: list[int], ahead: int) -> None:
        rulebook = rulebook_of({})
        progress = Progress(user_id="ada", version=rulebook.measures_version)
        for day in days:
            at = (day - EPOCH_DAY) * MS_PER_DAY
            observe_event(progress, event_type="p1", metadata={}, at=at, offset=0, points=1, rulebook=rulebook)
        today = START - 1 + ahead
        now = (today - EPOCH_DAY) * MS_PER_DAY + MS_PER_DAY // 2
        assert rulebook.daily_streak(progress, now) == plain_streak(set(days), today)
        assert progress.longest_streak == longest_run(set(days))

    @settings(max_examples=50, deadline=None)
    @given(EVENTS, streak_tables(), st.tuples(HOURS, st.just(3)))
    def test_one_event_more_never_makes_the_longest_streak_shorter(
        self, events: Events, table: dict[str, Any], more: tuple[int, int]
    ) -> None:
        rulebook = rulebook_of(table)
        assert live([*events, more], rulebook).longest_streak >= live(events, rulebook).longest_streak

    @settings(max_examples=50, deadline=None)
    @given(EVENTS, streak_tables())
    def test_a_streak_is_over_on_the_day_from_which_it_reads_0(self, events: Events, table: dict[str, Any]) -> None:
        rulebook = rulebook_of(table)
        assert rulebook.streak is not None
        progress = live(events, rulebook)
        end = rulebook.streak.end(progress)
        plain = Plain(events, rulebook.streak.rules)
        assert (end is None) == (not plain.active)
        if end is not None:
            assert plain.unit(end.last_day) == max(plain.active)
            assert end.length == plain.streak(end.last_day)
            assert plain.streak(end.over_on - 1) > 0 == plain.streak(end.over_on)


def streaks(table: dict[str, Any], days: str) -> list[int]:
    """The streak at noon of each day, of someone active at noon on the days marked `x`."""
    rulebook = rulebook_of(table)
    events = [(24 * at + 12, 3) for at, mark in enumerate(days) if mark == "x"]
    found: list[int] = []
    for at in range(len(days)):
        progress = live([event for event in events if event[0] <= 24 * at + 12], rulebook)
        now = (START - EPOCH_DAY + at) * MS_PER_DAY + 12 * HOUR
        found.append(rulebook.daily_streak(progress, now))
    return found


class TestInWords:
    @pytest.mark.parametrize(
        ("table", "days", "expected"),
        [
            ({}, "xx.xx..", [1, 2, 2, 1, 2, 2, 0]),
            ({"freezes": {"initial": 1}}, "xx.x.x...", [1, 2, 2, 3, 3, 2, 2, 1, 0]),
            ({"freezes": {"every": 2, "cap": 1}}, "xx.x.x", [1, 2, 2, 3, 3, 1]),
            ({"freezes": {"every": 1, "cap": 1}}, "xxx..x", [1, 2, 3, 3, 3, 1]),
            ({"freezes": {"every": 2, "cap": 2}}, "xxxx..x.x", [1, 2, 3, 4, 4, 4, 5, 5, 1]),
            (
                {"pauses": [{"from": date(2026, 3, 4), "until": date(2026, 3, 6)}]},
                "xx...x..",
                [1, 2, 2, 2, 2, 3, 3, 0],
            ),
            # The second week has Saturday and Sunday left, which are too few.
            (
                {"per": "week", "days": 3, "pauses": [{"from": date(2026, 3, 9), "until": date(2026, 3, 13)}]},
                "xxx...........xxx",
                [0, 0, *[1] * 14, 2],
            ),
            ({"per": "week", "days": 2}, "xx.....xx............", [0, *[1] * 7, *[2] * 13]),
        ],
    )
    def test_a_few_weeks(self, table: dict[str, Any], days: str, expected: list[int]) -> None:
        assert streaks(table, days) == expected

    def test_a_day_counts_from_the_event_that_makes_its_points_enough(self) -> None:
        rulebook = rulebook_of({"minimum": {"events": 2, "points": 4}})
        assert [live([(12, 1), (13, 1), (14, 3)][:number], rulebook).longest_streak for number in (1, 2, 3)] == [
            0,
            0,
            1,
        ]

    def test_a_late_event_gives_the_freeze_back(self) -> None:
        rulebook = rulebook_of({"freezes": {"initial": 1}})
        assert rulebook.streak is not None
        days = [12, 36, 84]
        progress = live([(hour, 3) for hour in days], rulebook)
        assert (progress.longest_streak, rulebook.streak.freezes_left(progress, START + 3)) == (3, 0)
        progress = live([(hour, 3) for hour in (*days, 60)], rulebook)
        assert (progress.longest_streak, rulebook.streak.freezes_left(progress, START + 3)) == (4, 1)

    def test_a_late_event_joins_two_streaks_and_brings_the_badge(self) -> None:
        progress = live([(12, 3), (36, 3), (108, 3), (132, 3), (84, 3)], rulebook_of({"freezes": {"initial": 1}}))
        assert progress.longest_streak == 5
        # The award carries the instant of the late event, the one at whose arrival the streak was reached.
        assert progress.awards["s5"].earned_at == (START - EPOCH_DAY) * MS_PER_DAY + 84 * HOUR

    def test_hours_of_grace_are_of_the_day_before_everywhere(self) -> None:
        rulebook = rulebook_of({"grace": 3})
        progress = live([(12, 3), (26, 3), (74, 3)], rulebook)
        # On the first day and again at two at night; then at two in the night after the third.
        assert progress.days.keys() == {START, START + 2}
        at_one, at_four = ((START + 3 - EPOCH_DAY) * MS_PER_DAY + hour * HOUR for hour in (1, 4))
        assert [rulebook.today(progress, now) - START for now in (at_one, at_four)] == [2, 3]

    def test_what_was_recorded_keeps_its_day_when_the_grace_changes(self) -> None:
        before, after = rulebook_of({"grace": 3}), rulebook_of({})
        outcome = advance(
            progress := Progress(user_id="ada", version=before.measures_version),
            LearningEvent(user_id="ada", event_type="p3"),
            (START - EPOCH_DAY) * MS_PER_DAY + HOUR,
            before,
        )
        assert (outcome.grace, list(progress.days)) == (3, [START - 1])
        assert before.measures_version != after.measures_version
        assert before.fingerprint != after.fingerprint


def test_without_a_table_the_rules_are_what_they_were() -> None:
    plain = load_rulebook("coding")
    assert (plain.streak, plain.grace) == (None, 0)
