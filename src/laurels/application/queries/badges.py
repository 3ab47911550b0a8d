"""The badges of a rulebook and of a user, as views."""

from __future__ import annotations

from functools import lru_cache

from laurels.application.queries.views import BadgeDefinitionView, BadgeStateView, BadgeView, NextBadge
from laurels.domain.ledger import Award
from laurels.domain.periods import iso
from laurels.domain.progress import Progress
from laurels.domain.rules.rulebook import Rulebook

NEAREST = 5


# An award never changes: whoever holds many is shown the same again and again.
@lru_cache(maxsize=16_384)
def badge_view(award: Award, rulebook: Rulebook) -> BadgeView:
    """An award with its badge's definition; of a badge that the rulebook no longer has, what the ledger knows."""
    badge = rulebook.badge(award.badge_id)
    return BadgeView(
        badge_id=award.badge_id,
        name=badge.name if badge else award.badge_id,
        description=badge.description if badge else "",
        icon=badge.icon if badge else "",
        category=badge.category if badge else "milestone",
        rarity=badge.rarity if badge else "common",
        points=award.points,
        earned_at=iso(award.earned_at),
    )


def catalogue(rulebook: Rulebook) -> list[BadgeDefinitionView]:
    """Every badge that can be earned, in the order of the rulebook."""
    return [
        BadgeDefinitionView(
            badge_id=badge.id,
            name=badge.name,
            description=badge.description,
            icon=badge.icon,
            category=badge.category,
            rarity=badge.rarity,
            points=badge.points,
            criterion=badge.criterion,
        )
        for badge in rulebook.badges
    ]


def badge_states(progress: Progress, rulebook: Rulebook) -> list[BadgeStateView]:
    """Every badge of the rulebook, held or open, with the user's progress towards it; a held one is complete."""
    states: list[BadgeStateView] = []
    for badge, goal in zip(rulebook.badges, rulebook.goals, strict=True):
        award = progress.awards.get(badge.id)
        seen = goal.progress(progress)
        states.append(
            BadgeStateView(
                badge_id=badge.id,
                name=badge.name,
                description=badge.description,
                icon=badge.icon,
                category=badge.category,
                rarity=badge.rarity,
                points=badge.points if award is None else award.points,
                earned=award is not None,
                earned_at=None if award is None else iso(award.earned_at),
                current=seen.current if award is None else seen.target,
                target=seen.target,
                fraction=seen.fraction if award is None else 1.0,
            )
        )
    return states


def next_badges(progress: Progress, rulebook: Rulebook) -> list[NextBadge]:
    """The open badges that are nearest, the nearest first; of equally near ones, rulebook order."""
    nearest: list[NextBadge] = []
    for badge, goal in zip(rulebook.badges, rulebook.goals, strict=True):
        if badge.id not in progress.awards:
            seen = goal.progress(progress)
            nearest.append(NextBadge(badge.id, badge.name, seen.current, seen.target, seen.fraction))
    nearest.sort(key=lambda open_badge: -open_badge.fraction)
    return nearest[:NEAREST]
