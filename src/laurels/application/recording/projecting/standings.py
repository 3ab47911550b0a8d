"""Computes a user's lines on the boards from their progress.

A standing is computed whole from the progress, never added to: writing it twice, late or again after a crash
leaves the same line.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from functools import lru_cache
from typing import NamedTuple

from msgspec.structs import replace

from laurels.application.ports.boards import Card
from laurels.domain.boards.ranking import Standing, Visibility, alias_order
from laurels.domain.periods import Timeframe, board_name, period_length, period_name, period_start
from laurels.domain.progress import BoardDay, Progress
from laurels.domain.rules.badges.awards import badges_of, seen_earned_at
from laurels.domain.rules.badges.criteria import Within
from laurels.domain.rules.board_retention import RetentionCutoff
from laurels.domain.rules.rulebook import Rulebook

_ALL_KEPT = RetentionCutoff()
_ALL_TIME = period_name(Timeframe.ALL_TIME, 1)
# The number of stored days per requested day up to which it is quicker to go through all of them: a month has about
# that many.
_FEW_DAYS = 8


class _Period(NamedTuple):
    """A board's name, its first day, and the days that it covers; None for all days."""

    name: str
    timeframe: Timeframe
    start: int
    days: range | None


@lru_cache(maxsize=4096)
def _periods_of(day: int) -> tuple[_Period, ...]:
    periods: list[_Period] = []
    for timeframe in Timeframe:
        start = period_start(timeframe, day)
        if timeframe is Timeframe.ALL_TIME:
            periods.append(_Period(period_name(timeframe, 1), timeframe, start, None))
        else:
            days = range(start, start + period_length(timeframe, start))
            periods.append(_Period(period_name(timeframe, start), timeframe, start, days))
    return tuple(periods)


def standings_of(
    progress: Progress,
    rulebook: Rulebook,
    days: Collection[int] | None = None,
    *,
    languages: Collection[str] | None = None,
    horizon: RetentionCutoff = _ALL_KEPT,
) -> dict[str, Standing]:
    """The user's standing on every board that `horizon` keeps (default: all) and that the given days of the boards'
    calendar (all if None) touch; of the boards of one language only those of `languages` (all if None)."""
    found = _standings_of(progress, rulebook, days, languages, horizon)
    if rulebook.is_test(progress.user_id):
        return {name: replace(line, is_shown=False) for name, line in found.items()}
    return found


def _standings_of(
    progress: Progress,
    rulebook: Rulebook,
    days: Collection[int] | None,
    languages: Collection[str] | None,
    horizon: RetentionCutoff,
) -> dict[str, Standing]:
    board_days = progress.board_days
    touched = board_days.keys() if days is None else days
    found: dict[str, Standing] = {}
    for name, (points, events, reached_at) in _sums(board_days, touched, horizon).items():
        if name == _ALL_TIME:
            # Some points may belong to no day.
            found[name] = _line(progress, progress.total_points, progress.events, reached_at, is_shown=True)
        else:
            found[name] = _sum_line(progress, points, events, reached_at)
    language_days = progress.language_days
    for language in language_days if languages is None else language_days.keys() & languages:
        held = language_days[language]
        for name, (points, events, reached_at) in _sums(held, [day for day in touched if day in held], horizon).items():
            found[board_name(name, language)] = _sum_line(progress, points, events, reached_at)
    for currency in rulebook.board_currencies & progress.purses.keys():
        found |= _currency_lines(progress, currency, touched, horizon)
    return found


def _currency_lines(
    progress: Progress, currency: str, touched: Collection[int], horizon: RetentionCutoff
) -> dict[str, Standing]:
    """What was earned of a currency, spent or not."""
    purse = progress.purses[currency]
    lines = {
        board_name(name, currency=currency): _sum_line(progress, points, events, reached_at)
        for name, (points, events, reached_at) in _sums(
            purse.days, [day for day in touched if day in purse.days], horizon
        ).items()
    }
    # Some of it may belong to no day, so it goes with any.
    _, events, reached_at = _sum(purse.days, purse.days)
    if purse.days or purse.earned:
        lines[board_name(_ALL_TIME, currency=currency)] = _sum_line(progress, purse.earned, events, reached_at)
    return lines


_Sum = tuple[int, int, int]
"""Points, events, and when the last points were earned."""


