"""Counts streaks by the `[streak]` table of a rulebook.

Everything is computed from the days of a progress, in one walk over those that count. `Progress.runs` remembers the
state of the walk, so that a day after all others costs one step; a day between others starts the walk again.

The table is in `streak_rules.py`, the arithmetic of freezes in `domain/runs.py`. Without the table streaks are
counted in `domain/progress.py` (`daily_streak`) and `domain/folding.py` (`_run_with`); `Rulebook.daily_streak` and
`observe_event` choose.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from itertools import pairwise
from typing import Literal

from msgspec import UNSET, Struct

from laurels.domain.ledger.pauses import days_of
from laurels.domain.progress import DayTotals, Progress
from laurels.domain.rules.streak_rules import StreakRules
from laurels.domain.runs import MissBudget, Runs

DayState = Literal["frozen", "paused", "repaired"]

_WEEK = 7


class StreakEnd(Struct, frozen=True):
    """A streak of `length` whose last day was `last_day`; it reads 0 from the day `over_on` unless it continues."""

    length: int
    last_day: int
    over_on: int


class StreakGap(Struct, frozen=True):
    """The gap between two units that count: its days from `first` to `last`, and the first days of its `missed` units.
    `late` counts the missed units too long ago to repair; `spare` the misses that the streak before can still take."""

    first: int
    last: int
    missed: frozenset[int]
    late: int
    spare: int


class StreakCount:
    """Counts by one `[streak]` table. A unit is a day, or an ISO week, by its number."""

    def __init__(self, rules: StreakRules) -> None:
        self.rules = rules
        self.is_weekly = rules.per == "week"
        self.has_freezes = rules.freezes.initial > 0 or rules.freezes.every is not UNSET
        self._days = rules.days
        self._events, self._points = rules.minimum.events, rules.minimum.points
        freezes = rules.freezes
        # Kept in fractions of a freeze; each active unit earns one fraction.
        price, cap = (1, freezes.initial) if freezes.every is UNSET else (freezes.every, freezes.cap or 0)
        self.allowance = MissBudget(
            start=freezes.initial * price, gain=int(freezes.every is not UNSET), most=int(cap) * price, price=price
        )
        self._pauses = frozenset(
            day for pause in rules.pauses for day in range(pause.from_day.toordinal(), pause.until_day.toordinal() + 1)
        )

    def is_reached(self, day: DayTotals, points: int) -> bool:
        """Whether the latest event, of `points` points, made this day reach the minimum."""
        if day.events < self._events or day.points < self._points:
            return False
        return day.events == self._events or day.points - points < self._points

    def take(self, progress: Progress, day: int) -> int:
        """Count a day that counts only now. Returns the length of the longest streak then."""
        unit = self._unit(day)
        if self.is_weekly and self._days_of(progress, unit) != self._days:
            return progress.longest_streak
        if progress.runs and unit > progress.runs_until:
            is_next = unit == progress.runs_until + 1
            missed = 0 if is_next else self._missed(self._excused(progress), progress.runs_until, unit)
            progress.runs = self.allowance.lengthen(self.allowance.miss(progress.runs, missed))
            progress.runs_until = unit
            return max(progress.longest_streak, progress.runs[0][1])
        units = self._units(progress)
        runs, longest = self._walk(progress, units)
        progress.runs, progress.runs_until = runs, units[-1]
        return max(progress.longest_streak, longest)

    def current(self, progress: Progress, today: int) -> int:
        """The streak on the day `today`, which is not missed before it is over."""
        unit = self._unit(today)
        runs, until = self._standing(progress)
        if until > unit:
            return self._current_with_units_ahead(progress, unit)
        runs = self.allowance.miss(runs, self._missed(self._excused(progress), until, unit))
        return runs[0][1] if runs else 0

    def freezes_left(self, progress: Progress, today: int) -> int:
        """How many units the streak on the day `today` may still miss."""
        unit = self._unit(today)
        runs, until = self._standing(progress)
        runs = self.allowance.miss(runs, self._missed(self._excused(progress), until, unit))
        return runs[0][0] // self.allowance.price if runs else self.rules.freezes.initial

    def end(self, progress: Progress) -> StreakEnd | None:
        """The latest streak, still running or not; None if no day counts."""
        runs, until = self._standing(progress)
        if not runs:
            return None
        excused = self._excused(progress)
        bears, unit = self.allowance.bears(runs), until
        while bears >= 0:
            unit += 1
            bears -= not self._is_paused(unit, excused)
        return StreakEnd(runs[0][1], self._first_day(until + 1) - 1, self._first_day(unit + 1))

    def longest_of(self, progress: Progress, first: int, last: int) -> int:
        """The longest streak within the days from `first` to `last`."""
        units = self._units(progress, {day: progress.days[day] for day in progress.days if first <= day <= last})
        return self._walk(progress, units)[1]

    def states(self, progress: Progress, first: int, last: int, *, today: int) -> dict[int, DayState]:
        """`frozen`, `paused` or `repaired` for each day from `first` to `last` that does not count but did not break
        the streak.

        Frozen are the missed units between two active ones, or since the latest one, that a run bridged.
        """
        paused = self.paused_days(progress)
        found: dict[int, DayState] = {}
        for unit in self._bridged(progress, self._unit(today)):
            start = self._first_day(unit)
            for day in range(max(start, first), min(self._first_day(unit + 1) - 1, last) + 1):
                found[day] = "frozen"
        if progress.days:
            # Days before the learner's first one are not missed.
            for day in range(max(first, progress.first_day), last + 1):
                if day in paused:
                    found[day] = "paused"
        found.update(dict.fromkeys((day for day in _repaired(progress) if first <= day <= last), "repaired"))
        return {day: state for day, state in sorted(found.items()) if not self._counts(progress.days.get(day))}

    def paused_days(self, progress: Progress) -> frozenset[int]:
        """The days that are paused: for all, by a plan of the learner's own, or since they changed their zone."""
        return self._lost(progress) | self._pauses | days_of(progress.pauses)

    def unit_around(self, day: int) -> tuple[int, int]:
        """The first and the last day of the unit that holds a day."""
        unit = self._unit(day)
        return self._first_day(unit), self._first_day(unit + 1) - 1

    def gaps(self, progress: Progress, since: int, today: int) -> list[StreakGap]:
        """The gaps that reach to the day `since` or past it, the earliest first; the last one ends before today's
        unit. Too late is what lies before the unit of `since`."""
        units = self._units(progress)
        excused = self._excused(progress)
        found: list[StreakGap] = []
        runs: Runs = []
        for unit, following in pairwise([*units, self._unit(today)]):
            runs = self.allowance.lengthen(runs)
            bears = self.allowance.bears(runs)
            if following > unit + 1:
                last = self._first_day(following) - 1
                if last >= since:
                    missed = [each for each in range(unit + 1, following) if not self._is_paused(each, excused)]
                    first, late = self._first_day(unit + 1), bisect_left(missed, self._unit(since))
                    found.append(StreakGap(first, last, frozenset(map(self._first_day, missed)), late, bears))
                runs = self.allowance.miss(runs, self._missed(excused, unit, following))
        return found

    def _bridged(self, progress: Progress, today: int) -> list[int]:
        """The missed units that a run bridged."""
        units = self._units(progress)
        excused = self._excused(progress)
        runs: Runs = []
        found: list[int] = []
        for unit, following in pairwise([*units, max(today, units[-1])] if units else []):
            runs = self.allowance.lengthen(runs)
            missed = self._missed(excused, unit, following)
            runs = self.allowance.miss(runs, missed)
            if missed and runs:
                found += [each for each in range(unit + 1, following) if not self._is_paused(each, excused)]
        return found

    def _current_with_units_ahead(self, progress: Progress, today: int) -> int:
        """Like `streak_around`: units ahead belong to the streak that they continue."""
        units = self._units(progress)
        ahead = today
        while ahead + 1 in units:
            ahead += 1
        if today in units:
            return self._walk(progress, [unit for unit in units if unit <= ahead])[0][0][1]
        past = [unit for unit in units if unit < today]
        if past:
            missed = self._missed(self._excused(progress), past[-1], today)
            runs = self.allowance.miss(self._walk(progress, past)[0], missed)
            if runs:
                return runs[0][1]
        return int(ahead > today)

    def _standing(self, progress: Progress) -> tuple[Runs, int]:
        """The runs after the latest active unit, and that unit; no runs and 0 if there is none."""
        if progress.runs:
            return progress.runs, progress.runs_until
        units = self._units(progress)
        return (self._walk(progress, units)[0], units[-1]) if units else ([], 0)

    def _walk(self, progress: Progress, units: list[int]) -> tuple[Runs, int]:
        """The runs after the last of `units`, and the length of the longest one on the way."""
        runs: Runs = []
        longest, before = 0, 0
        # Once for all gaps: a learner may have hundreds of these, and hundreds of days that are excused.
        excused = self._excused(progress)
        for unit in units:
            if runs and unit > before + 1:
                runs = self.allowance.miss(runs, self._missed(excused, before, unit))
            runs = self.allowance.lengthen(runs)
            longest, before = max(longest, runs[0][1]), unit
        return runs, longest

    def _missed(self, excused: frozenset[int], after: int, before: int) -> int:
        """How many units between two were missed; beyond the maximum that any run survives, counting stops."""
        most = self.allowance.most // self.allowance.price
        missed = 0
        for unit in range(after + 1, before):
            missed += not self._is_paused(unit, excused)
            if missed > most:
                break
        return missed

    def _is_paused(self, unit: int, excused: frozenset[int]) -> bool:
        """Whether the learner need not be active in a unit, given the days on which they are excused."""
        if not self.is_weekly:
            return unit in self._pauses or unit in excused
        start = self._first_day(unit)
        days = sum(day not in self._pauses and day not in excused for day in range(start, start + _WEEK))
        return days < self._days

    def _excused(self, progress: Progress) -> frozenset[int]:
        """The days on which this learner need not be active, beside the pauses for all."""
        lost = self._lost(progress)
        if progress.pauses:
            lost |= days_of(progress.pauses)
        return lost | _repaired(progress) if progress.repairs else lost

    def _lost(self, progress: Progress) -> frozenset[int]:
        return progress.lost_days(self.rules.grace) if len(progress.zones) > 1 else frozenset()

    def _units(self, progress: Progress, days: Iterable[int] | None = None) -> list[int]:
        counted = sorted(day for day in (progress.days if days is None else days) if self._counts(progress.days[day]))
        if not self.is_weekly:
            return counted
        weeks: dict[int, int] = {}
        for day in counted:
            week = self._unit(day)
            weeks[week] = weeks.get(week, 0) + 1
        return [week for week, number in weeks.items() if number >= self._days]

    def counts_around(self, progress: Progress, day: int) -> bool:
        """Whether a day counts, or its week."""
        if self.is_weekly:
            return self._days_of(progress, self._unit(day)) >= self._days
        return self._counts(progress.days.get(day))

    def _days_of(self, progress: Progress, week: int) -> int:
        start = self._first_day(week)
        return sum(self._counts(progress.days.get(day)) for day in range(start, start + _WEEK))

    def _counts(self, day: DayTotals | None) -> bool:
        return day is not None and day.events >= self._events and day.points >= self._points

    def _unit(self, day: int) -> int:
        return (day - 1) // _WEEK if self.is_weekly else day

    def _first_day(self, unit: int) -> int:
        return unit * _WEEK + 1 if self.is_weekly else unit


def _repaired(progress: Progress) -> frozenset[int]:
    return frozenset(day for each in progress.repairs for day in range(each.first, each.last + 1))
