"""Instants, local days and the periods made of them.

Streak, heat map, badge and board must never disagree on the present day, so this module alone decides. Instants are
whole milliseconds since 1970-01-01T00:00Z. A day is a proleptic Gregorian ordinal (`datetime.date.toordinal`); a week
is named by the ordinal of its Monday, a month by that of its first day.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from functools import lru_cache
from urllib.parse import quote
from zoneinfo import ZoneInfo, available_timezones

from laurels.errors import InvalidQuery

MS_PER_DAY = 86_400_000
MS_PER_HOUR = 3_600_000
EPOCH_DAY = date(1970, 1, 1).toordinal()
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


class Timeframe(StrEnum):
    """How long a board's period lasts."""

    ALL_TIME = "all-time"
    MONTHLY = "monthly"
    WEEKLY = "weekly"
    DAILY = "daily"


def to_ms(moment: datetime) -> int:
    """Milliseconds since the epoch of an aware `moment`; finer fractions are cut off, not rounded."""
    return (moment - _EPOCH) // _MILLISECOND


def to_datetime(at: int) -> datetime:
    """The aware UTC datetime of an instant."""
    return _EPOCH + timedelta(milliseconds=at)


def iso(at: int) -> str:
    """An instant on the wire: UTC, milliseconds, `Z`."""
    day, ms = divmod(at, MS_PER_DAY)
    second, ms = divmod(ms, 1_000)
    minute, second = divmod(second, 60)
    return f"{_day_at(day)}T{minute // 60:02d}:{minute % 60:02d}:{second:02d}.{ms:03d}Z"


@lru_cache(maxsize=4_096)
def _day_at(day: int) -> str:
    # Most instants of an answer, and of many in a row, lie on the same few hundred days.
    return to_datetime(MS_PER_DAY * day).date().isoformat()


@lru_cache(maxsize=1)
def _zone_names() -> frozenset[str]:
    # A system's zone folder also holds files that are not zones of the IANA list.
    return frozenset(available_timezones() - {"localtime", "posixrules", "Factory"})


def is_zone(name: str) -> bool:
    """Whether `name` is an IANA time zone known here. Case matters, as in the IANA list."""
    return name in _zone_names()


@lru_cache(maxsize=1024)
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)


