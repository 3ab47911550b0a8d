"""Pictures of streaks that a rulebook counts otherwise: frozen and paused days, and weeks."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest

from laurels import LearningEvent
from laurels.bootstrap import open_service
from laurels.testing.builders import small_rulebook
from laurels.testing.clocks import SettableClock
from laurels.web.drawing import Pen, length_of, unit_of
from laurels.web.locale import language

TODAY = date(2026, 3, 14)


async def drawn(store_url: str, streak: dict[str, Any] | None, *days: int) -> tuple[str, str, str]:
    """The flame and the year of a learner who learned on these days of March, and the streak in words."""
    clock = SettableClock(datetime(2026, 3, 14, 12, tzinfo=UTC))
    async with open_service(store_url, rulebook=small_rulebook(streak=streak), clock=clock) as laurels:
        for day in days:
            at = datetime(2026, 3, day, 12, tzinfo=UTC)
            await laurels.record_event(LearningEvent(user_id="ada", event_type="talk", timestamp=at))
        dashboard = await laurels.learners.dashboard("ada")
        activity = await laurels.learners.activity("ada")
        assert await laurels.learners.today("ada") == TODAY
    spoken = language("en")
    pen = Pen(spoken, "light")
    assert activity.active_days == len(days)
    return (
        str(pen.streak(dashboard, activity, TODAY)),
        str(pen.year(activity, TODAY)),
        length_of(dashboard.daily_streak, unit_of(dashboard), spoken),
    )


async def test_frozen_and_paused_days_have_their_signs(store_url: str) -> None:
    table = {"freezes": {"initial": 1}, "pauses": [{"from": "2026-03-12", "until": "2026-03-12"}]}
    flame, year, words = await drawn(store_url, table, 9, 11, 13, 14)
    assert words == "4 days"
    for picture in (flame, year):
        assert "streak freeze" in picture
        assert "paused" in picture


@pytest.mark.parametrize("table", [None, {}])
async def test_without_freezes_a_missed_day_is_missed(store_url: str, table: dict[str, Any] | None) -> None:
    flame, year, words = await drawn(store_url, table, 9, 11, 13, 14)
    assert words == "2 days"
    assert "streak freeze" not in flame
    assert "streak freeze" not in year


async def test_streaks_of_weeks_say_so(store_url: str) -> None:
    flame, _year, words = await drawn(store_url, {"per": "week", "days": 2}, 3, 4, 9, 11)
    assert words == "2 weeks"
    assert "weeks in a row" in flame
    assert "Longest: 2 weeks" in flame
