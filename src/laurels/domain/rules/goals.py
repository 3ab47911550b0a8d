"""Criteria tied to the measures that they look at: is it met, and how far has it come."""

from __future__ import annotations

from typing import Protocol

from laurels.domain.progress import Progress
from laurels.domain.rules.criteria import CriterionProgress, Leaf, Level
from laurels.domain.rules.measures import EventMeasure, StateMeasure


class Goal(Protocol):
    """A criterion that can be asked about a user."""

    def is_met(self, progress: Progress) -> bool:
        """Whether the criterion holds now."""
        ...

    def progress(self, progress: Progress) -> CriterionProgress:
        """How far it has come."""
        ...


class LeafGoal:
    """One measure against one target. `threshold` is the target in the measure's own units.

    A level is shown in points: it says more than that level 3 of 5 is reached.
    """

    def __init__(self, leaf: Leaf, measure: EventMeasure | StateMeasure, threshold: int) -> None:
        self.measure = measure
        self.threshold = threshold
        self.target = threshold if isinstance(leaf, Level) else leaf.target

    def is_met(self, progress: Progress) -> bool:
        return self.measure.value(progress) >= self.threshold

    def progress(self, progress: Progress) -> CriterionProgress:
        current: float = self.measure.value(progress)
        if self.measure.scale != 1:
            current /= self.measure.scale
            current = int(current) if current.is_integer() else current
        # Measures differ in whether they go on counting past the highest target; what is shown does not.
        return CriterionProgress(min(current, self.target), self.target)


class AllGoal:
    """Met when every part is."""

    def __init__(self, parts: list[Goal]) -> None:
        self.parts = parts

    def is_met(self, progress: Progress) -> bool:
        return all(part.is_met(progress) for part in self.parts)

    def progress(self, progress: Progress) -> CriterionProgress:
        met = sum(part.is_met(progress) for part in self.parts)
        return CriterionProgress(met, len(self.parts))


class AnyGoal:
    """Met when one part is."""

    def __init__(self, parts: list[Goal]) -> None:
        self.parts = parts

    def is_met(self, progress: Progress) -> bool:
        return any(part.is_met(progress) for part in self.parts)

    def progress(self, progress: Progress) -> CriterionProgress:
        parts = [part.progress(progress) for part in self.parts]
        return max(parts, key=lambda seen: seen.fraction, default=CriterionProgress(0, 1))


class HeldGoal:
    """Met when a badge is held."""

    def __init__(self, badge_id: str) -> None:
        self.badge_id = badge_id

    def is_met(self, progress: Progress) -> bool:
        return self.badge_id in progress.awards

    def progress(self, progress: Progress) -> CriterionProgress:
        return CriterionProgress(int(self.is_met(progress)), 1)


# Met by nobody: none of no parts ever is.
NEVER = AnyGoal([])
