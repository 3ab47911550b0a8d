"""A measure counts events in whatever order they come, and says whose target it passed exactly once."""

from __future__ import annotations

from datetime import date
from itertools import pairwise
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from laurels.domain.ledger.entries import Award
from laurels.domain.progress import DayTotals, Progress
from laurels.domain.rules.badges.criteria import (
    Badges,
    Criterion,
    EventLeaf,
    Level,
    Moment,
    Points,
    Span,
    Streak,
    Within,
)
from laurels.domain.rules.badges.measures import MAX_AMOUNT, EventMeasure, Measure, StateMeasure, measure_for

# A Thursday; the next day is of another month.
DAY = date(2026, 12, 31).toordinal()
Happened = tuple[dict[str, Any], int]
"""The metadata of an event, and its hour since the beginning of `DAY`."""


def leaf_of(**leaf: Any) -> EventLeaf:
    return msgspec.convert({"target": 1, **leaf}, Criterion)


def measure_of(*targets: int, within: Within | None = None, is_repeated: bool = False, **leaf: Any) -> EventMeasure:
    """A measure of what `leaf` looks at; the badge at position n asks for the n-th target."""
    measure = EventMeasure(7, leaf_of(**leaf), within, is_repeated=is_repeated)
    for badge, target in enumerate(targets):
        measure.add_target(target, badge)
    return measure


