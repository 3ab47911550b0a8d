"""A requirement says whether its criterion is met and how far it has come, never past its target."""

from __future__ import annotations

import pytest

from laurels.domain.ledger.entries import Award
from laurels.domain.periods import parse_period
from laurels.domain.progress import Part, Progress
from laurels.domain.rules.badges.criteria import Count, CriterionProgress, Level, Points, Repeat, Sum
from laurels.domain.rules.badges.measures import EventMeasure, StateMeasure
from laurels.domain.rules.badges.requirements import (
    NEVER,
    AllRequirement,
    AnyRequirement,
    HeldRequirement,
    LeafRequirement,
    RepeatRequirement,
    Requirement,
)

MARCH = parse_period("2026-03")[1]
APRIL = parse_period("2026-04")[1]
MAY = parse_period("2026-05")[1]
# How many events each month has.
PARTS: dict[int, Part] = {MAY: 3, MARCH: 2, APRIL: 1}


def with_points(points: int, *held: str, parts: dict[int, Part] | None = None) -> Progress:
    return Progress(
        user_id="ada",
        version="v",
        total_points=points,
        awards={badge: Award(badge, 0, 0) for badge in held},
        parts={} if parts is None else {0: parts},
    )


def points_requirement(target: int) -> LeafRequirement:
    return LeafRequirement(Points(target), StateMeasure(0, Points(target)), target)


def repeat_requirement(target: int, *requires: str, repeat: Repeat = "month") -> RepeatRequirement:
    measure = EventMeasure(0, Count(target=target, per=repeat), is_repeated=True)
    return RepeatRequirement("busy", repeat, measure, target, target, list(requires))


class TestLeaf:
    @pytest.mark.parametrize(
        ("points", "is_met", "current"), [(0, False, 0), (49, False, 49), (50, True, 50), (99, True, 50)]
    )
    def test_is_met_from_its_target_on_and_shows_no_more_than_that(
        self, points: int, is_met: bool, current: int
    ) -> None:
        requirement = points_requirement(50)
        assert requirement.is_met(with_points(points)) is is_met
        assert requirement.progress(with_points(points)) == CriterionProgress(current, 50)

    def test_a_level_shows_the_points_at_which_it_begins(self) -> None:
        requirement = LeafRequirement(Level(3), StateMeasure(0, Level(3)), 300)
        assert requirement.progress(with_points(120)) == CriterionProgress(120, 300)

    def test_a_sum_is_compared_in_thousandths_and_shown_in_its_units(self) -> None:
        leaf = Sum(field="hours", target=2)
        requirement = LeafRequirement(leaf, EventMeasure(0, leaf), 2_000)
        almost = Progress(user_id="ada", version="v", measure_values={0: 1_999})
        assert not requirement.is_met(almost)
        assert requirement.progress(almost) == CriterionProgress(1.999, 2)


class TestParts:
    @pytest.mark.parametrize(("points", "met"), [(5, 0), (10, 1), (20, 2)])
    def test_all_counts_the_parts_that_are_met(self, points: int, met: int) -> None:
        requirement = AllRequirement([points_requirement(10), points_requirement(20)])
        assert requirement.progress(with_points(points)) == CriterionProgress(met, 2)
        assert requirement.is_met(with_points(points)) is (met == 2)

    def test_any_shows_the_part_that_is_furthest_and_of_equal_ones_the_first(self) -> None:
        requirement = AnyRequirement([points_requirement(40), points_requirement(20)])
        assert requirement.progress(with_points(10)) == CriterionProgress(10, 20)
        assert requirement.progress(with_points(0)) == CriterionProgress(0, 40)
        assert requirement.is_met(with_points(20))
        assert not requirement.is_met(with_points(19))

    def test_of_no_parts_none_is_ever_met(self) -> None:
        assert not NEVER.is_met(with_points(10**9))
        assert NEVER.progress(with_points(10**9)) == CriterionProgress(0, 1)

    def test_parts_may_have_parts(self) -> None:
        requirement: Requirement = AllRequirement(
            [AnyRequirement([points_requirement(99), HeldRequirement("first")]), points_requirement(10)]
        )
        assert requirement.progress(with_points(10)) == CriterionProgress(1, 2)
        assert requirement.is_met(with_points(10, "first"))

    @pytest.mark.parametrize("held", ["first", "first@2026-03", "first@2026-W12"])
    def test_a_badge_is_held_in_whatever_period_it_was_earned(self, held: str) -> None:
        assert HeldRequirement("first").is_met(with_points(0, held))
        assert HeldRequirement("first").progress(with_points(0, held)) == CriterionProgress(1, 1)
        assert not HeldRequirement("firs").is_met(with_points(0, held))

    def test_the_fraction_of_what_has_no_target_is_whole(self) -> None:
        assert CriterionProgress(0, 0).fraction == 1.0
        assert CriterionProgress(5, 20).fraction == 0.25


class TestRepeat:
    def test_it_is_met_in_each_period_by_itself_the_earliest_first(self) -> None:
        assert repeat_requirement(2).met(with_points(0, parts=PARTS)) == ["busy@2026-03", "busy@2026-05"]
        assert repeat_requirement(4).met(with_points(0, parts=PARTS)) == []
        assert repeat_requirement(1).met(with_points(0)) == []

    def test_it_is_met_in_none_before_what_it_requires_is_held(self) -> None:
        requirement = repeat_requirement(2, "first", "third")
        assert requirement.met(with_points(0, "first", parts=PARTS)) == []
        assert not requirement.is_met(with_points(0, "first", parts=PARTS))
        assert requirement.is_met(with_points(0, "first", "third", parts=PARTS))

    def test_its_progress_is_that_of_the_best_period_or_of_the_one_asked_for(self) -> None:
        requirement, progress = repeat_requirement(4), with_points(0, parts=PARTS)
        assert requirement.progress(progress) == CriterionProgress(3, 4)
        assert requirement.progress_on(progress, APRIL + 29) == CriterionProgress(1, 4)
        assert requirement.progress_on(progress, MAY + 31) == CriterionProgress(0, 4)

    def test_with_what_it_requires_it_counts_the_parts_that_are_met(self) -> None:
        requirement = repeat_requirement(3, "first")
        assert requirement.progress(with_points(0, parts=PARTS)) == CriterionProgress(1, 2)
        assert requirement.progress_on(with_points(0, "first", parts=PARTS), MARCH) == CriterionProgress(1, 2)
        assert requirement.progress(with_points(0, "first", parts=PARTS)) == CriterionProgress(2, 2)

    @pytest.mark.parametrize(
        ("award", "by_month", "by_week"),
        [
            ("busy@2026-03", True, False),
            ("busy@2026-W12", False, True),
            ("busy", False, False),
            ("lazy@2026-03", False, False),
            ("busy@x@2026-03", False, False),
        ],
    )
    def test_it_decides_on_awards_in_such_periods_as_it_has_now(
        self, award: str, by_month: bool, by_week: bool
    ) -> None:
        assert repeat_requirement(1).decides(award) is by_month
        assert repeat_requirement(1, repeat="week").decides(award) is by_week
