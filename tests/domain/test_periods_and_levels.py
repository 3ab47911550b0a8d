"""Days, weeks, months, levels and places at their edges, against the standard library's own calendar and zones."""

from __future__ import annotations

from calendar import monthrange
from datetime import UTC, date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from laurels.domain.boards.ranking import SortKey, Standing, percentile
from laurels.domain.periods import (
    Timeframe,
    day_in_zone,
    day_name,
    hour_of,
    is_zone,
    iso,
    month_length,
    month_of,
    parse_day,
    parse_period,
    period_length,
    period_name,
    period_start,
    to_datetime,
    to_ms,
    utc_offset,
    week_of,
    weekday_of,
)
from laurels.domain.rules.levels import Levels, QuadraticLevels, TableLevels, level_progress
from laurels.errors import InvalidQuery

# To the microsecond, since what is finer than a millisecond must not matter.
instants = st.integers(-2_000_000_000_000_000, 7_000_000_000_000_000).map(
    lambda micros: datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=micros)
)
days = st.dates(date(1900, 1, 1), date(2200, 12, 31)).map(date.toordinal)
ZONES = [
    "UTC",
    "Europe/Zurich",
    "America/New_York",
    "America/St_Johns",
    "Asia/Kathmandu",
    "Australia/Lord_Howe",
    "Pacific/Kiritimati",
    "Pacific/Apia",
    "Africa/Casablanca",
]


def day(text: str) -> int:
    return date.fromisoformat(text).toordinal()


class TestWeeks:
    @pytest.mark.parametrize(
        ("text", "name", "monday"),
        [
            ("2021-01-03", "2020-W53", "2020-12-28"),
            ("2021-01-04", "2021-W01", "2021-01-04"),
            ("2024-12-30", "2025-W01", "2024-12-30"),
            ("2026-01-01", "2026-W01", "2025-12-29"),
            ("2026-12-31", "2026-W53", "2026-12-28"),
            ("2027-01-03", "2026-W53", "2026-12-28"),
            ("2026-11-23", "2026-W48", "2026-11-23"),
        ],
    )
    def test_a_week_belongs_to_the_year_of_its_thursday(self, text: str, name: str, monday: str) -> None:
        assert period_name(Timeframe.WEEKLY, day(text)) == name
        assert day_name(week_of(day(text))) == monday
        assert parse_period(name) == (Timeframe.WEEKLY, day(monday))

    @settings(deadline=None)
    @given(days)
    def test_weekday_and_monday_are_those_of_the_calendar(self, ordinal: int) -> None:
        there = date.fromordinal(ordinal)
        assert weekday_of(ordinal) == there.isoweekday()
        assert week_of(ordinal) == ordinal - there.weekday()


class TestMonths:
    @settings(deadline=None)
    @given(days)
    def test_first_day_and_length_are_those_of_the_calendar(self, ordinal: int) -> None:
        there = date.fromordinal(ordinal)
        first = month_of(ordinal)
        assert date.fromordinal(first) == there.replace(day=1)
        assert month_length(first) == monthrange(there.year, there.month)[1]

    @pytest.mark.parametrize(
        ("first", "length"), [("2026-02-01", 28), ("2024-02-01", 29), ("1900-02-01", 28), ("2026-12-01", 31)]
    )
    def test_february_knows_its_leap_years(self, first: str, length: int) -> None:
        assert month_length(day(first)) == length


