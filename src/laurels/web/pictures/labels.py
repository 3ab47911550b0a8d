"""Every word and number in a picture, with English defaults.

Pictures know no translations and no names of months: a page passes `Labels` in its own language. Words that depend on a
number are functions, since languages count differently.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from types import MappingProxyType

import msgspec

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_CATEGORIES = {
    "coding": "Coding",
    "learning": "Learning",
    "social": "Social",
    "milestone": "Milestone",
    "streak": "Streak",
}
_RARITIES = {"common": "common", "rare": "rare", "epic": "epic", "legendary": "legendary"}


def _number(value: int) -> str:
    return f"{value:,}"


def _counted(one: str, many: str) -> Callable[[int], str]:
    return lambda count: f"{count:,} {one if count == 1 else many}"


def _day(day: date) -> str:
    return f"{day.day} {_MONTHS[day.month - 1]}"


def _date(day: date) -> str:
    return f"{day.day} {_MONTHS[day.month - 1]} {day.year}"


def _month(day: date) -> str:
    return f"{_MONTHS[day.month - 1]} {day.year}"


def _percent(share: float) -> str:
    return f"{share:.0%}" if share >= 0.01 else "<1%"


class Labels(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """Words and formats. The picture replaces `{...}` in a text by its values.

    `day` and `points` are called for every day of a heatmap: let them be quick. Parts of pictures are kept by the very
    object, so make one for a language and use it again.
    """

    number: Callable[[int], str] = _number
    percent: Callable[[float], str] = _percent
    """A share from 0 to 1."""
    day: Callable[[date], str] = _day
    """A day without its year."""
    date: Callable[[date], str] = _date
    month: Callable[[date], str] = _month
    """A month with its year."""
    months: tuple[str, ...] = _MONTHS
    """Short names, from January."""
    weekdays: tuple[str, ...] = _WEEKDAYS
    """Short names, from Monday."""
    weekday_initials: tuple[str, ...] = ("M", "T", "W", "T", "F", "S", "S")

    points: Callable[[int], str] = _counted("point", "points")
    days: Callable[[int], str] = _counted("day", "days")
    active_days: Callable[[int], str] = _counted("active day", "active days")
    badges: Callable[[int], str] = _counted("badge", "badges")
    day_streak: Callable[[int], str] = lambda _: "day streak"
    """The text under the number of days."""

    activity: str = "Activity"
    activity_summary: str = "{days} from {first} to {last}, {points}."
    best_day: str = "Best day: {date} with {points}."
    less: str = "Less"
    more: str = "More"
    frozen: str = "streak freeze"
    paused: str = "paused"
    repaired: str = "repaired"
    active: str = "active"
    missed: str = "missed"
    pending: str = "still open"
    today: str = "Today"

    streak: str = "Streak: {days}"
    longest: str = "Longest: {days}"
    keep_going: str = "Learn today to keep it going"
    start_again: str = "Learn today to start one"

    level: str = "Level"
    level_reached: str = "Level {level}, {points}"
    to_next: str = "{points} to level {level}"
    top_level: str = "Highest level reached"

    progress_of: str = "{name}: progress"
    unnamed: str = "Learner"

    categories: Mapping[str, str] = MappingProxyType(_CATEGORIES)
    rarities: Mapping[str, str] = MappingProxyType(_RARITIES)
    medal: str = "{category} badge, {rarity}"
    not_earned: str = "{name}, not yet earned"
    medal_progress: str = "{name}, {share} done"
    hidden: str = "Hidden badge"

    points_over_time: str = "Points over time"
    week_of: str = "Week of {date}"
    chart_point: str = "{period}: {points}"
    chart_summary: str = "From {first} to {last}: {points}. Most: {best}."

    languages: str = "Languages"
    language_share: str = "{language}: {count} ({share})"
    other: str = "Other"
    nothing: str = "Nothing here yet"


ENGLISH = Labels()
"""The defaults."""
