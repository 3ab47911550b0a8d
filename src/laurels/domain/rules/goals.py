"""Criteria tied to the measures that they look at: is it met, and how far has it come."""

from __future__ import annotations

from typing import Protocol

from laurels.domain.progress import Progress
from laurels.domain.rules.criteria import CriterionProgress, Leaf, Level
from laurels.domain.rules.levels import Levels
from laurels.domain.rules.measures import EventMeasure, StateMeasure


class Goal(Protocol):
    """A criterion that can be asked about a user."""

    def is_met(self, progress: Progress) -> bool:
        """Whether the criterion holds now."""
        ...

    def progress(self, progress: Progress) -> CriterionProgress:
        """How far it has come."""
        ...


def _shown(fraction: float) -> float:
    """`fraction` to four places; 1.0 only for what is whole, never by rounding."""
    return 1.0 if fraction >= 1.0 else min(round(fraction, 4), 0.9999)


class LeafGoal:
    """One measure against one target. `threshold` is the target in the measure's own units."""

    def __init__(self, leaf: Leaf, measure: EventMeasure | StateMeasure, threshold: int, levels: Levels) -> None:
        self.measure = measure
        self.threshold = threshold
        self.target = leaf.target
        self.levels = levels if isinstance(leaf, Level) else None

    def is_met(self, progress: Progress) -> bool:
        return self.measure.value(progress) >= self.threshold

    def progress(self, progress: Progress) -> CriterionProgress:
        value = self.measure.value(progress)
        if self.levels is not None:
            current: float = self.levels.level_at(value)
        elif self.measure.scale == 1:
            current = value
        else:
            current = value / self.measure.scale
            current = int(current) if current.is_integer() else current
        # Measures differ in whether they go on counting past the highest target; what is shown does not.
        return CriterionProgress(
            min(current, self.target), self.target, _shown(value / self.threshold if self.threshold else 1.0)
        )


class AllGoal:
    """Met when every part is."""

    def __init__(self, parts: list[Goal]) -> None:
        self.parts = parts

    def is_met(self, progress: Progress) -> bool:
        return all(part.is_met(progress) for part in self.parts)

    def progress(self, progress: Progress) -> CriterionProgress:
        seen = [part.progress(progress) for part in self.parts]
        met = sum(part.is_met(progress) for part in self.parts)
        return CriterionProgress(met, len(seen), _shown(sum(part.fraction for part in seen) / len(seen)))


class AnyGoal:
    """Met when one part is."""

    def __init__(self, parts: list[Goal]) -> None:
        self.parts = parts

    def is_met(self, progress: Progress) -> bool:
        return any(part.is_met(progress) for part in self.parts)

    def progress(self, progress: Progress) -> CriterionProgress:
        return max((part.progress(progress) for part in self.parts), key=lambda seen: seen.fraction)
