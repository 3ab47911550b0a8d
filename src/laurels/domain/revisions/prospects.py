"""Tells from a learner's progress alone which badges a replay of their ledger could find missing.

Criteria are monotone: a badge whose criterion is not met now was never met. So the ledgers of most learners need not be
read. A measure that the progress has not counted is judged by the number of events that could have changed it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from msgspec import Struct

from laurels.domain.ledger.entries import Award
from laurels.domain.progress import Progress
from laurels.domain.revisions.carrying_over import CarryOver
from laurels.domain.rules.badges.awards import badges_of, is_held
from laurels.domain.rules.badges.criteria import Badges, Level, Points, Span, Sum
from laurels.domain.rules.badges.measures import EventMeasure, StateMeasure
from laurels.domain.rules.badges.requirements import (
    AllRequirement,
    AnyRequirement,
    HeldRequirement,
    LeafRequirement,
    RepeatRequirement,
    Requirement,
)


class _Beside(Struct, frozen=True):
    """What requirements depend on beside the counted events: the numbers of badges held, by measure; and the points and
    badges of further awards, which the progress does not hold yet."""

    numbers: dict[int, int]
    points: int = 0
    badge_ids: frozenset[str] = frozenset()


_May = Callable[[Progress, _Beside], bool]
"""Whether a requirement may be met: False only if it is certain that it never was."""


def is_straight(progress: Progress) -> bool:
    """Whether the end of a ledger tells what was met on the way. It does not if points were taken away, by a migration
    or for a repair, nor if other ledgers were merged with this one."""
    return not (progress.migrated or progress.repairs or progress.merged or progress.merging or progress.merged_into)


class Prospects:
    """The badges of the rules `over.after` that a learner may lack, told from a progress folded by `over.before`."""

    def __init__(self, over: CarryOver) -> None:
        self._over = over
        self._rulebook = over.after
        self._types_of = over.after.event_types_of
        requirements = list(zip(over.after.badges, over.after.requirements, strict=True))
        self._badges = [
            (position, badge.id, self._may(requirement))
            for position, (badge, requirement) in enumerate(requirements)
            if not isinstance(requirement, RepeatRequirement)
        ]
        self._repeated = [
            (position, badge.id, self._may(requirement))
            for position, (badge, requirement) in enumerate(requirements)
            if isinstance(requirement, RepeatRequirement)
        ]
        self._on_awards = [each for each in self._badges if _hangs_on_awards(over.after.requirements[each[0]])]
        self._repeated_on_awards = [
            each for each in self._repeated if _hangs_on_awards(over.after.requirements[each[0]])
        ]

    def of(self, progress: Progress) -> list[int]:
        """The positions of the badges that may be missing; nothing is missing if there are none."""
        awards, revoked, beside = progress.awards, progress.revoked, _Beside(self._over.badge_numbers(progress))
        found = [
            position
            for position, badge_id, may in self._badges
            if badge_id not in awards
            and may(progress, beside)
            and badge_id not in revoked
            and not is_held(progress, badge_id)
        ]
        return found + [position for position, _, may in self._repeated if may(progress, beside)]

    def may_bring_others(self, progress: Progress, awards: Sequence[Award]) -> bool:
        """Whether these awards, which the progress does not hold, may bring other badges."""
        badge_ids = frozenset(badges_of(award.badge_id for award in awards))
        points = sum(award.points for award in awards)
        beside = _Beside(self._over.badge_numbers(progress), points, badge_ids)
        return any(
            badge_id not in badge_ids
            and badge_id not in progress.awards
            and may(progress, beside)
            and badge_id not in progress.revoked
            and not is_held(progress, badge_id)
            for _, badge_id, may in self._on_awards
        ) or any(may(progress, beside) for _, _, may in self._repeated_on_awards)

    def _may(self, requirement: Requirement) -> _May:
        match requirement:
            case AllRequirement():
                every = [self._may(part) for part in requirement.parts]
                return lambda progress, beside: all(may(progress, beside) for may in every)
            case AnyRequirement():
                some = [self._may(part) for part in requirement.parts]
                return lambda progress, beside: any(may(progress, beside) for may in some)
            case HeldRequirement(badge_id=wanted):
                return lambda progress, beside: wanted in beside.badge_ids or is_held(progress, wanted)
            case RepeatRequirement():
                return self._may_repeat(requirement)
            case LeafRequirement(measure=measure, threshold=threshold):
                if isinstance(measure, EventMeasure):
                    return self._may_reach(measure, threshold)
                return self._may_be(measure, threshold)
            case _:
                raise TypeError(requirement)

    def _may_reach(self, measure: EventMeasure, threshold: int) -> _May:
        held = self._over.known.get(measure.index)
        if held is None:
            return self._has_events(measure, threshold)
        # One that stopped at a lower target may be anywhere above it.
        index, least = held.index, threshold if held.is_total else min(threshold, held.top)
        return lambda progress, _beside: progress.measure_values.get(index, 0) >= least

    def _has_events(self, measure: EventMeasure, threshold: int) -> _May:
        """Whether there are as many events as the measure needs at least. Each adds at most one, but any sum."""
        types, within = self._types_of[measure.index], measure.within
        least = 1 if isinstance(measure.leaf, Sum) else threshold

        def has_events(progress: Progress, _beside: _Beside) -> bool:
            held = progress.types
            if sum(held[each].count for each in types if each in held) < least:
                return False
            return within is None or least <= sum(
                day.events for at, day in progress.days.items() if within.first <= at <= within.last
            )

        return has_events

    def _may_be(self, measure: StateMeasure, threshold: int) -> _May:
        rulebook = self._rulebook
        match measure.leaf:
            case Points() | Level():
                return lambda progress, beside: progress.earned_points + beside.points >= threshold
            case Span():
                return lambda progress, _beside: measure.value(progress) >= threshold
            case Badges():
                index = measure.index
                # Some of the further badges may be of another kind, or held for other periods: these are too many.
                return lambda _progress, beside: beside.numbers.get(index, 0) + len(beside.badge_ids) >= threshold
            case _:
                if self._over.before.data.streak != rulebook.data.streak:
                    return lambda _progress, _beside: True
                return lambda progress, _beside: progress.longest_streak >= threshold

    def _may_repeat(self, requirement: RepeatRequirement) -> _May:
        required = requirement.requires

        def has_required(progress: Progress, beside: _Beside) -> bool:
            return all(each in beside.badge_ids or is_held(progress, each) for each in required)

        held = self._over.known.get(requirement.measure.index)
        if held is None:
            has_events = self._has_events(requirement.measure, requirement.threshold)
            return lambda progress, beside: has_events(progress, beside) and has_required(progress, beside)
        index, least = held.index, min(requirement.threshold, held.top)

        def may_repeat(progress: Progress, beside: _Beside) -> bool:
            parts = progress.parts.get(index)
            if parts is None:
                return False
            for first, part in parts.items():
                if (part if isinstance(part, int) else len(part)) >= least:
                    award_id = requirement.award_id_on(first)
                    if award_id not in progress.awards and award_id not in progress.revoked:
                        return has_required(progress, beside)
            return False

        return may_repeat


def _hangs_on_awards(requirement: Requirement) -> bool:
    match requirement:
        case AllRequirement() | AnyRequirement():
            return any(_hangs_on_awards(part) for part in requirement.parts)
        case HeldRequirement():
            return True
        case RepeatRequirement():
            return bool(requirement.requires)
        case LeafRequirement(measure=StateMeasure(leaf=leaf)):
            return isinstance(leaf, Points | Level | Badges)
        case _:
            return False
