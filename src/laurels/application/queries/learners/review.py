"""A learner's year in review, computed from their progress alone.

It needs no query of its own, so the JSON and the PDF show the same numbers.
"""

from __future__ import annotations

import re
from datetime import date

from msgspec import Struct

from laurels.application.queries.badges import held_badges
from laurels.application.queries.placeholder_names import PlaceholderNames
from laurels.application.queries.views import BadgeView, Document
from laurels.domain.periods import day_name
from laurels.domain.progress import Progress
from laurels.domain.rules.rulebook import Rulebook
from laurels.errors import InvalidQuery

FIRST_YEAR, LAST_YEAR = 1970, 9_998


class MonthReview(Struct, frozen=True):
    """A month, 1 to 12, with its events, their points (badges not included) and its active days."""

    month: int
    events: int
    points: int
    days: int


class BestDay(Struct, frozen=True):
    """The day with the most points of a year; the first of several equal ones."""

    date: str
    events: int
    points: int


class Review(Document, frozen=True, rename="camel", kw_only=True):
    """A year by the learner's own days. `longest_streak` is the longest streak within it; `points` are those of events,
    `badge_points` those of badges earned in that year."""

    user_id: str
    display_name: str
    has_name: bool
    year: int
    events: int
    points: int
    badge_points: int
    active_days: int
    longest_streak: int
    best_day: BestDay | None
    months: list[MonthReview]
    badges: list[BadgeView]


def check_year(text: str) -> int:
    """The year that a text names. Raises InvalidQuery."""
    if re.fullmatch("[0-9]{4}", text) and FIRST_YEAR <= int(text) <= LAST_YEAR:
        return int(text)
    raise InvalidQuery("year", f"Must be a year of four digits from {FIRST_YEAR} to {LAST_YEAR}, such as 2026.")


def review(progress: Progress, rulebook: Rulebook, names: PlaceholderNames, year: int) -> Review:
    """The review of `year`. Raises InvalidQuery for a year outside the calendar."""
    check_year(f"{year:04d}")
    first, last = date(year, 1, 1).toordinal(), date(year, 12, 31).toordinal()
    days = {day: totals for day, totals in progress.days.items() if first <= day <= last}
    months = {number: [0, 0, 0] for number in range(1, 13)}
    longest = run = before = 0
    best: tuple[int, int, int] | None = None
    for day in sorted(days):
        totals = days[day]
        month = months[date.fromordinal(day).month]
        month[0] += totals.events
        month[1] += totals.points
        month[2] += 1
        run = run + 1 if day == before + 1 else 1
        before, longest = day, max(longest, run)
        if best is None or totals.points > best[1]:
            best = (day, totals.points, totals.events)
    if rulebook.streak is not None:
        longest = rulebook.streak.longest_of(progress, first, last)
    awards = [award for award in progress.awards.values() if first <= rulebook.today(progress, award.earned_at) <= last]
    return Review(
        user_id=progress.user_id,
        display_name=progress.display_name or names.of(progress.user_id),
        has_name=progress.display_name is not None,
        year=year,
        events=sum(totals.events for totals in days.values()),
        points=sum(totals.points for totals in days.values()),
        badge_points=sum(award.points for award in awards),
        active_days=len(days),
        longest_streak=longest,
        best_day=None if best is None else BestDay(day_name(best[0]), best[2], best[1]),
        months=[MonthReview(number, *figures) for number, figures in months.items()],
        badges=held_badges(sorted(awards, key=lambda award: award.earned_at), rulebook),
    )
