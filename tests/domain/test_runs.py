"""Runs are read from the set of days: whatever order these came in, and however many units freezes hold together."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from laurels.domain.runs import MissBudget, Runs, run_through, streak_around

NONE = MissBudget(start=0, gain=0, most=0, price=1)
TWO = MissBudget(start=2, gain=0, most=2, price=1)
EVERY_THIRD = MissBudget(start=0, gain=1, most=6, price=3)


class TestDays:
    def test_a_day_by_itself_is_a_run_of_one_whether_or_not_it_is_in_the_set(self) -> None:
        assert run_through(set(), 5) == run_through({5}, 5) == run_through({3, 7}, 5) == 1

    def test_a_day_joins_the_runs_on_both_sides_of_it(self) -> None:
        assert run_through({1, 2, 4, 5, 6, 8}, 3) == 6

    def test_days_before_the_epoch_count_like_all_others(self) -> None:
        assert run_through({-2, -1, 1}, 0) == 4

    def test_a_streak_goes_on_until_the_end_of_the_day_after(self) -> None:
        days = {1, 2, 3}
        assert [streak_around(days, today) for today in range(6)] == [1, 3, 3, 3, 3, 0]

    def test_without_days_there_is_no_streak(self) -> None:
        assert streak_around(set(), 5) == 0

    def test_tomorrow_belongs_to_the_streak_that_it_continues(self) -> None:
        assert streak_around({4, 5, 6}, 5) == 3
        # With today missing, yesterday's goes on for itself.
        assert streak_around({3, 4, 6}, 5) == 2
        assert streak_around({6}, 5) == 1
        assert streak_around({7}, 5) == 0


def walk(budget: MissBudget, active: list[bool]) -> Runs:
    """The runs after units of which these were active."""
    runs: Runs = []
    for is_active in active:
        runs = budget.lengthen(runs) if is_active else budget.miss(runs, 1)
    return runs


def longest_by_trying_all(budget: MissBudget, active: list[bool]) -> tuple[int, int]:
    """The longest of the runs that any active unit may begin, and how many units may be missed until none holds."""
    lengths, spare = [0], [0]
    for begin, begins in enumerate(active):
        if not begins:
            continue
        left, length = budget.start, 0
        for is_active in active[begin:]:
            left = min(left + budget.gain, budget.most) if is_active else left - budget.price
            length += is_active
            if left < 0:
                break
        else:
            lengths.append(length)
            spare.append(left // budget.price)
    return max(lengths), max(spare)


BUDGETS = st.builds(
    lambda price, start, gain, more: MissBudget(
        start=start * price, gain=gain, most=(start + more) * price, price=price
    ),
    st.integers(1, 4),
    st.integers(0, 3),
    st.integers(0, 1),
    st.integers(0, 3),
)
UNITS = st.lists(st.booleans(), max_size=20)


class TestMissBudget:
    def test_without_freezes_one_missed_unit_ends_the_run(self) -> None:
        assert walk(NONE, [True, True]) == [(0, 2)]
        assert walk(NONE, [True, True, False]) == []
        assert walk(NONE, [True, True, False, True]) == [(0, 1)]

    def test_a_run_bears_as_many_missed_units_as_it_began_with(self) -> None:
        assert walk(TWO, [True, False, False]) == [(0, 1)]
        assert walk(TWO, [True, False, False, False]) == []

    def test_active_units_earn_freezes_up_to_the_most(self) -> None:
        assert EVERY_THIRD.bears(walk(EVERY_THIRD, [True] * 2)) == 0
        assert EVERY_THIRD.bears(walk(EVERY_THIRD, [True] * 3)) == 1
        assert EVERY_THIRD.bears(walk(EVERY_THIRD, [True] * 99)) == 2
        assert walk(EVERY_THIRD, [True] * 99)[0] == (6, 99)

    def test_where_nothing_was_missed_the_runs_are_the_same(self) -> None:
        runs = walk(TWO, [True, False, True])
        assert TWO.miss(runs, 0) == runs

    def test_several_missed_at_once_cost_what_they_cost_one_by_one(self) -> None:
        runs = walk(TWO, [True, True])
        assert TWO.miss(runs, 2) == TWO.miss(TWO.miss(runs, 1), 1)
        assert TWO.miss(runs, 10**12) == []

    def test_without_a_run_nothing_can_be_missed(self) -> None:
        assert TWO.bears([]) == 0
        assert TWO.miss([], 1) == []

    @given(BUDGETS, UNITS)
    def test_the_longest_run_is_that_of_all_which_any_unit_may_begin(
        self, budget: MissBudget, active: list[bool]
    ) -> None:
        runs = walk(budget, active)
        longest, spare = longest_by_trying_all(budget, active)
        assert (runs[0][1] if runs else 0) == longest
        assert budget.bears(runs) == spare

    @given(BUDGETS, UNITS)
    def test_longer_runs_come_first_and_have_less_left(self, budget: MissBudget, active: list[bool]) -> None:
        runs = walk(budget, active)
        assert runs == sorted(runs, key=lambda run: -run[1]) == sorted(runs)
        assert len({left for left, _ in runs}) == len(runs)

    @given(BUDGETS, UNITS.filter(bool), st.data())
    def test_one_more_active_unit_never_makes_the_longest_run_shorter(
        self, budget: MissBudget, active: list[bool], data: st.DataObject
    ) -> None:
        at = data.draw(st.integers(0, len(active) - 1))
        before, after = walk(budget, active), walk(budget, [*active[:at], True, *active[at + 1 :]])
        assert (after[0][1] if after else 0) >= (before[0][1] if before else 0)


@pytest.mark.parametrize("missed", [1, 2, 3])
def test_as_few_runs_are_kept_as_can_still_become_the_longest(missed: int) -> None:
    budget = MissBudget(start=missed, gain=0, most=missed, price=1)
    assert len(walk(budget, [True, False] * 50 + [True])) <= missed + 2
