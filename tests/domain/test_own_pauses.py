"""Pauses that a learner plans: before they begin, within the days of a year, and kept once they have begun."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Any

import pytest

from laurels.domain.ledger.entries import ProfileChanged
from laurels.domain.ledger.pauses import Pause, as_documents, days_of, pauses_of, planned
from laurels.domain.rules import streak_count
from laurels.domain.rules.streak_repairs import repairable
from laurels.errors import InvalidProfile
from tests.domain.test_streak_repairs import START, Learner, learner, rulebook_of

TODAY = date(2026, 12, 20).toordinal()


def plan(held: list[tuple[int, int]], asked: list[tuple[int, int]], most: int = 5) -> list[tuple[int, int]]:
    """With days counted from TODAY."""
    found = planned(
        [(TODAY + first, TODAY + last) for first, last in held],
        [(TODAY + first, TODAY + last) for first, last in asked],
        TODAY,
        most,
    )
    return [(first - TODAY, last - TODAY) for first, last in found]


class TestPlanning:
    def test_replaces_what_lies_ahead_and_keeps_what_has_begun(self) -> None:
        assert plan([(-3, -2), (0, 1), (4, 5)], [(2, 2)]) == [(-3, -2), (0, 1), (2, 2)]
        assert plan([(0, 1), (4, 5)], []) == [(0, 1)]
        assert plan([(0, 1)], [(0, 1), (3, 3)]) == [(0, 1), (3, 3)]

    def test_a_day_that_has_begun_is_refused(self) -> None:
        for first in (-1, 0):
            with pytest.raises(InvalidProfile, match="before it begins: it can begin on 2026-12-21 or later"):
                plan([], [(first, 3)])

    def test_each_year_has_its_days_and_no_day_counts_twice(self) -> None:
        assert plan([], [(8, 16)]) == [(8, 16)]
        assert plan([], [(1, 5), (2, 4)]) == [(1, 5), (2, 4)]
        with pytest.raises(InvalidProfile, match="At most 5 days of 2026 can be paused, and these would be 6"):
            plan([(-1, 0)], [(3, 6)])
        with pytest.raises(InvalidProfile, match="No day of 2026"):
            plan([], [(3, 3)], most=0)
        # What is planned stays where fewer are allowed now.
        assert plan([(-9, 9)], [], most=1) == [(-9, 9)]

    def test_nobody_plans_for_decades(self) -> None:
        assert plan([], [(730, 731)]) == [(730, 731)]
        with pytest.raises(InvalidProfile, match="until 2028-12-20"):
            plan([], [(731, 732)])

    @pytest.mark.parametrize(
        "value",
        [
            {},
            ["2026-12-21"],
            [{"from": "2026-12-21"}],
            [{"from": "2026-12-21", "until": 7}],
            [{"from": "2026-12-21", "until": "2026-12-20"}],
            [{"from": "2026-12-21", "until": "2028-12-20"}],
            [{"from": "2026-12-21", "until": "2026-12-22", "name": "x"}],
            [{"from": "2026-12-21", "until": "2026-12-22"}] * 201,
        ],
    )
    def test_what_is_no_list_of_pauses_is_refused(self, value: Any) -> None:
        with pytest.raises(InvalidProfile) as refused:
            pauses_of(value)
        assert refused.value.field == "pauses"


def pause(ada: Learner, *pauses: tuple[int, int]) -> None:
    change = ProfileChanged({"pauses": as_documents([(START + first, START + last) for first, last in pauses])})
    ada.progress.set_profile(change)
    ada.enter(change)


def test_a_planned_pause_keeps_the_streak_and_shows() -> None:
    ada = learner(0, 1, rulebook=rulebook_of(own_pauses={"days": 9}))
    pause(ada, (2, 4))
    assert ada.streak(5) == 2
    assert ada.streak(6) == 0
    ada.learn(5)
    assert (ada.streak(5), ada.progress.longest_streak) == (3, 3)
    assert ada.states(6) == {2: "paused", 3: "paused", 4: "paused"}
    assert "paused" in ada.refused(3, today=5)
    # Who learns in a pause all the same has that day.
    ada.learn(3)
    assert (ada.streak(5), ada.states(6)) == (4, {2: "paused", 4: "paused"})
    assert ada.folded() == ada.progress


def test_a_planned_pause_may_pause_a_week() -> None:
    ada = learner(0, 1, 14, 15, rulebook=rulebook_of(per="week", days=2))
    assert ada.streak(15) == 1
    pause(ada, (7, 12))
    assert ada.streak(15) == 2


def test_all_pauses_are_gone_through_once_for_all_gaps(monkeypatch: pytest.MonkeyPatch) -> None:
    # A learner can plan 200 pauses, and each gap in their days is one more: the product would take a second to read.
    seen = 0

    def counted_days(pauses: Iterable[Pause]) -> frozenset[int]:
        nonlocal seen
        seen += 1
        return days_of(pauses)

    monkeypatch.setattr(streak_count, "days_of", counted_days)
    rules = rulebook_of(own_pauses={"days": 9}, repair={"within": 30, "price": 1})
    ada = learner(*range(0, 120, 2), rulebook=rules)
    pause(ada, (130, 138), (131, 138))
    assert rules.streak is not None
    today = START + 120
    assert [each.first - START for each in repairable(rules.streak, ada.progress, today)] == list(range(91, 120, 2))
    assert ada.streak(120) == 0
    assert ada.states(121) == {}
    ada.learn(61)
    assert ada.streak(120) == 0
    assert seen < 12
