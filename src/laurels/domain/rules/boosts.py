"""Days on which events pay more: the `[boosts]` tables of a rulebook, and the boost that applies to an event.

A boost goes by the local day on which an event happened, as `from` and `until` of a badge do, and by what the event
itself says. So it does not matter when the event arrives, nor what becomes of its learner later.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import date
from typing import Annotated

from msgspec import Meta, Struct, field

from laurels.domain.ledger.entries import Boosted
from laurels.domain.rules.badges.criteria import TIME_FIELDS, Condition, Metadata, Within, metadata_matcher
from laurels.errors import RulebookError
from laurels.validation import unknown_name

MOST_BOOSTS = 100
"""The maximum number of boosts in one rulebook."""

# Factors are whole thousandths: points are then computed in whole numbers, with the same result on every machine.
_SCALE = 1_000


class Boost(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Multiplies what events pay from the local day `from` to `until`, both included. `event`: the type or types that
    pay more (none given: all). `where`: what their metadata must say, as in criteria: the cohort that it is for."""

    factor: Annotated[float, Meta(gt=1, le=100)]
    from_day: date = field(name="from")
    until_day: date = field(name="until")
    event: str | list[str] | None = None
    where: dict[str, Condition] = {}
    description: str = ""

    def event_types(self, declared: Collection[str]) -> list[str]:
        """The types that pay more, among those of the rulebook."""
        if self.event is None:
            return sorted(declared)
        return [self.event] if isinstance(self.event, str) else sorted({*self.event})


class ActiveBoost(Struct, frozen=True):
    """A boost, ready to be asked: its days, the factor in thousandths, and whom it is for; None for all."""

    boost_id: str
    thousandths: int
    within: Within
    where: Mapping[str, Condition]
    is_for: Callable[[Metadata], bool] | None

    def counts_for(self, metadata: Metadata, day: int) -> bool:
        """Whether it counts for an event with this metadata on a local day."""
        return self.within.first <= day <= self.within.last and (self.is_for is None or self.is_for(metadata))

    @property
    def rule(self) -> dict[str, object]:
        """The fields that determine its effect: boosts with the same ones are the same."""
        decides: dict[str, object] = {
            "boost_id": self.boost_id,
            "thousandths": self.thousandths,
            "within": self.within,
        }
        return decides | ({"where": self.where} if self.where else {})

    def multiplied(self, points: int) -> int:
        """`points` times the factor, rounded to the nearest whole number; a half is rounded up."""
        return (points * self.thousandths + _SCALE // 2) // _SCALE

    def brought(self, points: int, paid: int) -> Boosted | None:
        """The points that it added to an event with `points`, of which limits left `paid`; None if it added nothing."""
        return Boosted(self.boost_id, paid - points) if paid > points else None


Boosts = Mapping[str, tuple[ActiveBoost, ...]]
"""By event type its boosts, the largest first; only the types that have any."""


def boosts_of(boosts: Mapping[str, Boost], declared: Collection[str]) -> Boosts:
    """The boosts of each event type. Of equal factors the first by name comes first."""
    found: dict[str, list[ActiveBoost]] = {}
    for boost_id, boost in sorted(boosts.items(), key=lambda each: (-each[1].factor, each[0])):
        within = Within(boost.from_day.toordinal(), boost.until_day.toordinal())
        active = ActiveBoost(boost_id, round(boost.factor * _SCALE), within, boost.where, metadata_matcher(boost.where))
        for event_type in boost.event_types(declared):
            found.setdefault(event_type, []).append(active)
    return {event_type: tuple(active) for event_type, active in found.items()}


def boost_on(boosts: Boosts, event_type: str, metadata: Metadata, day: int) -> ActiveBoost | None:
    """The boost that counts for an event on a local day: of several the largest, and that one alone."""
    for boost in boosts.get(event_type, ()):
        if boost.counts_for(metadata, day):
            return boost
    return None


def boost_faults(boosts: Mapping[str, Boost], declared: Collection[str]) -> Iterator[RulebookError]:
    """Every value that makes no sense, or names an event type that is not declared."""
    for boost_id, boost in boosts.items():
        key = f"boosts.{boost_id}"
        if round(boost.factor * _SCALE) / _SCALE != boost.factor:
            yield RulebookError(f"{key}.factor", "Must have at most three decimals, such as 1.25.")
        if boost.until_day < boost.from_day:
            yield RulebookError(f"{key}.until", "Must not be before from.")
        for name in sorted(TIME_FIELDS.keys() & boost.where.keys()):
            yield RulebookError(
                f"{key}.where",
                f"Cannot ask for {name}: a boost goes by its days. Write metadata.{name} for a field of that name.",
            )
        if boost.event == []:
            yield RulebookError(f"{key}.event", "Names no event type; leave it out where all pay more.")
        for name in boost.event_types(declared):
            if name not in declared:
                known = unknown_name(name, sorted(declared), of=f"There is no event type {name!r}")
                yield RulebookError(f"{key}.event", known)
