"""The measures that criteria compare with their targets, and how one event changes them.

A rulebook's leaves are compiled once into measures: leaves that differ only in their target share one. A measure keeps
its value in `Progress.measure_values`. If a bare number is not enough (distinct values, windows), it keeps its parts in
`Progress.parts`, under its index.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Callable, Collection, Sequence
from operator import attrgetter

from laurels.domain.progress import Progress
from laurels.domain.rules.badges.criteria import (
    TIME_FIELDS,
    Badges,
    Count,
    Distinct,
    EventLeaf,
    Leaf,
    Level,
    Matcher,
    Metadata,
    Moment,
    Points,
    Span,
    Streak,
    Sum,
    Window,
    Within,
    holds_for,
    matcher,
    plain_key,
    reader,
)
from laurels.domain.rules.badges.labels import label_reader

MeasureUpdate = Callable[[Progress, Metadata, Moment, list[int]], None]
"""Counts one event into a progress, and adds the rulebook positions of the badges whose target it passed."""

# Sums are kept in whole thousandths, so that the order of addition cannot change the last digit.
SUM_SCALE = 1000
# No target is above this, and a larger float could not be scaled.
MAX_AMOUNT = 1_000_000_000_000


class Targets:
    """What a number is compared with; `top` is the highest. `badges_at` maps each target to the rulebook positions of
    the badges that ask for it."""

    def __init__(self) -> None:
        self.top = 0
        self.badges_at: dict[int, list[int]] = {}
        self._targets: list[int] = []

    def add_target(self, target: int, badge: int) -> None:
        if target not in self.badges_at:
            insort(self._targets, target)
        self.top = self._targets[-1]
        self.badges_at.setdefault(target, []).append(badge)

    def crossed(self, before: int, after: int) -> Sequence[int]:
        """The badges whose target is above `before` and at or below `after`."""
        if after == before + 1:
            return self.badges_at.get(after, ())
        targets = self._targets
        first = bisect_right(targets, before)
        if first == len(targets) or targets[first] > after:
            return ()
        return [badge for target in targets[first : bisect_right(targets, after)] for badge in self.badges_at[target]]


class Measure(Targets):
    """One number of a user's progress, and what it is compared with."""

    scale = 1

    def __init__(self, index: int) -> None:
        super().__init__()
        self.index = index

    def value(self, progress: Progress) -> int:
        """The measure's present value, in units of 1 / `scale`."""
        return progress.measure_values.get(self.index, 0)

    def shown(self, value: int) -> float:
        """A value in the units of the criterion."""
        if self.scale == 1:
            return value
        scaled = value / self.scale
        return int(scaled) if scaled.is_integer() else scaled


class EventMeasure(Measure):
    """A measure that events of certain types change. The leaf's target has no effect here.

    A total is one number. All other measures stop growing at the top target and then drop their parts, so their memory
    is bounded. A measure that `is_repeated` has a number for each window, each up to the top target, and none of its
    own.
    """

    def __init__(self, index: int, leaf: EventLeaf, within: Within | None = None, *, is_repeated: bool = False) -> None:
        super().__init__(index)
        self.leaf = leaf
        self.within = within
        self.is_repeated = is_repeated
        self.scale = SUM_SCALE if isinstance(leaf, Sum) else 1

    @property
    def asks_only_when(self) -> bool:
        """Whether a second event in the same hour of the same day can never change it."""
        leaf = self.leaf
        return isinstance(leaf, Distinct) and TIME_FIELDS.keys() >= {leaf.field, *leaf.where}

    @property
    def asks_when(self) -> bool:
        """Whether it depends on the time of events."""
        leaf = self.leaf
        fields = {*leaf.where, leaf.field} if isinstance(leaf, Distinct | Sum) else {*leaf.where}
        return leaf.per is not None or self.within is not None or bool(fields & TIME_FIELDS.keys())

    @property
    def is_total(self) -> bool:
        """Whether it is one number that counts on past the top target."""
        return isinstance(self.leaf, Count | Sum) and self.leaf.per is None

    def update(self) -> MeasureUpdate:
        """The function that counts one event. Call this when every target is known.

        Every event passes through a dozen of these, so each kind is a closure over the values that it needs, without
        work for other kinds.
        """
        return self._update(matcher(self.leaf.where, self.within))

    def update_by_text(self) -> tuple[str, Collection[str], MeasureUpdate] | None:
        """Where a condition says which texts a metadata field must have: its key, the texts, and an update for events
        that have one of them. None without such a condition."""
        for field, condition in self.leaf.where.items():
            key, texts = plain_key(field), condition if isinstance(condition, list) else [condition]
            if key is not None and all(isinstance(text, str) for text in texts):
                rest = {name: each for name, each in self.leaf.where.items() if name != field}
                return key, {str(text) for text in texts}, self._update(matcher(rest, self.within))
        return None

    def hourly_updates(self) -> list[MeasureUpdate | None]:
        """Of a measure that `asks_only_when`, the same for each hour of the week: None where its conditions leave that
        hour out, so that they need not be asked about each event."""
        where = self.leaf.where
        hours = {hour for hour in range(24) if "hour" not in where or holds_for(where["hour"])(hour)}
        weekdays = {day for day in range(1, 8) if "weekday" not in where or holds_for(where["weekday"])(day)}
        rest = {field: condition for field, condition in where.items() if field not in ("hour", "weekday")}
        update = self._update(matcher(rest, self.within))
        return [update if day in weekdays and hour in hours else None for day in range(1, 8) for hour in range(24)]

    def _update(self, matches: Matcher | None) -> MeasureUpdate:
        leaf = self.leaf
        if self.is_repeated and leaf.per is not None:
            if isinstance(leaf, Distinct):
                return _each_distinct(self, leaf, leaf.per, matches)
            return _each(self, leaf, leaf.per, matches)
        if isinstance(leaf, Distinct):
            return _distinct(self, leaf, matches)
        if leaf.per is not None:
            return _best(self, leaf, leaf.per, matches)
        if isinstance(leaf, Sum):
            return _sum(self, leaf, matches)
        return _count(self, matches)

    def periods(self, progress: Progress) -> dict[int, int]:
        """For a repeated measure, the value of each of its windows, by their first days."""
        parts = progress.parts.get(self.index, {})
        return {window: held if isinstance(held, int) else len(held) for window, held in parts.items()}


