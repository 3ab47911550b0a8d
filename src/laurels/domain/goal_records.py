"""Whether a learner's goals were met, and when: computed from the days of their progress, like a streak.

So an event that comes late counts on its own day, and one that is taken back does no more, whatever was shown before.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection

from msgspec import Struct

from laurels.domain.goals import KINDS, GoalChange, GoalKind, GoalMet, targets_of
from laurels.domain.progress import Progress

LATEST = 12
"""How many periods that are over a record holds."""


class Judged(Struct, frozen=True):
    """What was done of a goal in the period that begins on the day `first`."""

    first: int
    target: int
    current: int

    @property
    def is_met(self) -> bool:
        """Whether the goal was met."""
        return self.current >= self.target


class JudgedGoal(Struct, frozen=True):
    """A goal and its record. `present` is the period of today, None if the goal was ended. `met` counts the periods in
    which it was met, today's included. `run` counts how many of them are in a row; the present period does not break it
    before it ends. `past` are the latest periods that are over, the newest first."""

    kind: GoalKind
    present: Judged | None
    met: int
    run: int
    past: list[Judged]


def current_goals(progress: Progress, today: int) -> list[tuple[GoalKind, Judged]]:
    """The goals that hold now, with what was done of each in the period of the day `today`."""
    return [
        (kind, Judged(first, target, _amount(kind, progress, first)))
        for goal_id, target in targets_of(progress.goals).items()
        for kind in [KINDS[goal_id]]
        for first in [kind.period_of(today)]
    ]


def records(progress: Progress, today: int, paused: Collection[int]) -> list[JudgedGoal]:
    """All goals that the user has or had, as they stand on the day `today`. A period all of whose days are `paused`
    breaks no run."""
    found = {change.goal_id for change in progress.goals}
    return [_record(kind, progress, today, paused) for goal_id, kind in KINDS.items() if goal_id in found]


def met_by(progress: Progress, day: int, points: int) -> list[GoalMet]:
    """The goals that are met only since the latest event of the `day`, which brought `points`."""
    met: list[GoalMet] = []
    for goal_id in dict.fromkeys(change.goal_id for change in progress.goals):
        kind = KINDS[goal_id]
        first = kind.period_of(day)
        target = targets_of(each for each in _changes(progress, kind) if each.first <= first).get(goal_id)
        if target is None:
            continue
        amount = _amount(kind, progress, first)
        if amount - (1 if kind.measure == "events" else points) < target <= amount:
            met.append(GoalMet(goal_id, first, target))
    return met


def _record(kind: GoalKind, progress: Progress, today: int, paused: Collection[int]) -> JudgedGoal:
    changes = _changes(progress, kind)
    present = kind.period_of(today)
    target, coming = 0, deque(changes)
    met = run = 0
    past: deque[Judged] = deque(maxlen=LATEST)
    for first in range(changes[0].first, present, kind.days):
        while coming and coming[0].first <= first:
            target = coming.popleft().target
        if not target:
            run = 0
            continue
        judged = Judged(first, target, _amount(kind, progress, first))
        if judged.is_met:
            met, run = met + 1, run + 1
        elif not all(day in paused for day in range(first, first + kind.days)):
            run = 0
        past.appendleft(judged)
    # A move to another zone may have put the day back to one before the latest change, which holds all the same.
    if not changes[-1].target:
        return JudgedGoal(kind, None, met, 0, list(past))
    now = Judged(present, changes[-1].target, _amount(kind, progress, present))
    return JudgedGoal(kind, now, met + now.is_met, run + now.is_met, list(past))


def _changes(progress: Progress, kind: GoalKind) -> list[GoalChange]:
    return [each for each in progress.goals if each.goal_id == kind.id]


def _amount(kind: GoalKind, progress: Progress, first: int) -> int:
    """What was done in the period that begins on the day `first`: events, or their points (those of badges are no work
    of that day)."""
    days = [progress.days[day] for day in range(first, first + kind.days) if day in progress.days]
    return sum(day.events if kind.measure == "events" else day.points for day in days)