def count_in(measure: EventMeasure, *events: Happened) -> tuple[Progress, list[int]]:
    """The progress after some events, and the badges whose targets were passed."""
    progress, reached, update = Progress(user_id="ada", version="v"), list[int](), measure.update()
    for metadata, hour in events:
        update(progress, metadata, Moment(DAY + hour // 24, hour % 24), reached)
    return progress, reached


def values(*values: Any, field: str = "n") -> list[Happened]:
    """An event for each value of a field, all in the first hour."""
    return [({field: value}, 0) for value in values]


class TestTargets:
    def test_those_above_the_one_value_and_up_to_the_other_are_passed(self) -> None:
        measure = Measure(0)
        for badge, target in enumerate((10, 5, 10, 20)):
            measure.add_target(target, badge)
        assert measure.top == 20
        assert list(measure.crossed(0, 4)) == []
        assert list(measure.crossed(4, 5)) == [1]
        assert list(measure.crossed(5, 9)) == []
        assert list(measure.crossed(5, 10)) == [0, 2]
        assert list(measure.crossed(0, 1_000)) == [1, 0, 2, 3]
        assert list(measure.crossed(20, 21)) == list(measure.crossed(20, 90)) == []

    @given(st.lists(st.integers(1, 12), min_size=1, max_size=6), st.lists(st.integers(0, 14), min_size=2, max_size=5))
    def test_on_any_way_up_each_target_is_passed_once(self, targets: list[int], steps: list[int]) -> None:
        measure = Measure(0)
        for badge, target in enumerate(targets):
            measure.add_target(target, badge)
        way = sorted(steps)
        passed = [badge for before, after in pairwise(way) for badge in measure.crossed(before, after)]
        assert sorted(passed) == [badge for badge, target in enumerate(targets) if way[0] < target <= way[-1]]


class TestCount:
    def test_each_event_counts_and_goes_on_counting_past_the_top(self) -> None:
        measure = measure_of(1, 3, kind="count")
        progress, reached = count_in(measure, *[({}, 0)] * 5)
        assert (measure.value(progress), reached) == (5, [0, 1])

    def test_what_meets_the_conditions_on_the_days_within_counts(self) -> None:
        measure = measure_of(2, kind="count", where={"n": {"min": 5}}, within=Within(DAY, DAY))
        progress, reached = count_in(measure, *values(4, 5, 6, True, "7"), ({"n": 9}, 24))
        assert (measure.value(progress), reached) == (2, [0])

    def test_of_windows_the_best_counts_and_its_parts_go_when_the_top_is_reached(self) -> None:
        measure = measure_of(2, 3, kind="count", per="day")
        progress, reached = count_in(measure, ({}, 0), ({}, 24), ({}, 25))
        assert (measure.value(progress), reached) == (2, [0])
        assert progress.parts == {7: {DAY: 1, DAY + 1: 2}}
        progress, reached = count_in(measure, *[({}, hour) for hour in (0, 24, 25, 26, 27)])
        assert (measure.value(progress), reached, progress.parts) == (3, [0, 1], {})

    @pytest.mark.parametrize(("per", "best"), [("day", 1), ("week", 2), ("month", 1)])
    def test_new_year_parts_days_and_months_but_no_week(self, per: str, best: int) -> None:
        measure = measure_of(9, kind="count", per=per)
        assert measure.value(count_in(measure, ({}, 23), ({}, 24))[0]) == best


class TestSum:
    def test_amounts_add_up_to_a_thousandth_in_any_order(self) -> None:
        measure = measure_of(1_000, kind="sum", field="n")
        progress, reached = count_in(measure, *values(*[0.1] * 10))
        assert (measure.value(progress), measure.shown(measure.value(progress)), reached) == (1_000, 1, [0])
        assert measure.shown(1_500) == 1.5

    @pytest.mark.parametrize("value", [0, -5, "5", True, None, [5], 0.0004])
    def test_what_is_no_number_above_zero_adds_nothing(self, value: object) -> None:
        measure = measure_of(1_000, kind="sum", field="n")
        progress, reached = count_in(measure, ({"n": value}, 0), ({}, 0))
        assert (measure.value(progress), reached) == (0, [])

    def test_no_amount_counts_for_more_than_the_highest_target(self) -> None:
        measure = measure_of(MAX_AMOUNT * 1_000, kind="sum", field="n")
        progress, reached = count_in(measure, *values(1e308))
        assert (measure.shown(measure.value(progress)), reached) == (MAX_AMOUNT, [0])

    def test_a_field_is_found_by_its_path(self) -> None:
        measure = measure_of(1_000, kind="sum", field="metadata.run.minutes")
        progress, _ = count_in(measure, ({"run": {"minutes": 2}}, 0), ({"run": 5}, 0), ({"run.minutes": 9}, 0))
        assert measure.value(progress) == 2_000


class TestDistinct:
    def test_a_value_counts_once_and_what_is_kept_goes_at_the_top(self) -> None:
        measure = measure_of(2, 3, kind="distinct", field="n")
        progress, reached = count_in(measure, *values("a", "b", "a"))
        assert (measure.value(progress), reached) == (2, [0])
        progress, reached = count_in(measure, *values("a", "b", "c", "d"))
        assert (measure.value(progress), reached, progress.parts) == (3, [0, 1], {})

    def test_values_that_differ_in_json_are_told_apart(self) -> None:
        long = "x" * 64
        different = [
            "1",
            1,
            True,
            "True",
            "",
            "int:1",
            "bool:True",
            "str:",
            long,
            long + "x",
            long + "y",
            "é",
            "e\u0301",
        ]
        measure = measure_of(100, kind="distinct", field="n")
        assert measure.value(count_in(measure, *values(*different, *different))[0]) == len(different)

    def test_lists_objects_null_and_what_is_lacking_are_no_values(self) -> None:
        measure = measure_of(100, kind="distinct", field="n")
        progress, _ = count_in(measure, *values([1], {"a": 1}, None), ({}, 0))
        assert measure.value(progress) == 0

    def test_within_windows_the_best_counts(self) -> None:
        measure = measure_of(9, kind="distinct", field="n", per="day")
        progress, _ = count_in(measure, ({"n": "a"}, 0), ({"n": "b"}, 24), ({"n": "c"}, 25), ({"n": "a"}, 1))
        assert measure.value(progress) == 2

    @pytest.mark.parametrize(
        ("leaf", "asks_only_when"),
        [
            ({"kind": "distinct", "field": "hour"}, True),
            ({"kind": "distinct", "field": "day", "where": {"weekday": 7}}, True),
            ({"kind": "distinct", "field": "hour", "where": {"language": "python"}}, False),
            ({"kind": "distinct", "field": "language"}, False),
            ({"kind": "count", "where": {"hour": 5}}, False),
        ],
    )
    def test_only_when_something_was_is_asked_where_no_other_field_plays_a_part(
        self, leaf: dict[str, Any], asks_only_when: bool
    ) -> None:
        assert measure_of(1, **leaf).asks_only_when is asks_only_when


class TestRepeated:
    @pytest.mark.parametrize(
        ("leaf", "expected"),
        [
            ({"kind": "count"}, {DAY - 3: 3, DAY + 4: 1}),
            ({"kind": "sum", "field": "n"}, {DAY - 3: 3_000, DAY + 4: 1_000}),
            ({"kind": "distinct", "field": "n"}, {DAY - 3: 2, DAY + 4: 1}),
        ],
    )
    def test_each_week_has_a_number_by_its_first_day(self, leaf: dict[str, Any], expected: dict[int, int]) -> None:
        measure = measure_of(9_000, is_repeated=True, per="week", **leaf)
        progress, _ = count_in(measure, ({"n": 0.5}, 0), ({"n": 0.5}, 24), ({"n": 2}, 48), ({"n": 1}, 7 * 24))
        assert measure.periods(progress) == expected
        assert progress.measure_values == {}

    @pytest.mark.parametrize("leaf", [{"kind": "count"}, {"kind": "distinct", "field": "n"}])
    def test_each_window_stops_at_the_top_and_passes_targets_by_itself(self, leaf: dict[str, Any]) -> None:
        measure = measure_of(2, is_repeated=True, per="day", **leaf)
        progress, reached = count_in(
            measure, *[({"n": n}, 0) for n in range(5)], *[({"n": n}, 24) for n in range(2)], ({"n": 0}, 48)
        )
        assert (measure.periods(progress), reached) == ({DAY: 2, DAY + 1: 2, DAY + 2: 1}, [0, 0])
        # Which values they were is kept of the window alone that may still grow.
        assert all(isinstance(progress.parts[7][day], int) for day in (DAY, DAY + 1))


@pytest.mark.parametrize(
    "leaf",
    [
        {"kind": "count", "per": "day"},
        {"kind": "sum", "field": "n", "per": "week"},
        {"kind": "distinct", "field": "n", "per": "day"},
    ],
)
@settings(max_examples=15)
@given(data=st.data())
def test_value_and_badges_are_the_same_in_any_order(leaf: dict[str, Any], data: st.DataObject) -> None:
    events = data.draw(st.lists(st.tuples(st.integers(1, 4), st.sampled_from([0, 24, 96])), max_size=6))
    happened: list[Happened] = [({"n": n}, hour) for n, hour in events]
    other = data.draw(st.permutations(happened))
    measure = measure_of(1, 2, 3, 2_000, 5_000, **leaf)
    (one, reached), (two, reached_too) = count_in(measure, *happened), count_in(measure, *other)
    assert measure.value(one) == measure.value(two)
    assert sorted(reached) == sorted(reached_too)
    # No badge twice.
    assert len(set(reached)) == len(reached)


class TestState:
    PROGRESS = Progress(
        user_id="ada",
        version="v",
        total_points=40,
        spent=10,
        longest_streak=3,
        first_day=DAY,
        last_day=DAY + 5,
        days={DAY: DayTotals(1), DAY + 5: DayTotals(1)},
        awards={"first": Award("first", 10, 0)},
        measure_values={0: 1},
    )

    @pytest.mark.parametrize(
        ("leaf", "value"), [(Points(1), 50), (Level(2), 50), (Streak(1), 3), (Span(1), 5), (Badges(1), 1)]
    )
    def test_it_is_read_off_the_progress(self, leaf: Any, value: int) -> None:
        measure = measure_for(0, leaf)
        assert isinstance(measure, StateMeasure)
        assert measure.value(self.PROGRESS) == value
        assert measure.value(Progress(user_id="ada", version="v")) == 0

    def test_of_events_the_measure_is_one_of_events(self) -> None:
        assert isinstance(measure_for(0, leaf_of(kind="count")), EventMeasure)
