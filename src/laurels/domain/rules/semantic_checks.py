"""Checks that the shape of a rulebook cannot express: duplicate ids, unknown zones, targets that do not rise."""

from __future__ import annotations

import re
from collections.abc import Sequence
from math import isfinite

from laurels.domain.periods import is_zone
from laurels.domain.rules.badges.criteria import AllOf, AnyOf, Condition, Count, Distinct, Level, Range, Sum, leaves
from laurels.domain.rules.badges.tiers import TARGET, Placed
from laurels.domain.rules.boosts import check_boosts
from laurels.domain.rules.currencies import check_currencies
from laurels.domain.rules.levels import check_levels
from laurels.domain.rules.rulebook_data import Badge, RulebookData
from laurels.domain.rules.streak_rules import check_streak
from laurels.errors import RulebookError
from laurels.validation import unknown_name

# The largest range of whole numbers that a double-precision float holds exactly.
MAX_NUMBER = 2**53
_IDENTIFIER = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}").fullmatch


def check_consistency(data: RulebookData, badges: Sequence[Placed]) -> None:
    """Raise RulebookError for the first inconsistency. `badges` are the expanded badges of the data."""
    if not is_zone(data.boards.zone):
        raise RulebookError(
            "boards.zone", f"{data.boards.zone!r} is not the name of an IANA time zone, such as Europe/Lisbon."
        )
    check_levels(data.levels, "levels")
    if data.streak is not None:
        check_streak(data.streak)
    for name, event_type in data.event_types.items():
        for number, bonus in enumerate(event_type.bonuses):
            _check_number(f"event_types.{name}.bonuses[{number}].above", bonus.above)
    check_boosts(data.boosts, data.event_types)
    for name, boost in data.boosts.items():
        for condition in boost.where.values():
            _check_condition(f"boosts.{name}.where", condition)
    for position, badge in enumerate(data.badges):
        _check_tiers(badge, f"badges[{position}]")
        _check_window(badge, f"badges[{position}]")
        _check_repeat(badge, f"badges[{position}]")
    seen: set[str] = set()
    repeated = {placed.badge.id for placed in badges if placed.badge.repeat is not None}
    for placed in badges:
        badge = placed.badge
        if badge.id in seen:
            raise RulebookError(
                f"{placed.key}.id", f"The badge id {badge.id!r} is used twice; give each badge its own."
            )
        if _IDENTIFIER(badge.id) is None:
            raise RulebookError(
                f"{placed.key}.id",
                f"Makes the badge id {badge.id!r}, which must have at most 64 characters; shorten that of the badge.",
            )
        seen.add(badge.id)
        _check_criterion(placed, data)
    for position, badge in enumerate(data.badges):
        _check_required(badge, f"badges[{position}]", seen, repeated)
    check_currencies(data.currencies, data.event_types, seen)


def _check_criterion(placed: Placed, data: RulebookData) -> None:
    for key, leaf in leaves(placed.badge.criterion, placed.criterion_key):
        if isinstance(leaf, Count | Distinct | Sum):
            for condition in leaf.where.values():
                _check_condition(f"{key}.where", condition)
        if isinstance(leaf, Level) and data.levels.start_of(leaf.target) is None:
            raise RulebookError(
                f"{key}.target", "Asks for a level past the last one; ask for a lower one, or add starts."
            )


def _check_condition(key: str, condition: Condition) -> None:
    if isinstance(condition, Range):
        values = [bound for bound in (condition.min, condition.max) if bound is not None]
    else:
        values = condition if isinstance(condition, list) else [condition]
    for value in values:
        _check_number(key, value)


def _check_number(key: str, value: object) -> None:
    """A rulebook is stored as JSON, which has no infinity, and its readers accept no larger whole number."""
    if isinstance(value, float) and not isfinite(value):
        raise RulebookError(key, "Must be a finite number; leave a bound out where there is none.")
    if isinstance(value, int) and abs(value) > MAX_NUMBER:
        raise RulebookError(key, f"Must be a whole number from -{MAX_NUMBER} to {MAX_NUMBER}.")


def _check_tiers(badge: Badge, key: str) -> None:
    if not badge.tiers:
        return
    if isinstance(badge.criterion, AllOf | AnyOf):
        raise RulebookError(f"{key}.tiers", "Needs a criterion with one target, not one of all or any.")
    below = badge.criterion.target
    for number, tier in enumerate(badge.tiers):
        if tier.target <= below:
            raise RulebookError(f"{key}.tiers[{number}].target", f"Must be more than that of the tier below, {below}.")
        if tier.description is None and TARGET not in badge.description:
            raise RulebookError(
                f"{key}.tiers[{number}]",
                f"Lacks a description of its own; or write {TARGET} in the badge's where its target belongs.",
            )
        for language, text in badge.descriptions.items():
            if tier.description is None and language not in tier.descriptions and TARGET not in text:
                raise RulebookError(f"{key}.descriptions.{language}", f"Must hold {TARGET}, since tiers share it.")
        below = tier.target


def _check_window(badge: Badge, key: str) -> None:
    if badge.from_day is None and badge.until_day is None:
        return
    if badge.from_day is not None and badge.until_day is not None and badge.until_day < badge.from_day:
        raise RulebookError(f"{key}.until", "Must not be before from.")
    for at, leaf in leaves(badge.criterion, f"{key}.criterion"):
        if not isinstance(leaf, Count | Distinct | Sum):
            # Points, levels and streaks are those of all time. Their value on a day would depend on which events had
            # arrived by then.
            raise RulebookError(
                f"{at}.kind", "Cannot be measured between from and until; count, distinct and sum of events can."
            )


def _check_repeat(badge: Badge, key: str) -> None:
    if badge.repeat is None:
        return
    if not isinstance(badge.criterion, Count | Distinct | Sum):
        # Points, levels, streaks and badges are those of all time: no period has its own.
        raise RulebookError(
            f"{key}.repeat",
            "Needs a criterion of kind count, distinct or sum: only these are measured anew in each period.",
        )
    if badge.criterion.per is not None:
        raise RulebookError(
            f"{key}.criterion.per", "Must be left out: repeat already says within what the events count."
        )


def _check_required(badge: Badge, key: str, known: set[str], repeated: set[str]) -> None:
    for number, required in enumerate(badge.requires):
        if required not in known:
            raise RulebookError(
                f"{key}.requires[{number}]", unknown_name(required, sorted(known), of=f"There is no badge {required!r}")
            )
        if required in repeated:
            raise RulebookError(
                f"{key}.requires[{number}]",
                f"The badge {required!r} may be earned again (repeat); name one that is earned once.",
            )
