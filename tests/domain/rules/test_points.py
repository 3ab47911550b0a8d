"""An event of a type pays its base, and every bonus that its metadata meets."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from laurels.domain.rules.points import Bonus, EventType

LONG = Bonus("codeLength", above=100, points=5)
VERY_LONG = Bonus("codeLength", above=500, points=20)
SLOW = Bonus("duration", above=-1.5, points=1)


@pytest.mark.parametrize(
    ("metadata", "points"),
    [
        ({}, 10),
        ({"codeLength": 100}, 10),
        ({"codeLength": 101}, 15),
        ({"codeLength": 100.0001}, 15),
        ({"codeLength": 501}, 35),
        ({"codeLength": 501, "duration": 0}, 36),
        ({"duration": -1.5}, 10),
        ({"codeLength": 10**400}, 35),
    ],
)
def test_each_bonus_is_paid_whose_number_is_greater_than_its_bound(metadata: dict[str, Any], points: int) -> None:
    assert EventType(10, [LONG, VERY_LONG, SLOW]).points_for(metadata) == points


@pytest.mark.parametrize("value", [True, "501", None, [501], {"above": 501}])
def test_what_is_no_number_in_json_meets_no_bonus(value: object) -> None:
    assert EventType(10, [LONG, VERY_LONG]).points_for({"codeLength": value}) == 10
    assert EventType(10, [Bonus("codeLength", above=0, points=5)]).points_for({"codeLength": value}) == 10


def test_a_bonus_reads_the_field_of_just_that_name() -> None:
    assert EventType(0, [Bonus("a.b", above=0, points=5)]).points_for({"a": {"b": 1}}) == 0
    assert EventType(0, [Bonus("a.b", above=0, points=5)]).points_for({"a.b": 1}) == 5


@pytest.mark.parametrize(
    ("limits", "is_limited", "has_daily_cap"),
    [
        ({}, False, False),
        ({"max_per_day": 1}, True, True),
        ({"max_points_per_day": 1}, True, True),
        ({"cooldown": 1}, True, False),
    ],
)
def test_a_type_is_limited_by_whatever_limit_it_has(
    limits: dict[str, Any], is_limited: bool, has_daily_cap: bool
) -> None:
    event_type = EventType(10, **limits)
    assert (event_type.is_limited, event_type.has_daily_cap) == (is_limited, has_daily_cap)


def test_a_type_without_limits_is_written_without_them() -> None:
    # The fingerprint of a rulebook is made of this: one without limits keeps that which it always had.
    assert msgspec.to_builtins(EventType(10)) == {"points": 10, "bonuses": [], "description": ""}
