"""When a learner met criteria on events, told from only those events that the criteria count.

Such criteria depend on nothing else: not on points, streaks or other badges. So nothing else is folded.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from msgspec import Struct

from laurels.domain.ledger.entries import Entry, EventRecorded
from laurels.domain.periods import day_of, hour_of
from laurels.domain.progress import Progress
from laurels.domain.revisions.amendments import Crossing
from laurels.domain.rules.badges.criteria import NO_MOMENT, moment_in
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
    that are counted along. `asks_when`: any of these depends on the time of events. `has_end`: once all badges are
    crossed nothing else is to be found."""

    rulebook: Rulebook
    positions: frozenset[int]
    updates: dict[str, list[MeasureUpdate]]
    asks_when: bool
    has_end: bool

    @classmethod
    def of(cls, rulebook: Rulebook, positions: Collection[int], along: Iterable[EventMeasure] = ()) -> Counting | None:
        """None if one of the badges depends on more than events."""
        measures = {measure.index: measure for measure in along}
        has_end = not measures and all(rulebook.badges[each].repeat is None for each in positions)
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
        asks_when = any(measure.asks_when for measure in measures.values())
        return cls(rulebook, frozenset(positions), updates, asks_when, has_end)


class CrossingSearch:
    """Looks through the entries of one learner, whose `held` progress is that of all these entries.

    `retracted`: the `seq` of the events that do not count. `counted` has the measures of `counting` afterwards.
    """

    def __init__(self, counting: Counting, held: Progress, retracted: Collection[int]) -> None:
        self.counted = Progress(user_id=held.user_id, version=counting.rulebook.measures_version)
        self.crossings: dict[str, Crossing] = {}
        # Whether everything is found, whatever the later entries are.
        self.is_over = False
        self._counting = counting
        self._updates = counting.updates
        self._retracted = retracted
        self._barred = {*held.awards, *held.revoked}

    def take(self, entries: Iterable[Entry]) -> None:
        """Count the next entries."""
        counting, retracted, counted = self._counting, self._retracted, self.counted
        moment = NO_MOMENT
        reached: list[int] = []
        for entry in entries:
            body = entry.body
            if not isinstance(body, EventRecorded):
                continue
            updates = counting.updates.get(body.event_type)
            if updates is None or entry.seq in retracted:
                continue
            if counting.asks_when:
                at, offset = body.at, body.outcome.offset
                moment = moment_in(day_of(at, offset, body.outcome.grace), hour_of(at, offset))
            for update in updates:
                update(counted, body.metadata, moment, reached)
            if reached:
                self._cross(reached, body.at, entry.event_id or "")
                if self.is_over:
                    return
                reached = []

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
        self.is_over = self._counting.has_end and len(self.crossings) == len(self._counting.positions)


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
