"""What a `[streak]` table says of single days: when a streak ends, what freezes, pauses and repairs held together."""

from __future__ import annotations

from datetime import date
from typing import Any

import msgspec
import pytest

from laurels.domain.ledger.repairs import Repair
from laurels.domain.progress import DayTotals, Progress
from laurels.domain.rules.streak_count import StreakCount, StreakEnd, StreakGap
from laurels.domain.rules.streak_rules import StreakRules

MONDAY = date(2026, 3, 2).toordinal()
TWO_FREEZES = {"freezes": {"initial": 2}}
WEEKLY = {"per": "week", "days": 2}


def count_by(**table: Any) -> StreakCount:
    return StreakCount(msgspec.convert(table, StreakRules))


def active_on(*days: int, **fields: Any) -> Progress:
    """A learner with an event of 5 points on each of these days, counted from the Monday."""
    return Progress(
        user_id="ada",
        version="v",
        days={MONDAY + day: DayTotals(1, 5) for day in days},
        first_day=MONDAY + min(days, default=0),
        last_day=MONDAY + max(days, default=0),
        **fields,
    )


def states_of(count: StreakCount, progress: Progress, *, today: int, last: int = 13) -> dict[int, str]:
    found = count.states(progress, MONDAY, MONDAY + last, today=MONDAY + today)
    return {day - MONDAY: state for day, state in found.items()}


class TestWithoutADay:
    def test_there_is_no_streak_no_end_no_gap_and_no_state(self) -> None:
        count, nobody = count_by(**TWO_FREEZES, pauses=[{"from": "2026-03-02", "until": "2026-03-05"}]), active_on()
        assert count.current(nobody, MONDAY) == 0
        assert count.end(nobody) is None
        assert count.gaps(nobody, MONDAY, MONDAY) == []
        assert count.longest_of(nobody, MONDAY, MONDAY + 5) == 0
        # Nobody is expected before they have come.
        assert states_of(count, nobody, today=5) == {}

    def test_all_freezes_of_the_beginning_are_left(self) -> None:
        assert count_by(**TWO_FREEZES).freezes_left(active_on(), MONDAY) == 2
        assert count_by().freezes_left(active_on(), MONDAY) == 0


class TestCurrent:
    @pytest.mark.parametrize(
        ("today", "length", "left"), [(0, 1, 2), (1, 2, 2), (2, 2, 2), (3, 2, 1), (4, 2, 0), (5, 0, 2)]
    )
    def test_today_is_not_missed_before_it_is_over(self, today: int, length: int, left: int) -> None:
        count, progress = count_by(**TWO_FREEZES), active_on(0, 1)
        known = active_on(*range(min(today, 1) + 1))
        assert count.current(known, MONDAY + today) == length
        assert count.freezes_left(progress, MONDAY + max(today, 1)) == left

    def test_days_ahead_belong_to_the_streak_that_they_continue(self) -> None:
        count = count_by()
        assert count.current(active_on(0, 1, 2), MONDAY + 1) == 3
        assert count.current(active_on(0, 2), MONDAY + 1) == 1
        assert count.current(active_on(5), MONDAY + 4) == 1
        assert count.current(active_on(5), MONDAY + 3) == 0

    def test_a_day_below_the_minimum_is_no_day(self) -> None:
        count = count_by(minimum={"points": 6})
        assert count.current(active_on(0, 1), MONDAY + 1) == 0
        assert count.end(active_on(0, 1)) is None


class TestEnd:
    def test_without_freezes_it_is_over_after_the_day_after(self) -> None:
        assert count_by().end(active_on(0, 1)) == StreakEnd(2, MONDAY + 1, MONDAY + 3)

    def test_each_freeze_puts_it_off_by_a_day(self) -> None:
        assert count_by(**TWO_FREEZES).end(active_on(0, 1)) == StreakEnd(2, MONDAY + 1, MONDAY + 5)

    def test_days_of_a_pause_take_no_freeze(self) -> None:
        count = count_by(pauses=[{"from": "2026-03-04", "until": "2026-03-10"}])
        assert count.end(active_on(0, 1)) == StreakEnd(2, MONDAY + 1, MONDAY + 10)

    @pytest.mark.parametrize("table", [{}, TWO_FREEZES, WEEKLY, {**WEEKLY, **TWO_FREEZES}])
    def test_it_holds_until_the_day_before_and_reads_zero_from_then_on(self, table: dict[str, Any]) -> None:
        count, progress = count_by(**table), active_on(0, 1, 7, 8)
        end = count.end(progress)
        assert end is not None
        assert count.current(progress, end.over_on - 1) == end.length
        assert count.current(progress, end.over_on) == 0


class TestWeeks:
    def test_a_week_counts_from_the_day_that_makes_it_enough(self) -> None:
        count = count_by(**WEEKLY)
        assert count.current(active_on(0, 6, 7), MONDAY + 7) == 1
        assert count.current(active_on(0, 6, 7, 13), MONDAY + 13) == 2
        assert count.end(active_on(0, 6)) == StreakEnd(1, MONDAY + 6, MONDAY + 14)

    def test_a_week_is_paused_where_too_few_of_its_days_are_left(self) -> None:
        six = count_by(**WEEKLY, pauses=[{"from": "2026-03-09", "until": "2026-03-14"}])
        five = count_by(**WEEKLY, pauses=[{"from": "2026-03-09", "until": "2026-03-13"}])
        assert six.current(active_on(0, 1, 14, 15), MONDAY + 15) == 2
        assert five.current(active_on(0, 1, 14, 15), MONDAY + 15) == 1

    @pytest.mark.parametrize("day", [0, 3, 6])
    def test_the_unit_around_a_day_is_its_week(self, day: int) -> None:
        assert count_by(**WEEKLY).unit_around(MONDAY + day) == (MONDAY, MONDAY + 6)
        assert count_by().unit_around(MONDAY + day) == (MONDAY + day, MONDAY + day)


