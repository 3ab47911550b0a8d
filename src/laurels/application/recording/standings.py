"""From a user's progress to their lines on the boards.

A standing is computed whole from the progress, never added to: writing it twice, late or again after a crash
leaves the same line.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import NamedTuple

from laurels.application.ports.boards import Card
from laurels.domain.periods import Timeframe, board_name, period_length, period_name, period_start
from laurels.domain.progress import BoardDay, Progress
from laurels.domain.ranking import Standing, Visibility, alias_order
from laurels.domain.rules.rulebook import Rulebook


class _Period(NamedTuple):
    """A board's name and the days that it covers; None for all of them."""

    name: str
    days: range | None


@lru_cache(maxsize=4096)
def _periods_of(day: int) -> tuple[_Period, ...]:
    periods: list[_Period] = []
    for timeframe in Timeframe:
        start = period_start(timeframe, day)
        if timeframe is Timeframe.ALL_TIME:
            periods.append(_Period(period_name(timeframe, 1), None))
        else:
            days = range(start, start + period_length(timeframe, start))
            periods.append(_Period(period_name(timeframe, start), days))
    return tuple(periods)


def standings_of(progress: Progress, days: Iterable[int] | None = None) -> dict[str, Standing]:
    """The user's standing on every board that the given days of the boards' calendar (all if None) touch."""
    touched = list(progress.board_days if days is None else days)
    periods = dict(period for day in touched for period in _periods_of(day))
    found = {name: _standing(progress, days) for name, days in periods.items()}
    for language, held in progress.language_days.items():
        of_language = dict(period for day in touched if day in held for period in _periods_of(day))
        for name, covered in of_language.items():
            found[board_name(name, language)] = _sum(progress, held, held if covered is None else covered)
    return found


def _standing(progress: Progress, days: range | None) -> Standing:
    board_days = progress.board_days
    if days is None:
        reached_at = max(day.reached_at for day in board_days.values())
        return _line(progress, progress.total_points, progress.events, reached_at, is_shown=_is_shown(progress))
    return _sum(progress, board_days, days)


def _is_shown(progress: Progress) -> bool:
    return progress.visibility is not Visibility.HIDDEN and not progress.is_suspended


def _sum(progress: Progress, board_days: Mapping[int, BoardDay], days: Iterable[int]) -> Standing:
    points = events = reached_at = 0
    for day in days:
        held = board_days.get(day)
        if held is not None:
            points += held.points
            events += held.events
            reached_at = max(reached_at, held.reached_at)
    # Without points and events there is nothing to show: what stood on these days was taken back.
    is_shown = _is_shown(progress) and bool(points or events or reached_at)
    return _line(progress, points, events, reached_at, is_shown=is_shown)


def _line(progress: Progress, points: int, events: int, reached_at: int, *, is_shown: bool) -> Standing:
    if progress.visibility is Visibility.ALIAS and progress.pseudonym is not None:
        reached_at = alias_order(progress.pseudonym)
    return Standing(progress.user_id, points, events, reached_at, is_shown)


def card_of(progress: Progress, rulebook: Rulebook) -> Card:
    """What boards show of the user."""
    is_alias = progress.visibility is Visibility.ALIAS
    return Card(
        user_id=progress.user_id,
        total_points=progress.total_points,
        level=rulebook.levels.level_at(progress.total_points),
        badges=list(progress.awards),
        last_active_at=progress.last_active_at,
        display_name=progress.display_name,
        photo_url=progress.photo_url,
        alias=progress.alias if is_alias else None,
        pseudonym=progress.pseudonym if is_alias else None,
    )
