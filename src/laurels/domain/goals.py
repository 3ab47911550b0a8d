"""Goals that learners set themselves: so many events or points in each of their days or weeks.

A goal is a list of changes, each with the day from which it holds, so that each day and week is judged by the goal of
its time. Whether it was met is not kept: it follows from the days of the progress (`goal_records.py`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import product
from typing import Any, Literal, cast

from msgspec import Struct

from laurels.domain.periods import week_of
from laurels.errors import InvalidProfile
from laurels.validation import FieldFault, kind_of, unknown_fields

FIELD = "goals"
HIGHEST_TARGET = 1_000_000

GoalMeasure = Literal["events", "points"]
GoalUnit = Literal["day", "week"]


class GoalKind(Struct, frozen=True):
    """What a goal counts, and in what. A learner has one goal of each kind at most."""

    measure: GoalMeasure
    per: GoalUnit

    @property
    def id(self) -> str:
        """`eventsPerDay`, `pointsPerWeek` and so on."""
        return f"{self.measure}Per{self.per.capitalize()}"

    @property
    def days(self) -> int:
        """How many days one of its periods has."""
        return 1 if self.per == "day" else 7

    def period_of(self, day: int) -> int:
        """The first day of the period that holds a day."""
        return day if self.per == "day" else week_of(day)


_MEASURES: tuple[GoalMeasure, ...] = ("events", "points")
_UNITS: tuple[GoalUnit, ...] = ("day", "week")
KINDS = {kind.id: kind for per, measure in product(_UNITS, _MEASURES) for kind in [GoalKind(measure, per)]}


class GoalChange(Struct, array_like=True, frozen=True, order=True, gc=False):
    """A goal has the `target` from the day `first` on, which begins one of its periods; 0: it ends."""

    goal_id: str
    first: int
    target: int


class GoalMet(Struct, array_like=True, frozen=True, gc=False):
    """A goal whose `target` was met in the period that begins on the day `first`."""

    goal_id: str
    first: int
    target: int


def goal_faults(value: object) -> list[FieldFault]:
    """Everything that is wrong with targets as clients write them, by wire name: `{"eventsPerDay": 5}`; null ends a
    goal."""
    if not isinstance(value, dict):
        return [(FIELD, f"Must be an object with a target for each goal to set, not {kind_of(value)}.")]
    asked = cast("dict[str, object]", value)
    faults = [(f"{FIELD}.{name}", sentence) for name, sentence in unknown_fields(asked, KINDS, of="Is not a goal")]
    for name, target in asked.items():
        if name in KINDS and target is not None and (type(target) is not int or not 1 <= target <= HIGHEST_TARGET):
            sentence = f"Must be a whole number from 1 to {HIGHEST_TARGET:,}, or null to end the goal."
            faults.append((f"{FIELD}.{name}", sentence))
    return faults


def check_goals(value: object) -> None:
    """Raise InvalidProfile where something is wrong with targets as clients write them."""
    if faults := goal_faults(value):
        raise InvalidProfile.of(faults)


def targets_of(changes: Iterable[GoalChange]) -> dict[str, int]:
    """The targets that hold after all changes, by goal."""
    latest = {each.goal_id: each.target for each in changes}
    return {goal_id: latest[goal_id] for goal_id in KINDS if latest.get(goal_id)}


def changed(held: Sequence[GoalChange], asked: Mapping[str, Any], day: int) -> list[GoalChange]:
    """The changes after one to the targets `asked` (None: no more) on the user's `day`: they hold from the day or week
    on that holds it. What was changed from then on before does not count any more."""
    after = list(held)
    for goal_id, target in asked.items():
        first = KINDS[goal_id].period_of(day)
        after = [each for each in after if each.goal_id != goal_id or each.first < first]
        if (target or 0) != targets_of(after).get(goal_id, 0):
            after.append(GoalChange(goal_id, first, target or 0))
    return sorted(after)


def taken_over(held: Sequence[GoalChange], others: Iterable[GoalChange]) -> list[GoalChange]:
    """Those changes of another user that are of goals which this one never had."""
    known = {each.goal_id for each in held}
    return [each for each in others if each.goal_id not in known]
