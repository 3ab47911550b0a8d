"""A repair says by itself when its days count without it, and then costs nothing."""

from __future__ import annotations

import msgspec
import pytest

from laurels.domain.ledger.repairs import Repair
from laurels.domain.progress import DayTotals, Progress

DAY = 739_000


def repaired(*repairs: Repair, days: dict[int, DayTotals], points: int = 100) -> Progress:
    spent = sum(each.price for each in repairs)
    return Progress(
        user_id="ada", version="v", total_points=points - spent, spent=spent, repairs=list(repairs), days=days
    )


def test_repairs_of_the_same_days_are_told_apart_by_their_entries() -> None:
    first, again = Repair(DAY, DAY, 10, seq=4), Repair(DAY, DAY, 10, seq=9)
    assert (first.id, again.id) == ((4, DAY), (9, DAY))


def test_it_goes_through_json_whole() -> None:
    repair = Repair(DAY, DAY + 6, 50, days=3, events=2, points=10, seq=7)
    assert msgspec.json.decode(msgspec.json.encode(repair), type=Repair) == repair
    assert msgspec.json.decode(b"[739000,739000,10]", type=Repair) == Repair(DAY, DAY, 10)


@pytest.mark.parametrize(
    ("day", "fills"),
    [(None, False), (DayTotals(1, 20), False), (DayTotals(2, 19), False), (DayTotals(2, 20), True)],
)
def test_a_day_fills_it_that_would_have_counted(day: DayTotals | None, fills: bool) -> None:
    repair = Repair(DAY, DAY, 10, events=2, points=20)
    assert repaired(days={DAY: day} if day else {}).fills(repair) is fills


def test_a_week_is_filled_by_as_many_of_its_days_as_it_needs() -> None:
    repair = Repair(DAY, DAY + 6, 50, days=2)
    one, two = {DAY: DayTotals(1)}, {DAY: DayTotals(1), DAY + 6: DayTotals(1)}
    assert not repaired(days=one).fills(repair)
    assert repaired(days=two).fills(repair)
    # Those of the weeks around it are of no use.
    assert not repaired(days={DAY - 1: DayTotals(1), DAY + 7: DayTotals(1)}).fills(repair)


def test_what_is_filled_gives_its_price_back_and_takes_it_again_when_the_day_goes() -> None:
    progress = repaired(Repair(DAY, DAY, 10), Repair(DAY + 2, DAY + 2, 30), days={})
    progress.settle_repairs()
    assert (progress.total_points, progress.spent) == (60, 40)
    progress.days[DAY + 2] = DayTotals(1)
    progress.settle_repairs()
    assert (progress.total_points, progress.spent, progress.earned_points) == (90, 10, 100)
    del progress.days[DAY + 2]
    progress.settle_repairs()
    assert (progress.total_points, progress.spent) == (60, 40)
