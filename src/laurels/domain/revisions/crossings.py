"""When a learner met criteria on events, told from only those events that the criteria count.

Such criteria depend on nothing else: not on points, streaks or other badges. So nothing else is folded.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from msgspec import Struct

from laurels.domain.ledger.entries import Entry, EventRecorded, EventRetracted
from laurels.domain.periods import day_of
from laurels.domain.progress import Progress
from laurels.domain.revisions.amendments import Crossing
from laurels.domain.rules.badges.criteria import Moment
from laurels.domain.rules.badges.measures import EventMeasure, MeasureUpdate
from laurels.domain.rules.badges.requirements import (
    AllRequirement,
    AnyRequirement,
    LeafRequirement,
    RepeatRequirement,
    Requirement,
)
from laurels.domain.rules.rulebook import Rulebook


class Counting(Struct, frozen=True):
    """The badges at `positions` of a rulebook, and what each type of event changes of their measures and of others
    that are counted along."""

    rulebook: Rulebook
    positions: frozenset[int]
    updates: dict[str, list[MeasureUpdate]]

    @classmethod
    def of(cls, rulebook: Rulebook, positions: Collection[int], along: Iterable[EventMeasure] = ()) -> Counting | None:
        """None if one of the badges depends on more than events."""
        measures = {measure.index: measure for measure in along}
        for position in positions:
            asked = _measures_of(rulebook.requirements[position])
            if asked is None:
                return None
            measures |= {measure.index: measure for measure in asked}
        updates: dict[str, list[MeasureUpdate]] = {}
        for measure in measures.values():
            update = measure.update()
            for event_type in rulebook.event_types_of[measure.index]:
                updates.setdefault(event_type, []).append(update)
        return cls(rulebook, frozenset(positions), updates)


class CrossingSearch:
    """Looks through the entries of one learner, whose `held` progress is that of all these entries.

    `retracted`: the `seq` of the events that do not count. `counted` has the measures of `counting` afterwards.
    """

    def __init__(self, counting: Counting, held: Progress, retracted: Collection[int]) -> None:
        self.counted = Progress(user_id=held.user_id, version=counting.rulebook.measures_version)
        self.crossings: dict[str, Crossing] = {}
        self._counting = counting
        self._updates = counting.updates
        self._retracted = retracted
        self._barred = {*held.awards, *held.revoked}

    def take(self, entry: Entry) -> None:
        """Count the next entry."""
        body = entry.body
        if not isinstance(body, EventRecorded):
            return
        updates = self._updates.get(body.event_type)
        if updates is None or entry.seq in self._retracted:
            return
        at, offset = body.at, body.outcome.offset
        moment = Moment(at, offset, day_of(at, offset, body.outcome.grace))
        metadata, reached = body.metadata, list[int]()
        for update in updates:
            update(self.counted, metadata, moment, reached)
        if reached:
            self._cross(reached, at, entry.event_id or "")

    def _cross(self, reached: list[int], at: int, event_id: str) -> None:
        rulebook = self._counting.rulebook
        # In rulebook order, as the engine awards.
        for position in sorted(self._counting.positions.intersection(reached)):
            badge_id, requirement = rulebook.badges[position].id, rulebook.requirements[position]
            if isinstance(requirement, RepeatRequirement):
                met = requirement.met(self.counted)
            else:
                met = [badge_id] if requirement.is_met(self.counted) else []
            for award_id in met:
                if award_id not in self._barred:
                    self._barred.add(award_id)
                    self.crossings[award_id] = Crossing(rulebook.badge_pay.award(award_id, badge_id, at), event_id)


def retracted_by(entry: Entry) -> int | None:
    """The `seq` of the event that an entry retracts."""
    return entry.body.event_seq if isinstance(entry.body, EventRetracted) else None


def _measures_of(requirement: Requirement) -> list[EventMeasure] | None:
    """The measures of a requirement on events alone; None if it depends on more."""
    match requirement:
        case AllRequirement() | AnyRequirement():
            found: list[EventMeasure] = []
            for part in requirement.parts:
                asked = _measures_of(part)
                if asked is None:
                    return None
                found += asked
            return found
        case RepeatRequirement() if not requirement.requires:
            return [requirement.measure]
        case LeafRequirement(measure=EventMeasure() as measure):
            return [measure]
        case _:
            return None
