"""The badges of a rulebook and of a user, as views.

Every surface shows badges in this shape, and hidden badges are hidden in this one place.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from msgspec import UNSET
from msgspec.structs import replace

from laurels.application.queries.rarity import Shares
from laurels.application.queries.views import BadgeDefinitionView, BadgeStateView, BadgeView, NextBadge
from laurels.domain.ledger.amounts import sum_of
from laurels.domain.ledger.entries import Award
from laurels.domain.periods import iso
from laurels.domain.progress import Progress
from laurels.domain.rules.badges.awards import badge_and_period, badges_of
from laurels.domain.rules.badges.criteria import CriterionProgress
from laurels.domain.rules.badges.requirements import RepeatRequirement, Requirement
from laurels.domain.rules.rulebook import Rulebook
from laurels.domain.rules.rulebook_data import Badge

NEAREST = 5
# Shown for a hidden badge until it is earned.
HIDDEN_NAME = "???"
HIDDEN_ICON = "?"
NOTHING_SHOWN = CriterionProgress(0, 1)


# An award never changes: a learner with many awards sees the same ones on each read.
@lru_cache(maxsize=16_384)
def badge_view(award: Award, rulebook: Rulebook) -> BadgeView:
    """An award with its badge's definition; for a badge that the rulebook no longer has, the data of the ledger."""
    badge = rulebook.badge(award.badge_id)
    badge_id, period = badge_and_period(award.badge_id)
    return BadgeView(
        badge_id=badge_id,
        name=badge.name if badge else badge_id,
        description=badge.description if badge else "",
        icon=badge.icon if badge else "",
        category=badge.category if badge else "milestone",
        rarity=badge.rarity if badge else "common",
        points=award.points,
        earned_at=iso(award.earned_at),
        period=UNSET if period is None else period,
        currencies=dict(award.currencies) or UNSET,
    )


def held_badges(awards: Iterable[Award], rulebook: Rulebook) -> list[BadgeView]:
    """The badges of these awards, each once, in the order of their first awards."""
    by_badge: dict[str, list[Award]] = {}
    for award in awards:
        by_badge.setdefault(badge_and_period(award.badge_id)[0], []).append(award)
    return [_joined(each, rulebook) for each in by_badge.values()]


def _joined(awards: list[Award], rulebook: Rulebook) -> BadgeView:
    first = badge_view(awards[0], rulebook)
    if len(awards) == 1 and first.period is UNSET:
        return first
    earned = [award.earned_at for award in awards]
    return replace(
        first,
        points=sum(award.points for award in awards),
        earned_at=iso(min(earned)),
        period=UNSET,
        count=len(awards),
        last_earned_at=iso(max(earned)),
        currencies=dict(sum_of(award.currencies for award in awards)) or UNSET,
    )


def with_share(badge: BadgeView, shares: Shares) -> BadgeView:
    """The same view with how rare the badge is now."""
    return replace(badge, held=shares.of(badge.badge_id))


def catalogue(rulebook: Rulebook, shares: Shares) -> list[BadgeDefinitionView]:
    """Every badge that can be earned, in the order of the rulebook; hidden badges show little more than that they
    exist."""
    return [definition(badge, rulebook, shares) for badge in rulebook.badges]


def definition(badge: Badge, rulebook: Rulebook, shares: Shares) -> BadgeDefinitionView:
    """One badge as the catalogue has it."""
    return _hidden(badge, shares) if badge.hidden else _definition(badge, rulebook, shares)


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
        # No other badge names a hidden badge either.
        requires=[each for each in badge.requires if not _is_hidden(each, rulebook)] or UNSET,
        from_day=UNSET if badge.from_day is None else badge.from_day.isoformat(),
        until_day=UNSET if badge.until_day is None else badge.until_day.isoformat(),
        tiers=list(rulebook.families.get(badge.id, ())) or UNSET,
        repeat=UNSET if badge.repeat is None else badge.repeat,
    )


def _hidden(badge: Badge, shares: Shares) -> BadgeDefinitionView:
    return BadgeDefinitionView(criterion=None, **_hidden_fields(badge, shares))


