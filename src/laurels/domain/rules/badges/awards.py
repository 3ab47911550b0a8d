"""The ids of awards in ledger and progress.

The award of a badge has the badge's id. An award of a repeatable badge also names its period: `busy_week@2026-W48`. So
each is held, paid and revoked by itself, and only views of badges combine them. No badge of a rulebook has an `@` in
its id.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from types import MappingProxyType

from laurels.domain.boards.ranking import Visibility
from laurels.domain.periods import Timeframe, period_name
from laurels.domain.progress import Progress
from laurels.domain.rules.badges.criteria import Repeat

TIMEFRAMES: Mapping[Repeat, Timeframe] = MappingProxyType({"week": Timeframe.WEEKLY, "month": Timeframe.MONTHLY})
_PERIOD = re.compile(r"[0-9]{4}-(?:W[0-9]{2}|[0-9]{2})").fullmatch


def award_id_of(badge_id: str, repeat: Repeat, day: int) -> str:
    """The id of the award of a badge in the week or month that holds the local `day`."""
    return f"{badge_id}@{_period_of(repeat, day)}"


# All repeatable badges name the same periods, at each event that opens one: all those of the learner so far.
@lru_cache(maxsize=4_096)
def _period_of(repeat: Repeat, day: int) -> str:
    return period_name(TIMEFRAMES[repeat], day)


def badge_and_period(award_id: str) -> tuple[str, str | None]:
    """The badge of an award, and the name of its period; None if it has none."""
    # Most have no period, and no such sign.
    if "@" not in award_id:
        return award_id, None
    badge_id, _, period = award_id.rpartition("@")
    return (badge_id, period) if badge_id and _is_period(period) else (award_id, None)


@lru_cache(maxsize=4_096)
def _is_period(text: str) -> bool:
    return _PERIOD(text) is not None


def badges_of(award_ids: Iterable[str]) -> list[str]:
    """The badges of these awards, each once, in the order of their first awards."""
    return list(dict.fromkeys(badge_and_period(each)[0] for each in award_ids))


def seen_earned_at(progress: Progress) -> list[int]:
    """When each of the user's badges was earned first, in the order of `badges_of`; nothing of a user who does not
    appear on the boards as themselves: an instant would tell who is behind an alias."""
    if progress.visibility is not Visibility.PUBLIC or progress.is_suspended:
        return []
    first: dict[str, int] = {}
    for award_id, award in progress.awards.items():
        badge_id, _ = badge_and_period(award_id)
        first[badge_id] = min(award.earned_at, first.get(badge_id, award.earned_at))
    return list(first.values())


def is_held(progress: Progress, badge_id: str) -> bool:
    """Whether the user holds an award of the badge, in whatever period."""
    return badge_id in progress.awards or (
        _has_periods(progress) and any(_is_of(each, badge_id) for each in progress.awards)
    )


def is_only_award(progress: Progress, award_id: str) -> bool:
    """Whether the user holds no other award of the same badge: however often it is earned, it is one badge."""
    if not _has_periods(progress):
        return True
    badge_id, _ = badge_and_period(award_id)
    return not any(each != award_id and _is_of(each, badge_id) for each in progress.awards)


def _has_periods(progress: Progress) -> bool:
    # Mostly none has: then each badge has one award, and this is told far sooner than by a look at each.
    return "@" in "\n".join(progress.awards)


def _is_of(award_id: str, badge_id: str) -> bool:
    # Called for every award that a user holds; most differ in their first letters.
    return award_id.startswith(badge_id) and badge_and_period(award_id)[0] == badge_id
