"""The numbers that criteria compare with their targets, and how one event moves them.

A rulebook's leaves are compiled once into measures: leaves that differ only in their target share one. A
measure keeps its value in `Progress.gauges` and, where a bare number is not enough (distinct values, windows),
its parts in `Progress.parts`, under its index.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING

from laurels.domain.criteria import (
    Badges,
    Count,
    Distinct,
    EventLeaf,
    Leaf,
    Level,
    Metadata,
    Moment,
    Points,
    Span,
    Streak,
    Sum,
    matcher,
    reader,
)

if TYPE_CHECKING:
    from laurels.domain.progress import Progress

# Sums are kept in whole thousandths, so that the order of adding cannot change the last digit.
SUM_SCALE = 1000


class Measure:
    """One number of a user's progress; `top` is the highest target that anything compares it with.

    `badges_at` maps each target to the rulebook positions of the badges that ask for it.
    """

    scale = 1

    def __init__(self, index: int) -> None:
        self.index = index
        self.top = 0
        self.badges_at: dict[int, list[int]] = {}

    def add_target(self, target: int, badge: int) -> None:
        self.top = max(self.top, target)
        self.badges_at.setdefault(target, []).append(badge)

    def crossed(self, before: int, after: int) -> list[int]:
        """The badges whose target lies above `before` and at or below `after`."""
        if after == before + 1:
            return self.badges_at.get(after, [])
        return [badge for target, badges in self.badges_at.items() if before < target <= after for badge in badges]

    def value(self, progress: Progress) -> int:
        """The measure's present value, in units of 1 / `scale`."""
        return progress.gauges.get(self.index, 0)


class EventMeasure(Measure):
    """A measure that events of certain types move. The leaf's target plays no part here."""

    def __init__(self, index: int, leaf: EventLeaf) -> None:
        super().__init__(index)
        self.per = leaf.per
        self.matches = matcher(leaf.where)
        self.read = None if isinstance(leaf, Count) else reader(leaf.field)
        self.sums = isinstance(leaf, Sum)
        self.scale = SUM_SCALE if self.sums else 1
        # A plain count or sum is one number; all others stop growing at the top target, where they let go
        # of their parts: what they hold stays bounded.
        self.is_plain = leaf.per is None and not isinstance(leaf, Distinct)

    def observe(self, progress: Progress, metadata: Metadata, moment: Moment) -> list[int]:
        """Count one event in, and return the badges whose target it passed."""
        if self.matches is not None and not self.matches(metadata, moment):
            return []
        amount = 1
        value: object = None
        if self.read is not None:
            value = self.read(metadata, moment)
            if self.sums:
                if not isinstance(value, int | float) or isinstance(value, bool) or value <= 0:
                    return []
                amount = round(value * SUM_SCALE)
            elif not isinstance(value, str | int | float):
                return []
        gauges = progress.gauges
        before = gauges.get(self.index, 0)
        if self.is_plain:
            after = gauges[self.index] = before + amount
            return self.crossed(before, after)
        if before >= self.top:
            return []
        parts = progress.parts.setdefault(self.index, {})
        window = "" if self.per is None else str(moment.field(self.per))
        if self.read is not None and not self.sums:
            name = f"{window}={_label(value)}"
            if name in parts:
                return []
            parts[name] = 1
        total = parts[window] = parts.get(window, 0) + amount
        after = min(total, self.top)
        if after <= before:
            return []
        gauges[self.index] = after
        if after == self.top:
            del progress.parts[self.index]
        return self.crossed(before, after)


class StateMeasure(Measure):
    """A measure that is read off the progress: points, streak, span of days, badges held."""

    def __init__(self, index: int, leaf: Points | Level | Streak | Span | Badges) -> None:
        super().__init__(index)
        self.leaf = leaf

    def value(self, progress: Progress) -> int:
        match self.leaf:
            case Points() | Level():
                return progress.total_points
            case Streak():
                return progress.longest_streak
            case Span():
                return progress.last_day - progress.first_day if progress.days else 0
            case Badges():
                return progress.gauges.get(self.index, 0)


def _label(value: object) -> str:
    """A short name for a distinct value, never the same for two values that differ in JSON."""
    text = value if isinstance(value, str) else f"{type(value).__name__}:{value}"
    if isinstance(value, str) and (len(text) > 64 or ":" in text):
        return "str:" + blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
    return text


def measure_for(index: int, leaf: Leaf) -> EventMeasure | StateMeasure:
    """A new measure of what `leaf` looks at."""
    if isinstance(leaf, Count | Distinct | Sum):
        return EventMeasure(index, leaf)
    return StateMeasure(index, leaf)
