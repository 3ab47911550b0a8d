"""Checks that the shape of a rulebook cannot express: duplicate ids, unknown zones, targets that do not rise."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from math import isfinite

from laurels.domain.periods import is_zone
from laurels.domain.rules.badges.criteria import AllOf, AnyOf, Condition, Count, Distinct, Level, Range, Sum, leaves
from laurels.domain.rules.badges.reachability import unreachable
from laurels.domain.rules.badges.tiers import TARGET, Placed
from laurels.domain.rules.boosts import boost_faults
from laurels.domain.rules.currencies import currency_faults
from laurels.domain.rules.levels import level_faults
from laurels.domain.rules.rulebook_data import Badge, RulebookData
from laurels.domain.rules.streak_rules import streak_faults
from laurels.domain.rules.text_types import is_identifier
from laurels.errors import RulebookError
from laurels.validation import unknown_name

MOST_FAULTS = 50
"""The maximum number of mistakes that are named of one rulebook."""

# The largest range of whole numbers that a double-precision float holds exactly.
MAX_NUMBER = 2**53


def rulebook_faults(
    data: RulebookData, badges: Sequence[Placed], doubtful: Collection[str] = ()
) -> Iterator[RulebookError]:
    """Every inconsistency, then every criterion that can never be met. `badges` are the expanded badges of the data.

    `doubtful` are the ids of badges whose values in the file have a wrong shape: what refers to them is not blamed.
    """
    told: set[tuple[str, str]] = set()
    for fault in _inconsistencies(data, badges, doubtful):
        # The tiers of a badge share most of what it says.
        if (fault.key, fault.detail) not in told:
            told.add((fault.key, fault.detail))
            yield fault
    wrong = {key for key, _ in told}
    # A badge that asks for these may be out of reach only because of their mistakes.
    uncertain = [
        placed.badge.id
        for placed in badges
        if _has_part_in(placed.criterion_key, wrong) or _has_part_in(f"{placed.entry_key}.requires", wrong)
    ]
    for fault in unreachable(data, badges, {*doubtful, *uncertain}):
        if not _has_part_in(fault.key, wrong):
            yield fault


def _has_part_in(key: str, wrong: Collection[str]) -> bool:
    return any(each == key or each.startswith((f"{key}.", f"{key}[")) for each in wrong)


def _inconsistencies(
    data: RulebookData, badges: Sequence[Placed], doubtful: Collection[str]
) -> Iterator[RulebookError]:
    if not is_zone(data.boards.zone):
        yield RulebookError(
            "boards.zone", f"{data.boards.zone!r} is not the name of an IANA time zone, such as Europe/Lisbon."
        )
    yield from level_faults(data.levels, "levels")
    if data.streak is not None:
        yield from streak_faults(data.streak)
    for name, event_type in data.event_types.items():
        for number, bonus in enumerate(event_type.bonuses):
            yield from _of_number(f"event_types.{name}.bonuses[{number}].above", bonus.above)
    yield from boost_faults(data.boosts, data.event_types)
    for name, boost in data.boosts.items():
        for condition in boost.where.values():
            yield from _of_condition(f"boosts.{name}.where", condition)
    for position, badge in enumerate(data.badges):
        yield from _of_tiers(badge, f"badges[{position}]")
        yield from _of_window(badge, f"badges[{position}]")
        yield from _of_repeat(badge, f"badges[{position}]")
    seen: set[str] = set()
    for placed in badges:
        yield from _of_id(placed, seen)
        seen.add(placed.badge.id)
        yield from _of_criterion(placed, data)
    # Tiers that have no criterion to share are not expanded, but named.
    seen |= {f"{badge.id}_{tier.id}" for badge in data.badges for tier in badge.tiers}.union(doubtful)
    repeated = {
        placed.badge.id
        for placed in badges
        if placed.badge.repeat is not None and isinstance(placed.badge.criterion, Count | Distinct | Sum)
    }
    for position, badge in enumerate(data.badges):
        yield from _of_required(badge, f"badges[{position}]", seen, repeated)
    yield from currency_faults(data.currencies, data.event_types, seen)


def _of_id(placed: Placed, seen: Collection[str]) -> Iterator[RulebookError]:
    badge_id = placed.badge.id
    if badge_id in seen:
        yield RulebookError(f"{placed.key}.id", f"The badge id {badge_id!r} is used twice; give each badge its own.")
    if not is_identifier(badge_id):
        yield RulebookError(
            f"{placed.key}.id",
            f"Makes the badge id {badge_id!r}, which must have at most 64 characters; shorten that of the badge.",
        )


def _of_criterion(placed: Placed, data: RulebookData) -> Iterator[RulebookError]:
    for key, leaf in leaves(placed.badge.criterion, placed.criterion_key):
        if isinstance(leaf, Count | Distinct | Sum) and not placed.is_higher_tier:
            for condition in leaf.where.values():
                yield from _of_condition(f"{key}.where", condition)
        if isinstance(leaf, Level) and data.levels.start_of(leaf.target) is None:
            yield RulebookError(
                f"{key}.target", "Asks for a level past the last one; ask for a lower one, or add starts."
            )


def _of_condition(key: str, condition: Condition) -> Iterator[RulebookError]:
    if isinstance(condition, Range):
        values = [bound for bound in (condition.min, condition.max) if bound is not None]
    else:
        values = condition if isinstance(condition, list) else [condition]
    for value in values:
        yield from _of_number(key, value)


def _of_number(key: str, value: object) -> Iterator[RulebookError]:
    """A rulebook is stored as JSON, which has no infinity, and its readers accept no larger whole number."""
    if isinstance(value, float) and not isfinite(value):
        yield RulebookError(key, "Must be a finite number; leave a bound out where there is none.")
    if isinstance(value, int) and abs(value) > MAX_NUMBER:
        yield RulebookError(key, f"Must be a whole number from -{MAX_NUMBER} to {MAX_NUMBER}.")


def _of_tiers(badge: Badge, key: str) -> Iterator[RulebookError]:
    if not badge.tiers:
        return
    if isinstance(badge.criterion, AllOf | AnyOf):
        yield RulebookError(f"{key}.tiers", "Needs a criterion with one target, not one of all or any.")
        return
    below = badge.criterion.target
    for number, tier in enumerate(badge.tiers):
        if tier.target <= below:
            yield RulebookError(f"{key}.tiers[{number}].target", f"Must be more than that of the tier below, {below}.")
        if tier.description is None and TARGET not in badge.description:
            yield RulebookError(
                f"{key}.tiers[{number}]",
                f"Lacks a description of its own; or write {TARGET} in the badge's where its target belongs.",
            )
        for language, text in badge.descriptions.items():
            if tier.description is None and language not in tier.descriptions and TARGET not in text:
                yield RulebookError(f"{key}.descriptions.{language}", f"Must hold {TARGET}, since tiers share it.")
        below = tier.target


def _of_window(badge: Badge, key: str) -> Iterator[RulebookError]:
    if badge.from_day is None and badge.until_day is None:
        return
    if badge.from_day is not None and badge.until_day is not None and badge.until_day < badge.from_day:
        yield RulebookError(f"{key}.until", "Must not be before from.")
    for at, leaf in leaves(badge.criterion, f"{key}.criterion"):
        if not isinstance(leaf, Count | Distinct | Sum):
            # Points, levels and streaks are those of all time. Their value on a day would depend on which events had
            # arrived by then.
            yield RulebookError(
                f"{at}.kind", "Cannot be measured between from and until; count, distinct and sum of events can."
            )


def _of_repeat(badge: Badge, key: str) -> Iterator[RulebookError]:
    if badge.repeat is None:
        return
    if not isinstance(badge.criterion, Count | Distinct | Sum):
        # Points, levels, streaks and badges are those of all time: no period has its own.
        yield RulebookError(
            f"{key}.repeat",
            "Needs a criterion of kind count, distinct or sum: only these are measured anew in each period.",
        )
    elif badge.criterion.per is not None:
        yield RulebookError(
            f"{key}.criterion.per", "Must be left out: repeat already says within what the events count."
        )


def _of_required(badge: Badge, key: str, known: Collection[str], repeated: Collection[str]) -> Iterator[RulebookError]:
    for number, required in enumerate(badge.requires):
        if required not in known:
            yield RulebookError(
                f"{key}.requires[{number}]", unknown_name(required, sorted(known), of=f"There is no badge {required!r}")
            )
        if required in repeated:
            yield RulebookError(
                f"{key}.requires[{number}]",
                f"The badge {required!r} may be earned again (repeat); name one that is earned once.",
            )
