"""The engine: decides the outcome of one event.

Its decisions are pure: the outcome depends only on the progress, the event and the rulebook. It advances the progress
in place, since a copy per event would cost more than all the rest.
"""

from __future__ import annotations

from collections.abc import Sequence

from laurels.domain.events import LearningEvent
from laurels.domain.folding import hold, observe_event
from laurels.domain.ledger.amounts import NONE, Amounts
from laurels.domain.ledger.entries import Award, Boosted, Outcome, Unpaid
from laurels.domain.periods import day_of
from laurels.domain.progress import Progress
from laurels.domain.rules.badges.awards import is_held
from laurels.domain.rules.badges.criteria import Metadata
from laurels.domain.rules.badges.requirements import RepeatRequirement, Requirement
from laurels.domain.rules.boosts import boost_on
from laurels.domain.rules.currencies import BadgePay
from laurels.domain.rules.earning_limits import pay
from laurels.domain.rules.rulebook import Rulebook


def advance(
    progress: Progress, event: LearningEvent, at: int, rulebook: Rulebook, *, offset: int | None = None
) -> Outcome:
    """Count `event`, which happened at the instant `at`, into `progress` and return its outcome.

    `event` has passed `check_event`. `offset` (seconds ahead of UTC) is only given to replay a recorded event;
    otherwise it follows from the zone that the user had at `at`. Badges are awarded until there are no new ones,
    because one badge's points may bring the next. The caller stamps `seq` with the entry that it makes of the outcome.
    """
    rule = rulebook.event_types[event.event_type]
    points = rule.points_for(event.metadata)
    if offset is None:
        offset = progress.offset_at(at)
    grace = rulebook.grace
    unpaid: Unpaid | None = None
    boost: Boosted | None = None
    currencies = rulebook.event_currencies.get(event.event_type, NONE)
    if event.once_key is not None or event.event_type in rulebook.paid_by_day:
        day = day_of(at, offset, grace)
        points, unpaid, boost, currencies = pay_on(
            progress,
            event.event_type,
            event.metadata,
            rulebook,
            points,
            currencies,
            at=at,
            day=day,
            once_key=event.once_key,
        )
    return count(
        progress,
        event,
        at,
        rulebook,
        points=points,
        offset=offset,
        grace=grace,
        unpaid=unpaid,
        boost=boost,
        currencies=currencies,
        rules=rulebook.fingerprint,
    )


def pay_on(
    progress: Progress,
    event_type: str,
    metadata: Metadata,
    rulebook: Rulebook,
    points: int,
    currencies: Amounts,
    *,
    at: int,
    day: int,
    once_key: str | None,
) -> tuple[int, Unpaid | None, Boosted | None, Amounts]:
    """The pay of an event of a declared type with base pay `points`: boosts multiply the points, then limits reduce
    them. Also returns the limit that reduced them, the points that a boost added, and the remaining `currencies`: all
    of them, or none if a limit takes all points."""
    boost = boost_on(rulebook.boosts, event_type, metadata, day)
    full = points if boost is None else boost.multiplied(points)
    rule = rulebook.event_types[event_type]
    gives = bool(currencies)
    paid, unpaid = pay(progress, event_type, rule, full, at=at, day=day, once_key=once_key, gives=gives)
    brought = None if boost is None else boost.brought(points, paid)
    return paid, unpaid, brought, currencies if paid or unpaid is None else NONE


def count(
    progress: Progress,
    event: LearningEvent,
    at: int,
    rulebook: Rulebook,
    *,
    points: int,
    offset: int,
    grace: int,
    rules: str,
    unpaid: Unpaid | None = None,
    boost: Boosted | None = None,
    currencies: Amounts = NONE,
    pays: BadgePay | None = None,
) -> Outcome:
    """Count an event with its `points` and `currencies`, as `rules` decided. `pays`: see `award`."""
    level, spent = rulebook.levels.level_at(progress.total_points), progress.spent
    candidates = observe_event(
        progress,
        event_type=event.event_type,
        metadata=event.metadata,
        at=at,
        offset=offset,
        grace=grace,
        points=points,
        rulebook=rulebook,
        once_key=event.once_key,
        currencies=currencies,
    )
    awards = award(progress, candidates, at, rulebook, pays=pays) if candidates else []
    level_after = rulebook.levels.level_at(progress.total_points)
    return Outcome(
        points=points,
        total_points=progress.total_points,
        level=level_after,
        rules=rules,
        offset=offset,
        grace=grace,
        leveled_up=level_after > level,
        awards=awards,
        unpaid=unpaid,
        boost=boost,
        currencies=currencies,
        returned=spent - progress.spent,
    )


def award(
    progress: Progress,
    candidates: list[int],
    at: int,
    rulebook: Rulebook,
    *,
    pays: BadgePay | None = None,
    is_dated: bool = True,
) -> list[Award]:
    """Award the badges at the positions `candidates` that are met and not held, and the badges that follow from these.

    `pays` replaces the rulebook's pay for badges. `is_dated`: see `hold`.
    """
    pays = rulebook.badge_pay if pays is None else pays
    awards: list[Award] = []
    while candidates:
        brought: list[int] = []
        # In rulebook order, so that a replay awards in the same order.
        for position in sorted(set(candidates)):
            badge = rulebook.badges[position]
            for award_id in _due(progress, badge.id, rulebook.requirements[position]):
                awarded = pays.award(award_id, badge.id, at)
                awards.append(awarded)
                brought += hold(progress, awarded, rulebook, is_dated=is_dated)
        candidates = brought
    return awards


def _due(progress: Progress, badge_id: str, requirement: Requirement) -> Sequence[str]:
    """The ids of a badge's awards that are met, not held, and not revoked by hand."""
    if isinstance(requirement, RepeatRequirement):
        return [
            each for each in requirement.met(progress) if each not in progress.awards and each not in progress.revoked
        ]
    if badge_id in progress.awards or badge_id in progress.revoked or not requirement.is_met(progress):
        return ()
    # The badge may have been earned while it was repeatable.
    return () if is_held(progress, badge_id) else (badge_id,)
