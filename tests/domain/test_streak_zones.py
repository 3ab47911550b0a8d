"""Neither clocks that change nor a change of zone break a streak, and neither earns two days for one."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

import pytest

from laurels.domain.engine import advance
from laurels.domain.events import LearningEvent
from laurels.domain.ledger.entries import ProfileChanged
from laurels.domain.periods import to_ms, utc_offset
from laurels.domain.progress import Progress
from laurels.domain.rules.rulebook import Rulebook
from tests.domain.test_streak_rules import rulebook_of

# Clocks that change at midnight, by half an hour, at Ramadan, for good; and zones at both ends of the day.
ZONES = [
    "Africa/Cairo",
    "Africa/Casablanca",
    "America/Havana",
    "America/New_York",
    "America/Sao_Paulo",
    "America/Santiago",
    "Antarctica/Troll",
    "Asia/Beirut",
    "Asia/Pyongyang",
    "Atlantic/Azores",
    "Australia/Lord_Howe",
    "Europe/Istanbul",
    "Europe/Lisbon",
    "Pacific/Apia",
]
DAY = timedelta(days=1)
# Days before and after each change on which the learner is active.
AROUND = 3
RULEBOOKS = [rulebook_of(None), rulebook_of({}), rulebook_of({"grace": 3}), rulebook_of({"freezes": {"initial": 1}})]
NAMES = ["no table", "empty table", "grace", "freezes"]


@cache
def changes(zone: str) -> list[date]:
    """The days of the last ten years on which the clocks of a zone changed."""
    found: list[date] = []
    noon = datetime(2016, 11, 1, 12, tzinfo=UTC)
    while noon.year < 2027:
        if utc_offset(to_ms(noon), zone) != utc_offset(to_ms(noon + DAY), zone):
            found.append((noon + DAY).astimezone(ZoneInfo(zone)).date())
        noon += DAY
    return found


def of_zone(rulebook: Rulebook, zone: str) -> Progress:
    progress = Progress(user_id="ada", version=rulebook.measures_version)
    progress.set_profile(ProfileChanged({"timeZone": zone}))
    return progress


def learn(progress: Progress, moment: datetime, rulebook: Rulebook) -> int:
    """Record an event, and the streak right after it."""
    advance(progress, LearningEvent(user_id="ada", event_type="p1"), to_ms(moment), rulebook)
    return rulebook.daily_streak(progress, to_ms(moment))


def at(day: date, hour: int, minute: int, zone: str) -> datetime:
    """A time of day by the clocks of a zone; where they leave it out, the instant at which they jump over it."""
    return datetime(day.year, day.month, day.day, hour, minute, tzinfo=ZoneInfo(zone)).astimezone(UTC)


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("rulebook", RULEBOOKS, ids=NAMES)
class TestClocksThatChange:
    def test_someone_active_a_minute_before_midnight_goes_on(self, rulebook: Rulebook, zone: str) -> None:
        self.check(rulebook, zone, [-1])

    def test_someone_active_a_minute_after_midnight_goes_on(self, rulebook: Rulebook, zone: str) -> None:
        self.check(rulebook, zone, [1])

    def test_both_minutes_of_a_day_are_one_day(self, rulebook: Rulebook, zone: str) -> None:
        self.check(rulebook, zone, [1, -1])

    def check(self, rulebook: Rulebook, zone: str, minutes: list[int]) -> None:
        for change in changes(zone):
            progress = of_zone(rulebook, zone)
            expected: set[date] = set()
            for back in range(-AROUND, AROUND + 1):
                for minute in minutes:
                    # Counted from the midnight at which the day begins, or before the one at which it ends.
                    midnight = at(change + (back + (minute < 0)) * DAY, 0, 0, zone)
                    moment = midnight + timedelta(minutes=minute)
                    # The wall's day; with grace its first three hours are of the day before.
                    wall = moment.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
                    expected.add((wall - timedelta(hours=rulebook.grace)).date())
                    streak = learn(progress, moment, rulebook)
                    assert streak == len(expected), (change, back, moment)
            first, last = min(expected), max(expected)
            assert (last - first).days + 1 == len(expected) == progress.longest_streak


def test_clocks_changed_often_enough_to_say_so() -> None:
    assert sum(len(changes(zone)) for zone in ZONES) > 150


class TestAChangeOfZone:
    RULES = rulebook_of({})

    def moved(self, before: str, after: str, *, hour: int = 21) -> list[int]:
        """The streaks, event by event, of someone who learns once a day from `hour` on, and moves on the fourth day at
        20:00. They look at the clock once an hour."""
        rulebook, progress = self.RULES, of_zone(self.RULES, before)
        begin = at(date(2026, 5, 4), 0, 0, before)
        moves_at = at(date(2026, 5, 7), 20, 0, before)
        learned: set[date] = set()
        found: list[int] = []
        for hours in range(24 * 7):
            moment = begin + timedelta(hours=hours)
            if moment == moves_at:
                progress.set_profile(ProfileChanged({"timeZone": after}, to_ms(moment)))
            local = moment.astimezone(ZoneInfo(after if moment >= moves_at else before))
            if local.hour >= hour and local.date() not in learned:
                learned.add(local.date())
                found.append(learn(progress, moment, rulebook))
        return found

    @pytest.mark.parametrize(
        ("before", "after"),
        [
            ("Pacific/Honolulu", "Pacific/Kiritimati"),
            ("Pacific/Kiritimati", "Pacific/Honolulu"),
            ("America/New_York", "Asia/Tokyo"),
            ("Asia/Tokyo", "America/New_York"),
            ("America/Los_Angeles", "Pacific/Auckland"),
            ("UTC", "Europe/Zurich"),
        ],
    )
    @pytest.mark.parametrize("hour", [0, 12, 21, 23])
    def test_breaks_no_streak_and_adds_no_day(self, before: str, after: str, hour: int) -> None:
        found = self.moved(before, after, hour=hour)
        assert found == list(range(1, len(found) + 1))
        # A week has seven days, or one more or less where the date line was crossed.
        assert 6 <= len(found) <= 8

    def test_a_day_that_was_cut_short_is_not_missed(self) -> None:
        # At 20:00 of 7 May in Honolulu it is 20:00 of 8 May on Kiritimati: the evening of the 7th never came.
        assert self.moved("Pacific/Honolulu", "Pacific/Kiritimati") == [1, 2, 3, 4, 5, 6, 7]

    def test_an_event_a_little_ahead_of_the_change_is_joined_by_it(self) -> None:
        rulebook, progress = self.RULES, of_zone(self.RULES, "Pacific/Honolulu")
        day = date(2026, 5, 7)
        for before in (2, 1):
            learn(progress, at(day - before * DAY, 12, 0, "Pacific/Honolulu"), rulebook)
        assert learn(progress, at(day + DAY, 0, 1, "Pacific/Honolulu"), rulebook) == 1
        moved_at = at(day, 23, 59, "Pacific/Honolulu")
        progress.set_profile(ProfileChanged({"timeZone": "Pacific/Kiritimati"}, to_ms(moved_at)))
        assert rulebook.daily_streak(progress, to_ms(moved_at)) == 3

    def test_it_shows_as_a_pause(self) -> None:
        rulebook, progress = self.RULES, of_zone(self.RULES, "Pacific/Honolulu")
        assert rulebook.streak is not None
        day = date(2026, 5, 7)
        learn(progress, at(day - DAY, 12, 0, "Pacific/Honolulu"), rulebook)
        moved_at = at(day, 20, 0, "Pacific/Honolulu")
        progress.set_profile(ProfileChanged({"timeZone": "Pacific/Kiritimati"}, to_ms(moved_at)))
        today = rulebook.today(progress, to_ms(moved_at))
        assert today == (day + DAY).toordinal()
        found = rulebook.streak.states(progress, today - 9, today, today=today)
        assert found == {day.toordinal(): "paused"}

    def test_to_and_fro_every_day_is_no_way_not_to_learn(self) -> None:
        rulebook, progress = self.RULES, of_zone(self.RULES, "Pacific/Pago_Pago")
        moment = datetime(2026, 5, 4, 12, tzinfo=UTC)
        for number in range(60):
            if number % 10 == 0:
                learn(progress, moment, rulebook)
            for zone in ("Pacific/Kiritimati", "Pacific/Pago_Pago"):
                progress.set_profile(ProfileChanged({"timeZone": zone}, to_ms(moment)))
            moment += DAY
        assert rulebook.daily_streak(progress, to_ms(moment)) == 0
        assert progress.longest_streak == 1

    def test_to_and_fro_over_the_date_line_earns_no_more_days_than_the_calendar_has(self) -> None:
        rulebook, progress = self.RULES, of_zone(self.RULES, "Pacific/Honolulu")
        moment, streak = datetime(2026, 5, 4, 12, tzinfo=UTC), 0
        for number in range(80):
            zone = ("Pacific/Kiritimati", "Pacific/Honolulu")[number % 2]
            progress.set_profile(ProfileChanged({"timeZone": zone}, to_ms(moment)))
            streak = learn(progress, moment + timedelta(minutes=1), rulebook)
            moment += timedelta(hours=6)
        # Twenty days of 24 hours; the two zones lie a day apart, so there is one date more.
        assert streak == 21