class TestGaps:
    def test_each_says_what_was_missed_and_what_may_be_missed(self) -> None:
        count, progress = count_by(**TWO_FREEZES), active_on(0, 4)
        gap = StreakGap(MONDAY + 1, MONDAY + 3, frozenset({MONDAY + 1, MONDAY + 2, MONDAY + 3}), 0, 2)
        assert count.gaps(progress, MONDAY, MONDAY + 4) == [gap]

    def test_the_last_one_goes_up_to_today_which_is_not_missed_yet(self) -> None:
        gap = StreakGap(MONDAY + 1, MONDAY + 2, frozenset({MONDAY + 1, MONDAY + 2}), 0, 0)
        assert count_by().gaps(active_on(0), MONDAY, MONDAY + 3) == [gap]

    def test_between_neighbours_and_before_the_first_day_there_is_none(self) -> None:
        assert count_by().gaps(active_on(1, 2), MONDAY, MONDAY + 3) == []

    def test_one_that_ends_before_is_left_out_and_of_others_what_comes_before_is_late(self) -> None:
        count, progress = count_by(), active_on(0, 2, 6)
        assert [gap.first - MONDAY for gap in count.gaps(progress, MONDAY, MONDAY + 6)] == [1, 3]
        assert [(gap.first - MONDAY, gap.late) for gap in count.gaps(progress, MONDAY + 4, MONDAY + 6)] == [(3, 1)]

    def test_days_on_which_nothing_is_expected_are_not_missed(self) -> None:
        count = count_by(pauses=[{"from": "2026-03-03", "until": "2026-03-03"}])
        progress = active_on(0, 4, pauses=[(MONDAY + 2, MONDAY + 2)])
        assert [gap.missed for gap in count.gaps(progress, MONDAY, MONDAY + 4)] == [frozenset({MONDAY + 3})]


class TestStates:
    def test_frozen_are_missed_days_that_a_streak_went_across(self) -> None:
        count = count_by(**TWO_FREEZES)
        assert states_of(count, active_on(0, 2, 6), today=6) == {1: "frozen"}
        assert states_of(count, active_on(0, 3), today=3) == {1: "frozen", 2: "frozen"}
        # Today is not missed yet.
        assert states_of(count, active_on(0), today=2) == {1: "frozen"}
        assert states_of(count, active_on(0), today=9) == {}

    def test_days_of_pauses_are_paused_from_the_first_day_on(self) -> None:
        count = count_by(pauses=[{"from": "2026-03-02", "until": "2026-03-05"}])
        assert states_of(count, active_on(1, 4), today=4) == {2: "paused", 3: "paused"}

    def test_own_pauses_and_repairs_say_so(self) -> None:
        progress = active_on(0, 4, pauses=[(MONDAY + 1, MONDAY + 1)], repairs=[Repair(MONDAY + 2, MONDAY + 3, 10)])
        assert states_of(count_by(), progress, today=4) == {1: "paused", 2: "repaired", 3: "repaired"}

    def test_a_day_that_counts_has_no_state(self) -> None:
        count = count_by(pauses=[{"from": "2026-03-02", "until": "2026-03-05"}])
        assert states_of(count, active_on(0, 1, 2, 3), today=3) == {}


def test_the_longest_streak_within_some_days_is_that_of_these_days_alone() -> None:
    count, progress = count_by(), active_on(0, 1, 2, 3, 5, 6)
    assert count.longest_of(progress, MONDAY, MONDAY + 6) == 4
    assert count.longest_of(progress, MONDAY + 2, MONDAY + 5) == 2
    assert count.longest_of(progress, MONDAY + 4, MONDAY + 4) == 0


def test_a_day_is_reached_by_the_event_that_makes_it_enough() -> None:
    count = count_by(minimum={"events": 2, "points": 10})
    assert not count.is_reached(DayTotals(1, 50), 50)
    assert count.is_reached(DayTotals(2, 50), 0)
    assert not count.is_reached(DayTotals(3, 50), 5)
    assert count.is_reached(DayTotals(3, 12), 5)
    assert not count.is_reached(DayTotals(3, 9), 9)


def test_day_by_day_it_comes_to_what_all_days_say_together() -> None:
    count = count_by(freezes={"initial": 1, "every": 3, "cap": 2})
    days = (0, 1, 3, 4, 5, 8, 9, 20)
    progress, longest = active_on(), 0
    for day in days:
        progress.days[MONDAY + day] = DayTotals(1, 5)
        longest = progress.longest_streak = count.take(progress, MONDAY + day)
        assert count.current(progress, MONDAY + day) == count.current(
            active_on(*days[: days.index(day) + 1]), MONDAY + day
        )
    assert longest == count.longest_of(active_on(*days), MONDAY, MONDAY + 20) == 5