class TestNamesOfPeriods:
    @settings(deadline=None)
    @given(days, st.sampled_from(Timeframe))
    def test_a_name_leads_back_to_its_period(self, ordinal: int, timeframe: Timeframe) -> None:
        start = period_start(timeframe, ordinal)
        assert parse_period(period_name(timeframe, ordinal)) == (timeframe, start)
        if timeframe is not Timeframe.ALL_TIME:
            last = start + period_length(timeframe, start) - 1
            assert start <= ordinal <= last
            assert period_name(timeframe, last) == period_name(timeframe, start) == period_name(timeframe, ordinal)
            assert period_name(timeframe, last + 1) != period_name(timeframe, ordinal)

    @pytest.mark.parametrize(
        "name",
        [
            *("", "All", "2026", "2026-13", "2026-00", "2026-W54", "2025-W53", "2026-W00", "2026-W1", "2026-02-29"),
            *("2026-1-01", "0000-01", "2026-11-23 ", "2026-11\n", "２０２６-11", "20261123", "2026W47", "2026-W47-1"),
        ],
    )
    def test_what_names_no_period_is_refused(self, name: str) -> None:
        with pytest.raises(InvalidQuery) as caught:
            parse_period(name)
        assert caught.value.field == "period"

    @pytest.mark.parametrize("text", ["2026-02-30", "20260203", "2026-2-3", "2026-02-03T00", "２０２６-02-03", ""])
    def test_what_is_no_day_is_refused_by_the_name_of_its_field(self, text: str) -> None:
        with pytest.raises(InvalidQuery) as caught:
            parse_day(text, "from")
        assert caught.value.field == "from"
        assert parse_day("2024-02-29", "from") == day("2024-02-29")


class TestDaysInZones:
    @pytest.mark.parametrize("zone", ZONES)
    def test_instants_all_over_two_years_fall_on_their_local_day(self, zone: str) -> None:
        # 2011 has the day that Samoa left out, 2026 is a year like others; the step meets every quarter of an hour.
        tz = ZoneInfo(zone)
        for year in (2011, 2026):
            moment = datetime(year, 1, 1, tzinfo=UTC)
            while moment.year == year:
                local = moment.astimezone(tz)
                at = to_ms(moment)
                assert day_in_zone(at, zone) == local.date().toordinal()
                assert hour_of(at, utc_offset(at, zone)) == local.hour
                moment += timedelta(minutes=105)

    @pytest.mark.parametrize(
        ("zone", "at", "before", "after"),
        [
            # Midnight itself is skipped or repeated in some zones; elsewhere only the way to it changes.
            ("Europe/Zurich", "2026-03-29T22:00:00+00:00", "2026-03-29", "2026-03-30"),
            ("Europe/Zurich", "2026-10-25T23:00:00+00:00", "2026-10-25", "2026-10-26"),
            ("America/New_York", "2026-03-08T05:00:00+00:00", "2026-03-07", "2026-03-08"),
            ("America/New_York", "2026-11-02T05:00:00+00:00", "2026-11-01", "2026-11-02"),
            ("America/Havana", "2026-03-08T05:00:00+00:00", "2026-03-07", "2026-03-08"),
            ("Asia/Kathmandu", "2026-06-01T18:15:00+00:00", "2026-06-01", "2026-06-02"),
            ("Pacific/Kiritimati", "2026-06-01T10:00:00+00:00", "2026-06-01", "2026-06-02"),
            ("Pacific/Apia", "2011-12-30T10:00:00+00:00", "2011-12-29", "2011-12-31"),
            ("UTC", "1970-01-01T00:00:00+00:00", "1969-12-31", "1970-01-01"),
        ],
    )
    def test_a_day_begins_at_its_local_midnight_to_the_millisecond(
        self, zone: str, at: str, before: str, after: str
    ) -> None:
        midnight = to_ms(datetime.fromisoformat(at))
        assert day_name(day_in_zone(midnight - 1, zone)) == before
        assert day_name(day_in_zone(midnight, zone)) == after

    @settings(deadline=None)
    @given(instants, st.sampled_from(ZONES))
    def test_any_instant_falls_on_the_day_that_zoneinfo_says(self, moment: datetime, zone: str) -> None:
        local = moment.astimezone(ZoneInfo(zone))
        assert day_in_zone(to_ms(moment), zone) == local.date().toordinal()

    def test_a_zone_is_a_name_of_the_iana_list_and_nothing_else(self) -> None:
        assert all(is_zone(zone) for zone in ZONES)
        for name in ("", "localtime", "europe/zurich", "Mars/Olympus", "../etc/passwd", "/etc/localtime", "UTC\0"):
            assert not is_zone(name)


