"""The engine: what one event brings.

Pure in what it decides: the outcome follows from the progress, the event and the rulebook alone. It moves the
progress forward in place, since a copy per event would cost more than all the rest.
"""

from __future__ import annotations

from laurels.domain.events import LearningEvent
from laurels.domain.folding import hold, observe_event
from laurels.domain.ledger import Award, Outcome
from laurels.domain.progress import Progress
from laurels.domain.rulebook import Rulebook


def advance(
    progress: Progress, event: LearningEvent, at: int, rulebook: Rulebook, *, offset: int | None = None
) -> Outcome:
    """Count `event`, which happened at the instant `at`, into `progress` and tell what it brought.

    `event` has passed `check_event`. `offset` (seconds ahead of UTC) is only given to replay a recorded event;
    otherwise it follows from the zone that the user had at `at`. Badges are awarded until none is new: one
    badge's points may bring the next. The caller stamps `seq` with the entry that it makes of the outcome.
    """
    level = rulebook.levels.level_at(progress.total_points)
    points = rulebook.event_types[event.event_type].points_for(event.metadata)
    if offset is None:
        offset = progress.offset_at(at)
    candidates = observe_event(
        progress,
        event_type=event.event_type,
        metadata=event.metadata,
        at=at,
        offset=offset,
        points=points,
        rulebook=rulebook,
    )
    awards = _award(progress, candidates, at, rulebook) if candidates else []
    level_after = rulebook.levels.level_at(progress.total_points)
    return Outcome(
        points=points,
        total_points=progress.total_points,
        level=level_after,
        rules=rulebook.fingerprint,
        offset=offset,
        leveled_up=level_after > level,
        awards=awards,
    )


def _award(progress: Progress, candidates: list[int], at: int, rulebook: Rulebook) -> list[Award]:
    awards: list[Award] = []
    while candidates:
        brought: list[int] = []
        # In rulebook order, so that a replay awards in the same order.
        for position in sorted(set(candidates)):
            badge = rulebook.badges[position]
            if badge.id in progress.awards or not rulebook.goals[position].is_met(progress):
                continue
            award = Award(badge.id, badge.points, at)
            awards.append(award)
            brought += hold(progress, award, rulebook)
        candidates = brought
    return awards
