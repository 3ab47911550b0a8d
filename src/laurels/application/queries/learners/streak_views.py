"""A learner's days and streak as answers show them."""

from __future__ import annotations

from msgspec import UNSET, UnsetType

from laurels.application.queries.views import ActivityDay, RepairableView, StreakView
from laurels.domain.periods import day_name
from laurels.domain.progress import DayTotals, Progress
from laurels.domain.rules.rulebook import Rulebook
from laurels.domain.rules.streak_repairs import repairable

_NOTHING = DayTotals()


def activity_days(progress: Progress, rulebook: Rulebook, first: int, last: int, *, today: int) -> list[ActivityDay]:
    """The days from `first` to `last` with activity, or with a state that the streak gave them, in order."""
    states = {} if rulebook.streak is None else rulebook.streak.states(progress, first, last, today=today)
    held = progress.days
    if len(held) <= last - first:
        active = {day for day in held if first <= day <= last}
    else:
        # There are many years of days, and only one year is requested.
        active = {day for day in range(first, last + 1) if day in held}
    return [
        ActivityDay(day_name(day), totals.events, totals.points, states.get(day, UNSET))
        for day in sorted(active | states.keys())
        for totals in [held.get(day, _NOTHING)]
    ]


def streak_view(progress: Progress, rulebook: Rulebook, today: int) -> StreakView | UnsetType:
    """How the learner's streak is counted; unset if the rulebook has no rule for it."""
    streak = rulebook.streak
    if streak is None:
        return UNSET
    freezes = streak.freezes_left(progress, today) if streak.has_freezes else UNSET
    found = repairable(streak, progress, today)
    repair = RepairableView(price=found[0].price, days=[day_name(each.first) for each in found]) if found else UNSET
    return StreakView(per=streak.rules.per, freezes=freezes, repair=repair)