class TestInstants:
    @settings(deadline=None)
    @given(instants, st.integers(-12, 14))
    def test_they_are_cut_to_milliseconds_and_survive_the_wire(self, moment: datetime, hours: int) -> None:
        at = to_ms(moment.astimezone(timezone(timedelta(hours=hours))))
        assert timedelta(0) <= moment - to_datetime(at) < timedelta(milliseconds=1)
        assert iso(at).endswith("Z")
        assert to_ms(datetime.fromisoformat(iso(at))) == at

    def test_they_look_as_promised(self) -> None:
        assert iso(to_ms(datetime(2026, 11, 23, 9, 8, 7, 654_999, tzinfo=UTC))) == "2026-11-23T09:08:07.654Z"


class TestLevels:
    @pytest.mark.parametrize("levels", [QuadraticLevels(50), QuadraticLevels(1), QuadraticLevels(999_983)])
    def test_a_level_is_reached_at_its_start_and_not_a_point_before(self, levels: QuadraticLevels) -> None:
        for level in range(1, 501):
            start = levels.start_of(level)
            assert start is not None
            assert levels.level_at(start) == level
            assert levels.level_at(start + 1) == level
            assert levels.level_at(start - 1) == max(1, level - 1)

    @settings(deadline=None)
    @given(st.integers(0, 10**30), st.integers(1, 1_000_000))
    def test_any_total_lies_between_the_start_of_its_level_and_the_next(self, points: int, step: int) -> None:
        levels = QuadraticLevels(step)
        level = levels.level_at(points)
        assert step * level * (level - 1) <= points < step * (level + 1) * level

    def test_a_table_ends_with_its_last_level(self) -> None:
        levels = TableLevels([0, 10, 30])
        assert [levels.level_at(points) for points in (0, 9, 10, 29, 30, 10**9)] == [1, 1, 2, 2, 3, 3]
        assert [levels.start_of(level) for level in (1, 2, 3, 4)] == [0, 10, 30, None]
        last = level_progress(levels, 1_000)
        assert (last.level, last.next_level_at, last.fraction) == (3, None, 1.0)

    @pytest.mark.parametrize("levels", [QuadraticLevels(50), QuadraticLevels(7_919), TableLevels([0, 3, 100_000])])
    @settings(deadline=None)
    @given(points=st.integers(0, 200_000))
    def test_the_share_of_a_level_is_below_one_until_the_next(self, levels: Levels, points: int) -> None:
        shown = level_progress(levels, points)
        assert shown.level == levels.level_at(points)
        assert (shown.fraction == 1.0) == (shown.next_level_at is None)
        assert 0.0 <= shown.fraction <= 1.0


class TestPlaces:
    def test_more_points_then_earlier_then_the_user_id_come_first(self) -> None:
        standings = [
            Standing("zoe", 30, 1, 900),
            Standing("Bob", 20, 9, 100),
            Standing("ada", 20, 1, 200),
            Standing("bob", 20, 1, 200),
            Standing("eve", 0, 3, 0),
        ]
        mixed = [standings[index] for index in (3, 0, 4, 2, 1)]
        again = sorted(mixed, key=lambda standing: standing.place.sort_key)
        assert again == standings
        assert standings[0].place == SortKey(30, 900, "zoe")

    def test_the_percentile_is_the_share_at_this_rank_or_below(self) -> None:
        assert [percentile(rank, 4) for rank in (1, 2, 4)] == [100.0, 75.0, 25.0]
        assert percentile(1, 0) == 0.0
        assert percentile(2, 3) == 66.67