def _sums(held: Mapping[int, BoardDay], touched: Collection[int], horizon: RetentionCutoff) -> Mapping[str, _Sum]:
    """The sums of the days in each kept period that some of them touch, by its name."""
    if touched == held.keys():
        # All of them, as in an import: one walk finds the periods and sums them up.
        whole: dict[str, _Sum] = {}
        for day, each in held.items():
            points, events, reached_at = each.points, each.events, each.reached_at
            for name, timeframe, start, _ in _periods_of(day):
                found = whole.get(name)
                if found is not None:
                    latest = found[2]
                    whole[name] = (
                        found[0] + points,
                        found[1] + events,
                        reached_at if reached_at > latest else latest,
                    )
                elif horizon.keeps(timeframe, start):
                    whole[name] = (points, events, reached_at)
        return whole
    periods = {
        name: days
        for day in touched
        for name, timeframe, start, days in _periods_of(day)
        if horizon.keeps(timeframe, start)
    }
    if len(held) > _FEW_DAYS * len(touched):
        return {name: _sum(held, held if days is None else days) for name, days in periods.items()}
    # Most of the days are requested: one pass over them finds all their periods.
    sums = {name: [0, 0, 0] for name in periods}
    for day, each in held.items():
        points, events, reached_at = each.points, each.events, each.reached_at
        for period in _periods_of(day):
            found = sums.get(period.name)
            if found is not None:
                found[0] += points
                found[1] += events
                found[2] = max(found[2], reached_at)
    return {name: (points, events, reached_at) for name, (points, events, reached_at) in sums.items()}


def _sum(held: Mapping[int, BoardDay], days: Iterable[int]) -> _Sum:
    points = events = reached_at = 0
    for day in days:
        each = held.get(day)
        if each is not None:
            points += each.points
            events += each.events
            reached_at = max(reached_at, each.reached_at)
    return points, events, reached_at


def _sum_line(progress: Progress, points: int, events: int, reached_at: int) -> Standing:
    # Without points and events there is nothing to show: the entries of these days were taken back.
    is_shown = bool(points or events or reached_at)
    if progress.visibility is Visibility.PUBLIC and not progress.is_suspended:
        # Nearly always, and there are many lines.
        return Standing(progress.user_id, points, events, reached_at, is_shown)
    return _line(progress, points, events, reached_at, is_shown=is_shown)


def _line(progress: Progress, points: int, events: int, reached_at: int, *, is_shown: bool) -> Standing:
    if progress.visibility is not Visibility.PUBLIC or progress.is_suspended:
        is_shown = is_shown and progress.visibility is not Visibility.HIDDEN and not progress.is_suspended
        if progress.visibility is Visibility.ALIAS and progress.pseudonym is not None:
            reached_at = alias_order(progress.pseudonym)
    return Standing(progress.user_id, points, events, reached_at, is_shown)


def card_of(progress: Progress, rulebook: Rulebook) -> Card:
    """What boards show of the user. `is_counted`: whether the number of holders of a badge and their share
    (`queries/rarity.py`) include them; `eligible`: the badges of a time that they could have earned."""
    is_alias = progress.visibility is Visibility.ALIAS
    is_test = rulebook.is_test(progress.user_id)
    badges = badges_of(progress.awards)
    return Card(
        user_id=progress.user_id,
        total_points=progress.total_points,
        level=rulebook.levels.level_at(progress.total_points),
        badges=badges,
        last_active_at=progress.last_active_at,
        display_name=progress.display_name,
        photo_url=progress.photo_url,
        alias=progress.alias if is_alias else None,
        pseudonym=progress.pseudonym if is_alias else None,
        is_counted=progress.events > 0 and not progress.is_suspended and not is_test,
        eligible=_eligible(progress, badges, rulebook.windows) if rulebook.windows else [],
        earned_at=[] if is_test else seen_earned_at(progress),
    )


def _eligible(progress: Progress, held: Collection[str], windows: Mapping[str, Within]) -> list[str]:
    """Of the badges that are earned between two days those that the user could have earned, having been active on one
    of these days; and those they hold, however that came."""
    return [badge for badge, within in windows.items() if badge in held or _was_active(progress, within)]


def _was_active(progress: Progress, within: Within) -> bool:
    if not progress.days or within.first > progress.last_day or within.last < progress.first_day:
        return False
    if within.first <= progress.first_day or within.last >= progress.last_day:
        return True
    days = range(within.first, within.last + 1)
    if len(days) < len(progress.days):
        return any(day in progress.days for day in days)
    return any(day in days for day in progress.days)