def _count(measure: EventMeasure, matches: Matcher | None) -> MeasureUpdate:
    index, badges_at = measure.index, measure.badges_at

    def count(progress: Progress, _metadata: Metadata, _moment: Moment, reached: list[int]) -> None:
        measure_values = progress.measure_values
        value = measure_values[index] = measure_values.get(index, 0) + 1
        if value in badges_at:
            reached += badges_at[value]

    if matches is None:
        return count

    def count_matching(progress: Progress, metadata: Metadata, moment: Moment, reached: list[int]) -> None:
        if matches(metadata, moment):
            count(progress, metadata, moment, reached)

    return count_matching


def _sum(measure: EventMeasure, leaf: Sum, matches: Matcher | None) -> MeasureUpdate:
    index, crossed, amount_of = measure.index, measure.crossed, _amount_of(leaf)

    def total(progress: Progress, metadata: Metadata, moment: Moment, reached: list[int]) -> None:
        if matches is None or matches(metadata, moment):
            amount = amount_of(metadata, moment)
            if amount:
                measure_values = progress.measure_values
                before = measure_values.get(index, 0)
                after = measure_values[index] = before + amount
                reached += crossed(before, after)

    return total


def _best(measure: EventMeasure, leaf: Count | Sum, per: Window, matches: Matcher | None) -> MeasureUpdate:
    """The best count or sum within one day, week or month."""
    index, top, crossed = measure.index, measure.top, measure.crossed
    window_of: Callable[[Moment], int] = attrgetter(per)
    amount_of = _amount_of(leaf) if isinstance(leaf, Sum) else None

    def best(progress: Progress, metadata: Metadata, moment: Moment, reached: list[int]) -> None:
        measure_values = progress.measure_values
        before = measure_values.get(index, 0)
        if before >= top or (matches is not None and not matches(metadata, moment)):
            return
        amount = 1 if amount_of is None else amount_of(metadata, moment)
        if not amount:
            return
        all_parts = progress.parts
        parts = all_parts.get(index)
        if parts is None:
            parts = all_parts[index] = {}
        window = window_of(moment)
        held = parts.get(window, 0)
        assert isinstance(held, int)  # noqa: S101  only distinct values are sets
        total = parts[window] = held + amount
        if total > before:
            after = measure_values[index] = total if total < top else top
            if after == top:
                del all_parts[index]
            reached += crossed(before, after)

    return best


