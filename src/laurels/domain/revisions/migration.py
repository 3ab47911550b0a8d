"""Takes users over from another system: its points and awards are kept.

The rulebook does not decide about points that were given long ago. It only finds the badges that the events earn, so
that every badge with a met criterion is held; badges that the other system had not awarded bring no points.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from laurels.domain.engine import award, count
from laurels.domain.events import LearningEvent
from laurels.domain.folding import adjust, hold
from laurels.domain.ledger.entries import Award, Outcome, UserMigrated
from laurels.domain.progress import Progress
from laurels.domain.rules.currencies import BadgePay
from laurels.domain.rules.rulebook import Rulebook

RULES = "migrated"
"""Replaces the fingerprint of the rules in an outcome: none of our rules decided its points."""


class DifferencePolicy(StrEnum):
    """The treatment of the difference between a stored total and the sum of its events and badges."""

    KEEP = "keep"
    DROP = "drop"


def migrate_event(
    progress: Progress, event: LearningEvent, at: int, points: int, pays: Mapping[str, int], rulebook: Rulebook
) -> Outcome:
    """Count an event for which another system paid `points`. `pays` are the badges held there, with their points.

    Like `engine.advance`, but with the given points and without currencies. A badge whose criterion is met is awarded
    at this event.
    """
    if rulebook.repeated:
        # A repeatable badge was held there once: that award comes with the user, and the awards of its periods bring no
        # points.
        pays = {badge_id: points for badge_id, points in pays.items() if badge_id not in rulebook.repeated}
    return count(
        progress,
        event,
        at,
        rulebook,
        points=points,
        offset=progress.offset_at(at),
        grace=rulebook.grace,
        rules=RULES,
        pays=BadgePay(pays),
    )


def difference_of(progress: Progress, stored_total: int | None, event_points: int, pays: Mapping[str, int]) -> int:
    """How much `stored_total` exceeds its events and badges: the points with which each badge counts, held or not."""
    if stored_total is None:
        return 0
    held = progress.awards
    return (
        stored_total
        - event_points
        - sum(held[badge_id].points if badge_id in held else points for badge_id, points in pays.items())
    )


def migrate_user(
    progress: Progress,
    *,
    origin: str,
    at: int,
    stored_total: int | None,
    event_points: int,
    pays: Mapping[str, int],
    differences: DifferencePolicy,
    rulebook: Rulebook,
    created_at: int | None = None,
    profile: Mapping[str, object] | None = None,
) -> UserMigrated | None:
    """Take over the data of a user in another system, after their events; None if all of it was taken over.

    `pays` are the badges held there, with their points. If the user was taken over from this origin before, only new
    data is added; `created_at` and `profile` were taken then. The caller stamps the progress with the entry that it
    makes of the body, and then calls `migrate` with the body.
    """
    is_first = origin not in progress.migrated
    wanted = difference_of(progress, stored_total, event_points, pays) if differences is DifferencePolicy.KEEP else 0
    adjustment = wanted - progress.migrated.get(origin, 0)
    missing = [Award(badge_id, points, at) for badge_id, points in pays.items() if badge_id not in progress.awards]
    if not is_first and not adjustment and not missing:
        return None
    candidates: list[int] = []
    for awarded in missing:
        candidates += hold(progress, awarded, rulebook, is_dated=False)
    candidates += adjust(progress, adjustment, rulebook)
    brought = award(progress, candidates, at, rulebook, pays=BadgePay({}), is_dated=False)
    return UserMigrated(
        origin=origin,
        at=at,
        total_points=progress.total_points,
        level=rulebook.levels.level_at(progress.total_points),
        stored_total=stored_total,
        event_points=event_points,
        adjustment=adjustment,
        awards=[*missing, *brought],
        created_at=created_at if is_first else None,
        profile=dict(profile or {}) if is_first else {},
    )