def _hidden_fields(badge: Badge, shares: Shares) -> dict[str, Any]:
    """The fields of a hidden badge, for those who do not hold it: they tell little more than that it exists."""
    return {
        "badge_id": badge.id,
        "name": HIDDEN_NAME,
        "description": "",
        "icon": HIDDEN_ICON,
        "category": badge.category,
        "rarity": badge.rarity,
        "points": badge.points,
        "held": shares.of(badge.id),
        "hidden": True,
    }


def _is_hidden(badge_id: str, rulebook: Rulebook) -> bool:
    badge = rulebook.badge(badge_id)
    return badge is not None and badge.hidden


def badge_states(progress: Progress, rulebook: Rulebook, shares: Shares, today: int) -> list[BadgeStateView]:
    """Every badge of the rulebook, held or open, with the user's progress towards it. For a badge that may be earned
    again this is the progress in the period of the user's day `today`.

    A badge that was awarded by hand may be held without its criterion being met: `earned` and `current` show this.
    """
    earned = {view.badge_id: view for view in held_badges(progress.awards.values(), rulebook)}
    states: list[BadgeStateView] = []
    for badge, requirement in zip(rulebook.badges, rulebook.requirements, strict=True):
        award = earned.get(badge.id)
        if badge.hidden and award is None:
            states.append(_concealed(badge, shares))
            continue
        seen = _progress(requirement, progress, today)
        state = BadgeStateView(
            badge_id=badge.id,
            name=badge.name,
            description=badge.description,
            icon=badge.icon,
            category=badge.category,
            rarity=badge.rarity,
            points=badge.points if award is None else award.points,
            earned=award is not None,
            earned_at=None if award is None else award.earned_at,
            current=seen.current,
            target=seen.target,
            fraction=seen.fraction,
            held=shares.of(badge.id),
        )
        if badge.repeat is not None:
            state = replace(
                state,
                repeat=badge.repeat,
                count=0 if award is None else award.count or 1,
                last_earned_at=UNSET if award is None else award.last_earned_at or award.earned_at,
            )
        elif award is not None and award.count is not UNSET:
            # It could be earned again once.
            state = replace(state, count=award.count, last_earned_at=award.last_earned_at)
        states.append(state)
    return states


def _concealed(badge: Badge, shares: Shares) -> BadgeStateView:
    return BadgeStateView(
        earned=False,
        earned_at=None,
        current=NOTHING_SHOWN.current,
        target=NOTHING_SHOWN.target,
        fraction=NOTHING_SHOWN.fraction,
        **_hidden_fields(badge, shares),
    )


def _progress(requirement: Requirement, progress: Progress, today: int) -> CriterionProgress:
    return (
        requirement.progress_on(progress, today)
        if isinstance(requirement, RepeatRequirement)
        else requirement.progress(progress)
    )


def _is_complete(requirement: Requirement, progress: Progress, today: int, *, is_held: bool) -> bool:
    return requirement.award_id_on(today) in progress.awards if isinstance(requirement, RepeatRequirement) else is_held


def next_badges(progress: Progress, rulebook: Rulebook, today: int) -> list[NextBadge]:
    """The open badges that are nearest, the nearest first; equally near ones in rulebook order. A badge that may be
    earned again is open again in each period. Hidden badges are left out, and so are those whose last day is before the
    user's day `today`."""
    held = set(badges_of(progress.awards))
    nearest: list[NextBadge] = []
    for badge, requirement in zip(rulebook.badges, rulebook.requirements, strict=True):
        is_over = badge.until_day is not None and badge.until_day.toordinal() < today
        is_complete = _is_complete(requirement, progress, today, is_held=badge.id in held)
        if not badge.hidden and not is_over and not is_complete:
            seen = _progress(requirement, progress, today)
            nearest.append(NextBadge(badge.id, badge.name, seen.current, seen.target, seen.fraction))
    nearest.sort(key=lambda open_badge: -open_badge.fraction)
    return nearest[:NEAREST]
