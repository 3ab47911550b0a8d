"""Repairs a missed day of a streak for points: the entry, and the change of the progress."""

from __future__ import annotations

from msgspec.structs import replace

from laurels.domain.engine import award
from laurels.domain.folding import take_repair
from laurels.domain.ledger.entries import StreakRepaired
from laurels.domain.ledger.repairs import Repair
from laurels.domain.progress import Progress
from laurels.domain.rules.rulebook import Rulebook
from laurels.domain.rules.streak_repairs import repair_at


def repair_of(progress: Progress, day: int) -> Repair | None:
    """The valid repair of a day, if there is one."""
    return next((each for each in progress.repairs if each.first <= day <= each.last), None)


def repair_streak(
    progress: Progress, day: int, now: int, rulebook: Rulebook, *, reason: str | None, caller: str | None
) -> StreakRepaired:
    """Repair a missed day at the instant `now`; advances the progress. Raises RepairRefused.

    The longer streak may bring a badge for the first time: then it is earned at `now`. The caller stamps the progress
    with the entry that it makes of this.
    """
    repair = repair_at(rulebook.streak, progress, day, rulebook.today(progress, now))
    reached = take_repair(progress, replace(repair, seq=progress.seq + 1), rulebook)
    awards = award(progress, reached, now, rulebook)
    return StreakRepaired(
        repair,
        progress.total_points,
        rulebook.levels.level_at(progress.total_points),
        rulebook.fingerprint,
        daily_streak=rulebook.daily_streak(progress, now),
        awards=awards,
        reason=reason,
        caller=caller,
    )