def utc_offset(at: int, zone: str) -> int:
    """Seconds that local time in `zone` is ahead of UTC at the instant `at`."""
    if zone == "UTC":
        return 0
    offset = datetime.fromtimestamp(at // 1000, _zone(zone)).utcoffset()
    return 0 if offset is None else int(offset.total_seconds())


def day_of(at: int, offset: int = 0, grace: int = 0) -> int:
    """The calendar day of an instant, `offset` seconds ahead of UTC; its first `grace` hours belong to the day
    before."""
    return (at + offset * 1000 - grace * MS_PER_HOUR) // MS_PER_DAY + EPOCH_DAY


def day_in_zone(at: int, zone: str) -> int:
    """The calendar day of an instant in an IANA zone."""
    return day_of(at, utc_offset(at, zone))


def day_start(day: int, zone: str) -> int:
    """The instant at which a calendar day begins in an IANA zone."""
    # If there is no such midnight, this is the instant at which the clocks jump over it.
    return to_ms(datetime.combine(date.fromordinal(day), time(), _zone(zone)))


def hour_of(at: int, offset: int = 0) -> int:
    """The hour of the local day, 0 to 23."""
    return (at + offset * 1000) // MS_PER_HOUR % 24


def weekday_of(day: int) -> int:
    """ISO weekday: Monday is 1, Sunday is 7."""
    return (day - 1) % 7 + 1


def week_of(day: int) -> int:
    """The Monday of the ISO week that holds `day`."""
    return day - (day - 1) % 7


def month_of(day: int) -> int:
    """The first day of the calendar month that holds `day`."""
    return day - date.fromordinal(day).day + 1


def month_length(first: int) -> int:
    """The number of days in the month that starts at `first`."""
    return month_of(first + 31) - first


# The same few thousand days appear in all activities.
@lru_cache(maxsize=16_384)
def day_name(day: int) -> str:
    """`2026-11-23`."""
    return date.fromordinal(day).isoformat()


def parse_day(text: str, field: str) -> int:
    """The day that `text` (`YYYY-MM-DD`) names. Raises InvalidQuery naming `field`."""
    if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
        try:
            return date.fromisoformat(text).toordinal()
        except ValueError:
            pass
    raise InvalidQuery(field, "Must be a calendar date such as 2026-01-31.")


def period_start(timeframe: Timeframe, day: int) -> int:
    """The first day of the period that holds `day`; 0 for all-time."""
    match timeframe:
        case Timeframe.ALL_TIME:
            return 0
        case Timeframe.MONTHLY:
            return month_of(day)
        case Timeframe.WEEKLY:
            return week_of(day)
        case Timeframe.DAILY:
            return day


def periods_ending(day: int) -> list[tuple[Timeframe, str]]:
    """The periods whose last day is `day`, by timeframe and name, the shortest first."""
    timeframes = (Timeframe.DAILY, Timeframe.WEEKLY, Timeframe.MONTHLY)
    return [(each, period_name(each, day)) for each in timeframes if period_start(each, day + 1) == day + 1]


def period_length(timeframe: Timeframe, start: int) -> int:
    """The number of days in the period from `start`. Not defined for all-time."""
    return {Timeframe.DAILY: 1, Timeframe.WEEKLY: 7}.get(timeframe) or month_length(start)


def period_name(timeframe: Timeframe, day: int) -> str:
    """The name of the period that holds `day`: `all`, `2026-11`, `2026-W47` or `2026-11-23`."""
    match timeframe:
        case Timeframe.ALL_TIME:
            return "all"
        case Timeframe.MONTHLY:
            return date.fromordinal(day).isoformat()[:7]
        case Timeframe.WEEKLY:
            iso_week = date.fromordinal(day).isocalendar()
            return f"{iso_week.year:04d}-W{iso_week.week:02d}"
        case Timeframe.DAILY:
            return day_name(day)


def board_name(period: str, language: str | None = None, *, currency: str | None = None) -> str:
    """The name of a board: that of its period, for one language with that after an `@`, for a currency with its name
    after a `+`: `2026-11@python`, `2026-11+coins`.

    No period's name holds one of these, and the language is percent-encoded, so no two boards share a name.
    """
    if currency is not None:
        return f"{period}+{currency}"
    return period if language is None else f"{period}@{quote(language, safe='').replace('.', '%2E')}"


def period_of_board(board: str) -> str:
    """The period in a board's name."""
    return board.partition("@")[0].partition("+")[0]


def previous_period(timeframe: Timeframe, start: int) -> str | None:
    """The name of the period before the one that begins on the day `start`; None for all-time and the first day."""
    if timeframe is Timeframe.ALL_TIME or start <= 1:
        return None
    return period_name(timeframe, start - 1)


def parse_period(name: str) -> tuple[Timeframe, int]:
    """The timeframe and first day of a period with this name. Raises InvalidQuery."""
    try:
        if name == "all":
            return Timeframe.ALL_TIME, 0
        if match := re.fullmatch(r"([0-9]{4})-W([0-9]{2})", name):
            return Timeframe.WEEKLY, date.fromisocalendar(int(match[1]), int(match[2]), 1).toordinal()
        if re.fullmatch(r"[0-9]{4}-[0-9]{2}", name):
            return Timeframe.MONTHLY, date.fromisoformat(name + "-01").toordinal()
        if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", name):
            return Timeframe.DAILY, date.fromisoformat(name).toordinal()
    except ValueError:
        pass
    raise InvalidQuery("period", "Must be the name of a period: all, 2026-11, 2026-W47 or 2026-11-23.")
