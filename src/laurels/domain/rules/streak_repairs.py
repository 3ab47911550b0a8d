"""The missed days that a learner may repair: `repair` in the table `[streak]` of a rulebook.

A repair must be able to save a streak: nobody pays for a day that changes nothing. `streak_count.py` has the effect of
a repair on a streak: its days are treated as paused.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from laurels.domain.ledger.repairs import Repair
from laurels.domain.periods import day_name
from laurels.domain.progress import Progress
from laurels.domain.rules.streak_count import StreakCount, StreakGap
from laurels.domain.rules.streak_rules import RepairRules
from laurels.errors import RepairRefused
from laurels.plurals import counted

_NOTHING = "There is nothing to repair"


def repair_at(streak: StreakCount | None, progress: Progress, day: int, today: int) -> Repair:
    """The repair of the missed day `day`, or of its week. Raises RepairRefused, also if the learner has too few
    points."""
    if streak is None or streak.rules.repair is None:
        raise RepairRefused(
            "The rulebook in force has no repair of streaks; an administrator can allow it with `repair` in its table "
            "[streak]."
        )
    if streak.counts_around(progress, day):
        raise RepairRefused(f"{_NOTHING}: {_unit_name(streak, day)} counts already.")
    gaps = streak.gaps(progress, _earliest(streak, streak.rules.repair, today), today)
    repair = _repair_at(streak, streak.rules.repair, gaps, day, today)
    if progress.total_points < repair.price:
        raise RepairRefused(
            f"A repair costs {counted(repair.price, 'point')}, and this learner has "
            f"{counted(progress.total_points, 'point')}; earn more first."
        )
    return repair


def repairable(streak: StreakCount, progress: Progress, today: int) -> list[Repair]:
    """The possible repairs on the day `today`, the earliest first, whether or not there are enough points."""
    rules = streak.rules.repair
    if rules is None or not progress.days:
        return []
    found: list[Repair] = []
    _, day = streak.unit_around(today - rules.within)
    gaps = streak.gaps(progress, _earliest(streak, rules, today), today)
    while day < today:
        with suppress(RepairRefused):
            found.append(_repair_at(streak, rules, gaps, day, today))
        _, day = streak.unit_around(day + 1)
    return found


def _earliest(streak: StreakCount, rules: RepairRules, today: int) -> int:
    """The first day of the earliest unit that may still be repaired."""
    first, _ = streak.unit_around(today - rules.within)
    return first


def _unit_name(streak: StreakCount, day: int) -> str:
    return f"the week of {day_name(streak.unit_around(day)[0])}" if streak.is_weekly else day_name(day)


def _repair_at(streak: StreakCount, rules: RepairRules, gaps: Sequence[StreakGap], day: int, today: int) -> Repair:
    first, last = streak.unit_around(day)
    unit = _unit_name(streak, day)
    if last >= today:
        raise RepairRefused(f"Nothing is missed yet: {unit} is not over. Ask again when it is.")
    if today - last > rules.within:
        raise RepairRefused(
            f"It is too late: {unit} could be repaired until {day_name(last + rules.within)}, "
            f"{counted(rules.within, 'day')} after it."
        )
    gap = next((each for each in gaps if each.first <= day <= each.last), None)
    if gap is None:
        raise RepairRefused(f"{_NOTHING}: no streak had begun before {unit}.")
    if first not in gap.missed:
        raise RepairRefused(f"{_NOTHING}: nothing was expected in {unit}, since it is paused or repaired.")
    if len(gap.missed) <= gap.spare:
        raise RepairRefused(f"{_NOTHING}: freezes held the streak over {unit}.")
    if gap.late > gap.spare:
        raise RepairRefused(
            f"It is too late: of {counted(len(gap.missed), f'missed {streak.rules.per}')} there, {gap.late:,} cannot "
            "be repaired any more."
        )
    minimum = streak.rules.minimum
    return Repair(first, last, rules.price, days=streak.rules.days, events=minimum.events, points=minimum.points)
