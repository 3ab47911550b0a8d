"""Counted in ranges, those with more points are found in a short sum, however many and however far apart they are."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from laurels.domain.boards.point_ranges import LARGEST, LEVELS, TOP, WIDTH, PointRange, ranges_above, roll_up

POINTS = st.sampled_from([-33, -1, 0, 1, 31, 32, 33, 1_023, 1_024, 10**6, 2**30 - 1, 2**30, 2**35 + 7, LARGEST])


def counted(points: list[int], board: str = "all") -> Counter[PointRange]:
    """How many stand in each range, when one came after the other."""
    counts: Counter[PointRange] = Counter()
    for each in points:
        for changed, change in roll_up({(board, each): 1}).items():
            counts[changed] += change
    return counts


def above(counts: Counter[PointRange], points: int, board: str = "all") -> int:
    """How many have more points, as a store adds it up."""
    return sum(
        count
        for (name, level, bucket), count in counts.items()
        for at, first, last in ranges_above(points)
        if name == board and level == at and first <= bucket <= last
    )


@given(st.lists(POINTS, max_size=8), POINTS)
def test_the_sum_is_how_many_have_more_points(points: list[int], asked: int) -> None:
    assert above(counted(points), asked) == sum(each > asked for each in points)


@given(st.lists(st.tuples(POINTS, POINTS), max_size=5))
def test_a_move_is_the_same_as_one_who_left_and_one_who_came(moves: list[tuple[int, int]]) -> None:
    counts = counted([before for before, _ in moves])
    for before, after in moves:
        changes = Counter({("all", before): -1})
        changes["all", after] += 1
        counts.update(roll_up(changes))
    assert +counts == counted([after for _, after in moves])


def test_each_user_counts_in_one_range_of_each_level() -> None:
    changes = roll_up({("all", 70): 1})
    assert changes == {PointRange("all", level, 70 >> (WIDTH * level)): 1 for level in range(LEVELS)}


def test_where_few_points_are_gained_few_levels_change() -> None:
    assert roll_up({("all", 64): -1, ("all", 65): 1}) == {PointRange("all", 0, 64): -1, PointRange("all", 0, 65): 1}


def test_boards_are_counted_each_by_itself() -> None:
    changes = roll_up({("all", 5): -1, ("2026-W12", 5): 1})
    assert len(changes) == 2 * LEVELS
    assert above(Counter(changes), 0, "2026-W12") == 1


def test_nothing_changed_is_no_range() -> None:
    assert roll_up({}) == roll_up({("all", 5): 0}) == {}


@pytest.mark.parametrize("points", [0, 31, 1_023, 10**9, 2**35, LARGEST - 1])
def test_the_ranges_are_few_and_hold_no_points_twice(points: int) -> None:
    found = list(ranges_above(points))
    assert len(found) <= LEVELS
    assert all(first <= last for _, first, last in found)
    # Each begins where the one below it has ended.
    begin = points + 1
    for level, first, last in found:
        assert first << (WIDTH * level) == begin
        begin = (last + 1) << (WIDTH * level)
        assert level < TOP or last == LARGEST


def test_above_the_largest_there_is_nobody() -> None:
    assert all(level == TOP for level, _, _ in ranges_above(LARGEST))
    assert above(counted([LARGEST]), LARGEST) == 0
