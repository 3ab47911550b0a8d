"""The numbers that criteria compare with their targets, and how one event moves them.

A rulebook's leaves are compiled once into measures: leaves that differ only in their target share one. A
measure keeps its value in `Progress.gauges` and, where a bare number is not enough (distinct values, windows),
its parts in `Progress.parts`, under its index.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Callable, Sequence
from hashlib import blake2b
from operator import attrgetter

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
    Window,
    matcher,
    reader,
)
from laurels.domain.progress import Progress

# Sums are kept in whole thousandths, so that the order of adding cannot change the last digit.
SUM_SCALE = 1000
_SCALARS = (str, int, float)
# No target lies above this, and a float past it could not be scaled.
MAX_AMOUNT = 1_000_000_000_000


class Measure:
    """One number of a user's progress; `top` is the highest target that anything compares it with.

    `badges_at` maps each target to the rulebook positions of the badges that ask for it.
    """

    scale = 1

    def __init__(self, index: int) -> None:
        self.index = index
        self.top = 0
        self.badges_at: dict[int, list[int]] = {}
        self._targets: list[int] = []

    def add_target(self, target: int, badge: int) -> None:
        if target not in self.badges_at:
            insort(self._targets, target)
        self.top = self._targets[-1]
        self.badges_at.setdefault(target, []).append(badge)

    def crossed(self, before: int, after: int) -> Sequence[int]:
        """The badges whose target lies above `before` and at or below `after`."""
        if after == before + 1:
            return self.badges_at.get(after, ())
        targets = self._targets
        first = bisect_right(targets, before)
        if first == len(targets) or targets[first] > after:
            return ()
        return [badge for target in targets[first : bisect_right(targets, after)] for badge in self.badges_at[target]]

    def value(self, progress: Progress) -> int:
        """The measure's present value, in units of 1 / `scale`."""
        return progress.gauges.get(self.index, 0)


class EventMeasure(Measure):
    """A measure that events of certain types move. The leaf's target plays no part here.

    A total is one number. All others stop growing at the top target, where they let go of their parts: what
    they hold stays bounded. Since every event passes here, each kind does its own work and asks for no other's.
    """

    def __init__(self, index: int, leaf: EventLeaf) -> None:
        super().__init__(index)
        self.per = leaf.per
        self.matches = matcher(leaf.where)
        self.read = None if isinstance(leaf, Count) else reader(leaf.field)
        self.scale = SUM_SCALE if isinstance(leaf, Sum) else 1

    def observe(self, progress: Progress, metadata: Metadata, moment: Moment) -> Sequence[int]:
        """Count one event in, and return the badges whose target it passed."""
        raise NotImplementedError

    def _amount(self, metadata: Metadata, moment: Moment) -> int | None:
        """What the event adds to a count or sum; None where it plays no part."""
        if self.matches is not None and not self.matches(metadata, moment):
            return None
        if self.read is None:
            return 1
        value = self.read(metadata, moment)
        if not (type(value) is int or type(value) is float) or value <= 0:
            return None
        return round(min(value, MAX_AMOUNT) * SUM_SCALE)

    def _raise_to(self, value: int, before: int, progress: Progress) -> Sequence[int]:
        """Set the gauge to `value`, at most to the top target, if that is more than `before`."""
        after = min(value, self.top)
        if after <= before:
            return ()
        progress.gauges[self.index] = after
        if after == self.top:
            del progress.parts[self.index]
        return self.crossed(before, after)


class TotalMeasure(EventMeasure):
    """A count or sum over all time."""

    def observe(self, progress: Progress, metadata: Metadata, moment: Moment) -> Sequence[int]:
        amount = self._amount(metadata, moment)
        if amount is None:
            return ()
        gauges = progress.gauges
        before = gauges.get(self.index, 0)
        after = gauges[self.index] = before + amount
        return self.crossed(before, after)


class WindowMeasure(EventMeasure):
    """The best count or sum within one day, week or month."""

    def __init__(self, index: int, leaf: Count | Sum, per: Window) -> None:
        super().__init__(index, leaf)
        self._window: Callable[[Moment], int] = attrgetter(per)

    def observe(self, progress: Progress, metadata: Metadata, moment: Moment) -> Sequence[int]:
        before = progress.gauges.get(self.index, 0)
        if before >= self.top:
            return ()
        amount = self._amount(metadata, moment)
        if amount is None:
            return ()
        parts = progress.parts.get(self.index)
        if parts is None:
            parts = progress.parts[self.index] = {}
        window = str(self._window(moment))
        total = parts[window] = parts.get(window, 0) + amount
        return self._raise_to(total, before, progress)


class DistinctMeasure(EventMeasure):
    """The number of different values of a field, over all time or the best within one window."""

    def __init__(self, index: int, leaf: Distinct) -> None:
        super().__init__(index, leaf)
        self._value = reader(leaf.field)
        self._window: Callable[[Moment], int] | None = attrgetter(leaf.per) if leaf.per else None

    def observe(self, progress: Progress, metadata: Metadata, moment: Moment) -> Sequence[int]:
        before = progress.gauges.get(self.index, 0)
        if before >= self.top or (self.matches is not None and not self.matches(metadata, moment)):
            return ()
        value = self._value(metadata, moment)
        if not isinstance(value, _SCALARS):
            return ()
        parts = progress.parts.get(self.index)
        if parts is None:
            parts = progress.parts[self.index] = {}
        window = "" if self._window is None else str(self._window(moment))
        name = f"{window}={_label(value)}"
        if name in parts:
            return ()
        parts[name] = 1
        total = parts[window] = parts.get(window, 0) + 1
        return self._raise_to(total, before, progress)


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
    match leaf:
        case Distinct():
            return DistinctMeasure(index, leaf)
        case Count() | Sum():
            return TotalMeasure(index, leaf) if leaf.per is None else WindowMeasure(index, leaf, leaf.per)
        case _:
            return StateMeasure(index, leaf)
