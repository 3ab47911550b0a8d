"""The criterion of a badge, as data.

A criterion is a tree: leaves compare one measure of the user with a target, `all` and `any` join them. Every measure
only grows as events arrive, in any order. So the set of held badges does not depend on the order, and a badge need only
be checked when one of its measures passes a target.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import date
from functools import lru_cache
from operator import attrgetter
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from laurels.domain.periods import month_of, week_of, weekday_of

Window = Literal["day", "week", "month"]
# The periods in each of which a badge may be earned again.
Repeat = Literal["week", "month"]
Target = Annotated[int, Meta(ge=1, le=1_000_000_000_000)]
Category = Literal["coding", "learning", "social", "milestone", "streak"]
Rarity = Literal["common", "rare", "epic", "legendary"]

# Fields derived from the event's local time; all others are read from its metadata.
TIME_FIELDS = {"hour": (0, 23), "weekday": (1, 7), "day": None, "week": None, "month": None}


class Range(Struct, frozen=True, forbid_unknown_fields=True):
    """Matches numbers from `min` to `max`, both included; a bound left out is open."""

    min: float | None = None
    max: float | None = None


Scalar = str | int | float | bool
Condition = Scalar | list[Scalar] | Range


class _EventLeaf(Struct, frozen=True, kw_only=True, tag_field="kind", forbid_unknown_fields=True):
    """Shared by the leaves that measure events.

    `event`: the type or types that count (none given: all). `where`: field -> a value, a list of values or a
    range; all must match. `per`: measure within one local day, ISO week or month, and take the best one.
    """

    event: str | list[str] | None = None
    where: dict[str, Condition] = {}
    per: Window | None = None
    target: Target


class Count(_EventLeaf, frozen=True, tag="count"):
    """Number of events."""


class Distinct(_EventLeaf, frozen=True, tag="distinct"):
    """Number of different values of `field` among the events."""

    field: Annotated[str, Meta(min_length=1, max_length=100)]


class Sum(_EventLeaf, frozen=True, tag="sum"):
    """Sum of the numeric `field` over the events, to a thousandth; a value that is negative or not a number adds
    nothing."""

    field: Annotated[str, Meta(min_length=1, max_length=100)]


class Points(Struct, frozen=True, tag="points", tag_field="kind", forbid_unknown_fields=True):
    """Total points, badges included."""

    target: Target


class Level(Struct, frozen=True, tag="level", tag_field="kind", forbid_unknown_fields=True):
    """The level that the total points reach."""

    target: Target


class Streak(Struct, frozen=True, tag="streak", tag_field="kind", forbid_unknown_fields=True):
    """Length of the longest streak, in local days, or in weeks if the rulebook counts those."""

    target: Target


class Span(Struct, frozen=True, tag="span", tag_field="kind", forbid_unknown_fields=True):
    """Days from the first active local day to the last."""

    target: Target


class Badges(Struct, frozen=True, tag="badges", tag_field="kind", forbid_unknown_fields=True):
    """Number of badges held, of one category or rarity if given."""

    target: Target
    category: Category | None = None
    rarity: Rarity | None = None


class AllOf(Struct, frozen=True, tag="all", tag_field="kind", forbid_unknown_fields=True):
    """Met when every one of `of` is."""

    of: Annotated[list[Criterion], Meta(min_length=1, max_length=20)]


class AnyOf(Struct, frozen=True, tag="any", tag_field="kind", forbid_unknown_fields=True):
    """Met when one of `of` is."""

    of: Annotated[list[Criterion], Meta(min_length=1, max_length=20)]


EventLeaf = Count | Distinct | Sum
StateLeaf = Points | Level | Streak | Span | Badges
Leaf = EventLeaf | StateLeaf
Criterion = Count | Distinct | Sum | Points | Level | Streak | Span | Badges | AllOf | AnyOf


class CriterionProgress(Struct, frozen=True):
    """The progress of a criterion: `current` of `target`. A level is given as the points at which it begins.

    For `all` these are the numbers of met and of all parts; for `any` they are those of the part with the most
    progress.
    """

    current: float
    target: int

    @property
    def fraction(self) -> float:
        """The share from 0.0 to 1.0."""
        return self.current / self.target if self.target else 1.0


def leaves(criterion: Criterion, key: str = "criterion") -> Iterator[tuple[str, Leaf]]:
    """Every leaf of the tree, from left to right, with its key; `key` is that of the tree."""
    if isinstance(criterion, AllOf | AnyOf):
        for number, part in enumerate(criterion.of):
            yield from leaves(part, f"{key}.of[{number}]")
    else:
        yield key, criterion


class Within(Struct, frozen=True, array_like=True):
    """The local days, as ordinals and both included, whose events count for a badge."""

    first: int
    last: int

    @classmethod
    def of(cls, first: date | None, last: date | None) -> Within | None:
        """From `first` to `last`; None if both are open."""
        if first is None and last is None:
            return None
        return cls((first or date.min).toordinal(), (last or date.max).toordinal())


def signature(leaf: Leaf, within: Within | None = None) -> str:
    """The measure of a leaf, apart from its target: leaves with the same signature share one measure."""
    fields = msgspec.to_builtins(leaf)
    if within is not None:
        fields["within"] = [within.first, within.last]
    del fields["target"]
    if isinstance(fields.get("event"), list):
        fields["event"] = sorted(fields["event"])
    return msgspec.json.encode(fields, order="deterministic").decode()


class Moment:
    """The local time of an event for its user: the attributes are `TIME_FIELDS`."""

    __slots__ = ("day", "hour", "month", "week", "weekday")

    def __init__(self, day: int, hour: int) -> None:
        self.day = day
        self.hour = hour
        self.weekday, self.week, self.month = weekday_of(day), week_of(day), month_of(day)


# Many events happen in the same hours, and a moment never changes.
moment_in = lru_cache(maxsize=16_384)(Moment)

NO_MOMENT = Moment(1, 0)
"""For criteria that do not depend on the time of events."""

Metadata = Mapping[str, Any]
Reader = Callable[[Metadata, Moment], Any]
Matcher = Callable[[Metadata, Moment], bool]


def reader(field: str) -> Reader:
    """A function that reads `field` from an event: a time field, or a metadata key with dots for nesting."""
    if field in TIME_FIELDS:
        of_moment = attrgetter(field)
        return lambda _metadata, moment: of_moment(moment)
    path = field.removeprefix("metadata.").split(".")
    if len(path) == 1:
        key = path[0]
        return lambda metadata, _moment: metadata.get(key)

    def nested(metadata: Metadata, _moment: Moment) -> Any:
        value: Any = metadata
        for key in path:
            if not isinstance(value, dict):
                return None
            value = value.get(key)  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]  JSON
        return value  # pyright: ignore[reportUnknownVariableType]  JSON

    return nested


def matcher(where: Mapping[str, Condition], within: Within | None = None) -> Matcher | None:
    """A function that tells whether an event is within these days and meets every condition; None if there is nothing
    to check."""
    tests = [_tester(field, condition) for field, condition in where.items()]
    if within is not None:
        first, last = within.first, within.last
        tests.insert(0, lambda _metadata, moment: first <= moment.day <= last)
    if not tests:
        return None
    if len(tests) == 1:
        return tests[0]
    return lambda metadata, moment: all(holds(metadata, moment) for holds in tests)


def metadata_matcher(where: Mapping[str, Condition]) -> Callable[[Metadata], bool] | None:
    """The same of metadata alone: no condition may be on one of `TIME_FIELDS`."""
    asked = matcher(where)
    return None if asked is None else lambda metadata: asked(metadata, NO_MOMENT)


def plain_key(field: str) -> str | None:
    """The key of the metadata that `field` names; None if it is a time field, or within another value."""
    key = field.removeprefix("metadata.")
    return None if field in TIME_FIELDS or "." in key else key


def _tester(field: str, condition: Condition) -> Matcher:
    key = plain_key(field)
    if key is None:
        holds, read = holds_for(condition), reader(field)
        return lambda metadata, moment: holds(read(metadata, moment))
    # By far the most frequent case. Each saved call saves a third of its time.
    if isinstance(condition, Range):
        low, high = _bounds(condition)

        def is_between(metadata: Metadata, _moment: Moment) -> bool:
            value = metadata.get(key)
            return (type(value) is int or type(value) is float) and low <= value <= high

        return is_between
    holds = holds_for(condition)
    return lambda metadata, _moment: holds(metadata.get(key))


def _bounds(condition: Range) -> tuple[float, float]:
    low = float("-inf") if condition.min is None else condition.min
    high = float("inf") if condition.max is None else condition.max
    return low, high


def holds_for(condition: Condition) -> Callable[[Any], bool]:
    """A function that tells whether a value meets a condition."""
    if isinstance(condition, Range):
        low, high = _bounds(condition)
        # Exact types: `bool` is an `int` in Python, but not a number in JSON.
        return lambda value: (type(value) is int or type(value) is float) and low <= value <= high
    # Paired with its type: in Python 1, 1.0 and True are equal, in JSON they are not.
    wanted = condition if isinstance(condition, list) else [condition]
    if all(isinstance(value, str) for value in wanted):
        names = frozenset(wanted)
        return lambda value: type(value) is str and value in names
    accepted = {(isinstance(value, bool), value) for value in wanted}
    return lambda value: isinstance(value, str | int | float) and (isinstance(value, bool), value) in accepted
