"""A learner's days in the form that pictures use, and in words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from typing import Literal

import msgspec

from laurels.web.pictures.labels import ENGLISH, Labels

DayState = Literal["frozen", "paused", "repaired"]

WEEK = 7
LEVELS = 5
"""The number of levels of a heatmap, including the empty one."""


class Day(msgspec.Struct, frozen=True):
    """A local day with activity or with a state that saved the streak. Missing days are empty."""

    date: date
    points: int
    events: int = 0
    state: DayState | None = None

    @property
    def is_active(self) -> bool:
        """Whether there was an event on it, paid or not."""
        return self.events > 0 or self.points > 0


class MonthOfDays(msgspec.Struct, frozen=True, kw_only=True):
    """One row of the table that describes a heatmap."""

    first: date
    """The first day of the month."""
    active: int
    points: int


def by_date(days: Iterable[Day], first: date, last: date) -> dict[date, Day]:
    """The days from `first` to `last`, inclusive."""
    return {day.date: day for day in days if first <= day.date <= last}


def last_year(today: date, *, first_weekday: int = 0, weeks: int = 53) -> tuple[date, date]:
    """First and last day of the heatmap that ends `today` and begins with a whole week; weekday 0 is Monday."""
    start_of_week = today - timedelta(days=(today.weekday() - first_weekday) % WEEK)
    return start_of_week - timedelta(days=WEEK * (weeks - 1)), today


def heat_levels(days: Mapping[date, Day]) -> dict[date, int]:
    """The level of each active day, 1 to 4: the quarter of its points among the given active days.

    The day or days with the most points always have the highest level.
    """
    scores = {day.date: day.points for day in days.values() if day.is_active}
    if not scores:
        return {}
    ordered = sorted(scores.values())
    count = len(ordered)
    quartiles = (ordered[count // 4], ordered[count // 2], ordered[3 * count // 4])
    most = ordered[-1]
    return {
        day: LEVELS - 1 if points == most else 1 + sum(points > quartile for quartile in quartiles)
        for day, points in scores.items()
    }


def activity_summary(days: Iterable[Day], *, first: date, last: date, labels: Labels = ENGLISH) -> str:
    """A heatmap in two sentences."""
    return summary_of(by_date(days, first, last).values(), first=first, last=last, labels=labels)


def summary_of(days: Iterable[Day], *, first: date, last: date, labels: Labels) -> str:
    """The same of days of which none is outside."""
    active = [day for day in days if day.is_active]
    summary = labels.activity_summary.format(
        days=labels.active_days(len(active)),
        first=labels.date(first),
        last=labels.date(last),
        points=labels.points(sum(day.points for day in active)),
    )
    if not active:
        return summary
    best = max(active, key=lambda day: (day.points, day.date))
    return f"{summary} {labels.best_day.format(date=labels.date(best.date), points=labels.points(best.points))}"


def activity_by_month(days: Iterable[Day], *, first: date, last: date) -> list[MonthOfDays]:
    """The table that describes a heatmap: a row for each month, oldest first, including empty ones."""
    found: dict[date, list[int]] = {}
    month = first.replace(day=1)
    while month <= last:
        found[month] = [0, 0]
        month = (month + timedelta(days=31)).replace(day=1)
    for day in by_date(days, first, last).values():
        row = found[day.date.replace(day=1)]
        row[0] += day.is_active
        row[1] += day.points
    return [MonthOfDays(first=month, active=active, points=points) for month, (active, points) in found.items()]
