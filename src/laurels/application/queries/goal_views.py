"""A learner's goals as answers show them, and as the library's values."""

from __future__ import annotations

from datetime import date
from typing import Any

from msgspec import Struct, field

from laurels.domain.goal_records import Judged, current_goals, records
from laurels.domain.goals import KINDS, GoalKind, GoalMeasure, GoalMet, GoalUnit
from laurels.domain.progress import Progress
from laurels.domain.rules.rulebook import Rulebook


class GoalPeriod(Struct, frozen=True, rename="camel", kw_only=True):
    """What was done of a goal in one of its days or weeks, which has the days from `first` to `last`."""

    first: date = field(name="from")
    last: date = field(name="until")
    target: int
    current: int
    is_met: bool


class Goal(GoalPeriod, frozen=True, rename="camel", kw_only=True):
    """A goal that a learner has set themselves, in the present day or week: `target` events or points, of which
    `current` are done. The points of badges are no part of it. `goal_id` joins `measure` and `per`, as in
    `eventsPerDay`."""

    goal_id: str
    measure: GoalMeasure
    per: GoalUnit
    fraction: float


class GoalRecord(Struct, frozen=True, rename="camel", kw_only=True):
    """A goal and how it went. `present` is null (None) where the learner has ended it.

    `met_count` is in how many days or weeks it was met, the present one included, and `run` in how many in a row up to
    now: the present one breaks no run before it is over, and one that is paused does not. `past` are the latest that
    are over and in which it held, up to 12, the newest first. Each is judged by the target of its time.
    """

    goal_id: str
    measure: GoalMeasure
    per: GoalUnit
    present: GoalPeriod | None
    met_count: int
    run: int
    past: list[GoalPeriod]


def goals_of(progress: Progress, today: int) -> list[Goal]:
    """The goals that the user has on the day `today`."""
    return [
        Goal(
            goal_id=kind.id,
            measure=kind.measure,
            per=kind.per,
            fraction=min(1.0, judged.current / judged.target),
            **_fields(kind, judged),
        )
        for kind, judged in current_goals(progress, today)
    ]


def goal_records(progress: Progress, rulebook: Rulebook, today: int) -> list[GoalRecord]:
    """All goals that the user has or had, on the day `today`."""
    return [
        GoalRecord(
            goal_id=kind.id,
            measure=kind.measure,
            per=kind.per,
            present=None if record.present is None else GoalPeriod(**_fields(kind, record.present)),
            met_count=record.met,
            run=record.run,
            past=[GoalPeriod(**_fields(kind, judged)) for judged in record.past],
        )
        for record in records(progress, today, rulebook.paused_days(progress))
        for kind in [record.kind]
    ]


def met_goal(met: GoalMet) -> dict[str, Any]:
    """A goal that an event met, as messages tell of it."""
    kind = KINDS[met.goal_id]
    first, last = _bounds(kind, met.first)
    return {
        "goalId": met.goal_id,
        "measure": kind.measure,
        "per": kind.per,
        "target": met.target,
        "from": first.isoformat(),
        "until": last.isoformat(),
    }


def _fields(kind: GoalKind, judged: Judged) -> dict[str, Any]:
    first, last = _bounds(kind, judged.first)
    return {
        "first": first,
        "last": last,
        "target": judged.target,
        "current": judged.current,
        "is_met": judged.is_met,
    }


def _bounds(kind: GoalKind, first: int) -> tuple[date, date]:
    return date.fromordinal(first), date.fromordinal(first + kind.days - 1)
