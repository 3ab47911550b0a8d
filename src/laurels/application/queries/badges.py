"""The badges of a rulebook and of a user, as views."""

from __future__ import annotations

from functools import lru_cache

from msgspec import UNSET
from msgspec.structs import replace

from laurels.application.queries.rarity import Shares
from laurels.application.queries.views import BadgeDefinitionView, BadgeStateView, BadgeView, NextBadge
from laurels.domain.ledger import Award
from laurels.domain.periods import iso
from laurels.domain.progress import Progress
from laurels.domain.rules.criteria import CriterionProgress
from laurels.domain.rules.rulebook import Rulebook
from laurels.domain.rules.rulebook_data import Badge

NEAREST = 5
# What is shown of a hidden badge, until it is earned.
HIDDEN_NAME = "???"
HIDDEN_ICON = "?"
NOTHING_SHOWN = CriterionProgress(0, 1)


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


def held_badge_view(award: Award, rulebook: Rulebook, shares: Shares) -> BadgeView:
    """The same with how rare the badge is now."""
    return replace(badge_view(award, rulebook), held=shares.of(award.badge_id))


def catalogue(rulebook: Rulebook, shares: Shares) -> list[BadgeDefinitionView]:
    """Every badge that can be earned, in the order of the rulebook; of hidden ones little more than that they exist."""
    return [
        _hidden(badge, shares) if badge.hidden else _definition(badge, rulebook, shares) for badge in rulebook.badges
    ]


def _definition(badge: Badge, rulebook: Rulebook, shares: Shares) -> BadgeDefinitionView:
    return BadgeDefinitionView(
        badge_id=badge.id,
        name=badge.name,
        description=badge.description,
        icon=badge.icon,
        category=badge.category,
        rarity=badge.rarity,
        points=badge.points,
        criterion=badge.criterion,
        held=shares.of(badge.id),
        # A hidden badge is not named by another one either.
        requires=[each for each in badge.requires if not _is_hidden(each, rulebook)] or UNSET,
        from_day=UNSET if badge.from_day is None else badge.from_day.isoformat(),
        until_day=UNSET if badge.until_day is None else badge.until_day.isoformat(),
        tiers=list(rulebook.families.get(badge.id, ())) or UNSET,
    )


def _hidden(badge: Badge, shares: Shares) -> BadgeDefinitionView:
    return BadgeDefinitionView(
        badge_id=badge.id,
        name=HIDDEN_NAME,
        description="",
        icon=HIDDEN_ICON,
        category=badge.category,
        rarity=badge.rarity,
        points=badge.points,
        criterion=None,
        held=shares.of(badge.id),
        hidden=True,
    )


def _is_hidden(badge_id: str, rulebook: Rulebook) -> bool:
    badge = rulebook.badge(badge_id)
    return badge is not None and badge.hidden


def badge_states(progress: Progress, rulebook: Rulebook, shares: Shares) -> list[BadgeStateView]:
    """Every badge of the rulebook, held or open, with the user's progress towards it.

    A badge that was awarded by hand may be held while its criterion is not met: `earned` and `current` say so.
    """
    states: list[BadgeStateView] = []
    for badge, goal in zip(rulebook.badges, rulebook.goals, strict=True):
        award = progress.awards.get(badge.id)
        seen = goal.progress(progress)
        is_concealed = badge.hidden and award is None
        if is_concealed:
            seen = NOTHING_SHOWN
        states.append(
            BadgeStateView(
                badge_id=badge.id,
                name=HIDDEN_NAME if is_concealed else badge.name,
                description="" if is_concealed else badge.description,
                icon=HIDDEN_ICON if is_concealed else badge.icon,
                category=badge.category,
                rarity=badge.rarity,
                points=badge.points if award is None else award.points,
                earned=award is not None,
                earned_at=None if award is None else iso(award.earned_at),
                current=seen.current,
                target=seen.target,
                fraction=seen.fraction,
                held=shares.of(badge.id),
                hidden=True if is_concealed else UNSET,
            )
        )
    return states


def next_badges(progress: Progress, rulebook: Rulebook, today: int) -> list[NextBadge]:
    """The open badges that are nearest, the nearest first; of equally near ones, rulebook order. Hidden badges are left
    out, and those whose last day is over on the user's day `today`."""
    nearest: list[NextBadge] = []
    for badge, goal in zip(rulebook.badges, rulebook.goals, strict=True):
        is_over = badge.until_day is not None and badge.until_day.toordinal() < today
        if badge.id not in progress.awards and not badge.hidden and not is_over:
            seen = goal.progress(progress)
            nearest.append(NextBadge(badge.id, badge.name, seen.current, seen.target, seen.fraction))
    nearest.sort(key=lambda open_badge: -open_badge.fraction)
    return nearest[:NEAREST]
