"""A published change of `[streak]`: streaks are counted anew for everybody, and badges reach who now meets them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from msgspec import UNSET

from laurels import LearningEvent
from laurels.application.maintenance.backfill import preview
from laurels.application.maintenance.publishing import Publications
from laurels.application.maintenance.rebuild import rebuild
from laurels.application.maintenance.verification import verify
from laurels.application.queries.views import StreakView
from laurels.application.service import Service
from laurels.domain.periods import to_ms
from laurels.domain.rules.rulebook import Rulebook
from laurels.rulebooks.loader import parse_rulebook
from laurels.testing.builders import small_rulebook
from laurels.testing.clocks import SettableClock
from tests.waiting import until

OLD = small_rulebook()
FROZEN = small_rulebook(
    streak={"freezes": {"initial": 1}, "pauses": [{"from": "2026-03-09", "until": "2026-03-10"}], "grace": 3}
)
# Days of March on which Ada learns: the 3rd, 9th and 10th are missed.
ADA = (1, 2, 4, 5, 6, 7, 8, 11, 12, 13, 14)


@pytest.fixture
def old() -> Rulebook:
    return OLD


async def record(laurels: Service, user_id: str, *days: int, hour: int = 12) -> None:
    for day in days:
        at = datetime(2026, 3, day, hour, tzinfo=UTC)
        event = LearningEvent(user_id=user_id, event_type="talk", event_id=f"e{day}-{hour}", timestamp=at)
        await laurels.record_event(event)


async def publish(processes: tuple[Service, Service], rulebook: Rulebook) -> None:
    one, _other = processes
    publications = Publications(one.store, one.clock, parse_rulebook)
    published, _job = await publications.publish(rulebook, by=None, backfill=True, notify="none")
    await until(lambda: all(each.rules.version == published.version for each in processes))
    ended = await one.jobs.work()
    assert ended is not None
    assert ended.state == "done"


async def assert_clean(one: Service, other: Service) -> None:
    await one.projector.flush()
    await other.projector.flush()
    found = await verify(one.store, one.rulebook)
    assert (found.differences, found.behind) == ([], 0)


async def test_streaks_are_counted_anew_and_the_badges_come_at_the_day_that_met_them(
    two: tuple[Service, Service], clock: SettableClock
) -> None:
    one, other = two
    await record(one, "ada", *ADA)
    await record(other, "bob", 1, 2, 4)
    await record(one, "cem", 1, 2, 5)
    before = await one.learners.dashboard("ada")
    assert (before.daily_streak, before.longest_streak, before.streak) == (4, 5, UNSET)
    assert "streak" not in (await one.learners.progress("bob")).awards
    await assert_clean(*two)

    shown = {badge.badge_id: badge for badge in (await preview(one.store, FROZEN)).badges}
    assert [(each.user_id, each.event_id) for each in shown["streak"].samples] == [("bob", "e4-12")]
    await publish(two, FROZEN)
    for laurels in two:
        dashboard = await laurels.learners.dashboard("ada")
        assert (dashboard.daily_streak, dashboard.longest_streak) == (11, 11)
        assert dashboard.streak == StreakView(per="day", freezes=0)
        days = (await laurels.learners.activity("ada")).days
        assert [(day.date, day.state) for day in days if day.state] == [
            ("2026-03-03", "frozen"),
            ("2026-03-09", "paused"),
            ("2026-03-10", "paused"),
        ]
        assert (await laurels.learners.progress("bob")).awards["streak"].earned_at == to_ms(
            datetime(2026, 3, 4, 12, tzinfo=UTC)
        )
        assert "streak" not in (await laurels.learners.progress("cem")).awards
    await assert_clean(*two)

    # A late event fills the day, and the freeze is there again; what is then missed takes it.
    await record(other, "ada", 3)
    clock.advance(timedelta(days=2))
    dashboard = await one.learners.dashboard("ada")
    assert (dashboard.daily_streak, dashboard.streak) == (12, StreakView(per="day", freezes=0))
    # In the night after the 16th it is still the 16th.
    clock.set(datetime(2026, 3, 17, 2, tzinfo=UTC))
    await record(one, "ada", 17, hour=1)
    after = await other.learners.dashboard("ada")
    assert (after.daily_streak, after.longest_streak) == (13, 13)
    assert (await other.learners.activity("ada")).days[-1].date == "2026-03-16"
    await assert_clean(*two)

    # Other rules for streaks, the other way: what was earned stays, and days stay where they were recorded.
    weekly = small_rulebook(streak={"per": "week", "days": 4})
    await publish(two, weekly)
    for laurels in two:
        dashboard = await laurels.learners.dashboard("ada")
        assert (dashboard.daily_streak, dashboard.streak) == (2, StreakView(per="week"))
        assert "streak" in (await laurels.learners.progress("bob")).awards
        assert (await laurels.learners.activity("ada")).days[-1].date == "2026-03-16"
    await assert_clean(*two)
    await rebuild(one.store, one.rulebook)
    await assert_clean(*two)
