"""Finds criteria that decide nothing, because another one decides before them.

Such a rulebook can be used, but it hardly says what its author meant. So these are warnings, unlike badges that nobody
could earn (`reachability.py`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from msgspec.structs import replace

from laurels.domain.rules.badges.criteria import AllOf, AnyOf, Criterion
from laurels.domain.rules.rulebook_data import Badge


class Shadowed(NamedTuple):
    """A key of the file, dotted, and why its criterion decides nothing."""

    key: str
    detail: str


def shadowed_criteria(badges: Sequence[Badge]) -> Iterator[Shadowed]:
    """The criteria of badges that mean the same as that of a badge before them, and the parts of `all` and `any` that
    decide nothing."""
    for position, badge in enumerate(badges):
        key = f"badges[{position}].criterion"
        for other in badges[:position]:
            if _conditions(badge) == _conditions(other):
                yield Shadowed(key, f"Is the same as that of the badge {other.id!r}: learners earn both at once.")
                break
        yield from _of_parts(badge.criterion, key)


def _conditions(badge: Badge) -> tuple[object, ...]:
    """Everything that decides when a badge is earned."""
    return badge.criterion, badge.from_day, badge.until_day, badge.repeat, set(badge.requires)


def _of_parts(criterion: Criterion, key: str) -> Iterator[Shadowed]:
    if not isinstance(criterion, AllOf | AnyOf):
        return
    kind = "all" if isinstance(criterion, AllOf) else "any"
    for number, part in enumerate(criterion.of):
        at = f"{key}.of[{number}]"
        for earlier, other in enumerate(criterion.of):
            if earlier != number and _decides_before(other, part, kind=kind, is_earlier=earlier < number):
                yield Shadowed(at, f"Decides nothing: of[{earlier}] asks for the same, {_BECAUSE[kind]}.")
                break
        yield from _of_parts(part, at)


_BECAUSE = {"all": "and for at least as much", "any": "and for no more"}


def _decides_before(other: Criterion, part: Criterion, *, kind: str, is_earlier: bool) -> bool:
    """Whether `part` adds nothing to `other` in an `all` or an `any`; of two equal parts the later one."""
    if isinstance(part, AllOf | AnyOf) or isinstance(other, AllOf | AnyOf):
        return part == other and is_earlier
    if type(part) is not type(other) or replace(part, target=other.target) != other:
        return False
    if part.target == other.target:
        return is_earlier
    return (part.target < other.target) == (kind == "all")
