"""Criteria tied to their measures: whether each is met, and its progress."""

from __future__ import annotations

from typing import Protocol

from laurels.domain.periods import period_start
from laurels.domain.progress import Progress
from laurels.domain.rules.badges.awards import TIMEFRAMES, award_id_of, badge_and_period, is_held
from laurels.domain.rules.badges.criteria import CriterionProgress, Leaf, Level, Repeat
from laurels.domain.rules.badges.measures import EventMeasure, StateMeasure


class Requirement(Protocol):
    """A criterion that can be evaluated for a user."""

    def is_met(self, progress: Progress) -> bool:
        """Whether the criterion holds now."""
        ...

    def progress(self, progress: Progress) -> CriterionProgress:
        """How far it has come."""
        ...


class LeafRequirement:
    """One measure against one target. `threshold` is the target in the measure's own units.

    A level is shown in points, which say more than "level 3 of 5".
    """

    def __init__(self, leaf: Leaf, measure: EventMeasure | StateMeasure, threshold: int) -> None:
        self.measure = measure
        self.threshold = threshold
        self.target = threshold if isinstance(leaf, Level) else leaf.target

    def is_met(self, progress: Progress) -> bool:
        return self.measure.value(progress) >= self.threshold

    def progress(self, progress: Progress) -> CriterionProgress:
        current = self.measure.shown(self.measure.value(progress))
        # Some measures count past the highest target, some do not; the shown value never does.
        return CriterionProgress(min(current, self.target), self.target)


class AllRequirement:
    """Met when every part is."""

    def __init__(self, parts: list[Requirement]) -> None:
        self.parts = parts

    def is_met(self, progress: Progress) -> bool:
        return all(part.is_met(progress) for part in self.parts)

    def progress(self, progress: Progress) -> CriterionProgress:
        met = sum(part.is_met(progress) for part in self.parts)
        return CriterionProgress(met, len(self.parts))


class AnyRequirement:
    """Met when one part is."""

    def __init__(self, parts: list[Requirement]) -> None:
        self.parts = parts

    def is_met(self, progress: Progress) -> bool:
        return any(part.is_met(progress) for part in self.parts)

    def progress(self, progress: Progress) -> CriterionProgress:
        parts = [part.progress(progress) for part in self.parts]
        return max(parts, key=lambda seen: seen.fraction, default=CriterionProgress(0, 1))


class HeldRequirement:
    """Met when a badge is held."""

    def __init__(self, badge_id: str) -> None:
        self.badge_id = badge_id

    def is_met(self, progress: Progress) -> bool:
        return is_held(progress, self.badge_id)

    def progress(self, progress: Progress) -> CriterionProgress:
        return CriterionProgress(int(self.is_met(progress)), 1)


class RepeatRequirement:
    """One measure in each week or month against one target: the requirement of a badge that may be earned again.

    `threshold` is the target in the measure's own units; `requires` are the badges that must be held first.
    """

    def __init__(
        self, badge_id: str, repeat: Repeat, measure: EventMeasure, target: int, threshold: int, requires: list[str]
    ) -> None:
        self.badge_id = badge_id
        self.repeat: Repeat = repeat
        self.measure = measure
        self.target = target
        self.threshold = threshold
        self.requires = requires

    def met(self, progress: Progress) -> list[str]:
        """The ids of the awards of all periods in which it is met, the earliest first."""
        if not all(is_held(progress, each) for each in self.requires):
            return []
        periods = self.measure.periods(progress)
        return [self.award_id_on(first) for first in sorted(periods) if periods[first] >= self.threshold]

    def award_id_on(self, day: int) -> str:
        """The id of the award of the period that holds the local `day`."""
        return award_id_of(self.badge_id, self.repeat, day)

    def decides(self, award_id: str) -> bool:
        """Whether the award belongs to this badge, in its present kind of period."""
        badge_id, period = badge_and_period(award_id)
        return badge_id == self.badge_id and period is not None and ("W" in period) == (self.repeat == "week")

    def is_met(self, progress: Progress) -> bool:
        """Whether it is met in any period."""
        return bool(self.met(progress))

    def progress(self, progress: Progress) -> CriterionProgress:
        """How far it has come in the best period."""
        return self._progress(progress, max(self.measure.periods(progress).values(), default=0))

    def progress_on(self, progress: Progress, day: int) -> CriterionProgress:
        """The progress in the period that holds the local `day`."""
        first = period_start(TIMEFRAMES[self.repeat], day)
        return self._progress(progress, self.measure.periods(progress).get(first, 0))

    def _progress(self, progress: Progress, value: int) -> CriterionProgress:
        if self.requires:
            # Shown like `all`: a badge needs more than its criterion.
            held = sum(is_held(progress, each) for each in self.requires)
            return CriterionProgress(held + (value >= self.threshold), len(self.requires) + 1)
        return CriterionProgress(min(self.measure.shown(value), self.target), self.target)


# Met by nobody: none of no parts ever is.
NEVER = AnyRequirement([])