def _each(measure: EventMeasure, leaf: Count | Sum, per: Window, matches: Matcher | None) -> MeasureUpdate:
    """The count or sum of every day, week or month."""
    index, top, crossed = measure.index, measure.top, measure.crossed
    window_of: Callable[[Moment], int] = attrgetter(per)
    amount_of = _amount_of(leaf) if isinstance(leaf, Sum) else None

    def each(progress: Progress, metadata: Metadata, moment: Moment, reached: list[int]) -> None:
        if matches is not None and not matches(metadata, moment):
            return
        amount = 1 if amount_of is None else amount_of(metadata, moment)
        if not amount:
            return
        parts = progress.parts.setdefault(index, {})
        window = window_of(moment)
        before = parts.get(window, 0)
        assert isinstance(before, int)  # noqa: S101  only distinct values are sets
        if before < top:
            after = parts[window] = min(before + amount, top)
            reached += crossed(before, after)

    return each


def _each_distinct(measure: EventMeasure, leaf: Distinct, per: Window, matches: Matcher | None) -> MeasureUpdate:
    """The number of different values of a field in every day, week or month."""
    index, top, crossed = measure.index, measure.top, measure.crossed
    window_of: Callable[[Moment], int] = attrgetter(per)
    label_of = label_reader(leaf.field)

    def each_distinct(progress: Progress, metadata: Metadata, moment: Moment, reached: list[int]) -> None:
        if matches is not None and not matches(metadata, moment):
            return
        label = label_of(metadata, moment)
        if label is None:
            return
        parts = progress.parts.setdefault(index, {})
        window = window_of(moment)
        held = parts.setdefault(window, set())
        if isinstance(held, int) or label in held:
            return
        held.add(label)
        after = len(held)
        if after == top:
            # The target is reached: the individual values do not matter any more.
            parts[window] = top
        reached += crossed(after - 1, after)

    return each_distinct


def _distinct(measure: EventMeasure, leaf: Distinct, matches: Matcher | None) -> MeasureUpdate:
    """The number of different values of a field, over all time or the best within one window."""
    index, top, badges_at = measure.index, measure.top, measure.badges_at
    label_of = label_reader(leaf.field)
    window_of: Callable[[Moment], int] | None = attrgetter(leaf.per) if leaf.per else None
    # Read here and not by `label_of`, which saves two calls.
    time_of: Callable[[Moment], int] | None = attrgetter(leaf.field) if leaf.field in TIME_FIELDS else None

    def distinct(progress: Progress, metadata: Metadata, moment: Moment, reached: list[int]) -> None:
        measure_values = progress.measure_values
        before = measure_values.get(index, 0)
        if before >= top or (matches is not None and not matches(metadata, moment)):
            return
        label = label_of(metadata, moment) if time_of is None else time_of(moment)
        if label is None:
            return
        all_parts = progress.parts
        parts = all_parts.get(index)
        if parts is None:
            parts = all_parts[index] = {}
        window = 0 if window_of is None else window_of(moment)
        held = parts.get(window)
        if held is None:
            held = parts[window] = {label}
        elif isinstance(held, int) or label in held:
            return
        else:
            held.add(label)
        total = len(held)
        if total > before:
            # By one: each event adds one value.
            measure_values[index] = total
            if total == top:
                del all_parts[index]
            if total in badges_at:
                reached += badges_at[total]

    return distinct


def _amount_of(leaf: Sum) -> Callable[[Metadata, Moment], int]:
    """An event's contribution to a sum, in whole thousandths; 0 if the field is not a number above 0."""
    value_of = reader(leaf.field)

    def amount(metadata: Metadata, moment: Moment) -> int:
        value = value_of(metadata, moment)
        if type(value) is int:
            return min(value, MAX_AMOUNT) * SUM_SCALE if value > 0 else 0
        return round(min(value, MAX_AMOUNT) * SUM_SCALE) if type(value) is float and value > 0 else 0

    return amount


class StateMeasure(Measure):
    """A measure that is read from the progress: points, streak, span of days, badges held."""

    def __init__(self, index: int, leaf: Points | Level | Streak | Span | Badges) -> None:
        super().__init__(index)
        self.leaf = leaf
        # Chosen once: it is read for every badge that comes near.
        match leaf:
            case Points() | Level():
                self._read: Callable[[Progress], int] = attrgetter("earned_points")
            case Streak():
                self._read = attrgetter("longest_streak")
            case Span():
                self._read = _span_of
            case Badges():
                self._read = super().value

    def value(self, progress: Progress) -> int:
        return self._read(progress)


def _span_of(progress: Progress) -> int:
    return progress.last_day - progress.first_day if progress.days else 0


def measure_for(index: int, leaf: Leaf, within: Within | None = None) -> EventMeasure | StateMeasure:
    """A new measure for `leaf`; if it measures events, those within these days."""
    if isinstance(leaf, Count | Distinct | Sum):
        return EventMeasure(index, leaf, within)
    return StateMeasure(index, leaf)
