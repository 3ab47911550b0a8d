"""A rulebook's rules for streaks: the `[streak]` table. `streak_count.py` counts days by it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType, field

from laurels.errors import RulebookError

Unit = Literal["day", "week"]

_LONGEST_PAUSE = 365


class Minimum(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """The minimum for a day to count: this many events, and this many points of events."""

    events: Annotated[int, Meta(ge=1, le=10_000)] = 1
    points: Annotated[int, Meta(ge=0, le=1_000_000)] = 0


class Freezes(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """The missed days that a streak survives: `initial` missed days (or weeks) from its start, and one more for `every`
    that count in it, but never more than `cap` in store."""

    initial: Annotated[int, Meta(ge=0, le=100)] = 0
    every: Annotated[int, Meta(ge=1, le=1_000)] | UnsetType = UNSET
    cap: Annotated[int, Meta(ge=1, le=100)] | UnsetType = UNSET


class Pause(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Days on which nobody need be active; `from` and `until` in the file, both included."""

    from_day: date = field(name="from")
    until_day: date = field(name="until")
    name: Annotated[str, Meta(max_length=100)] = ""


class RepairRules(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A missed day (or week) may be repaired for `price` points, until `within` days after it."""

    within: Annotated[int, Meta(ge=1, le=30)]
    price: Annotated[int, Meta(ge=1, le=1_000_000)]


class OwnPauses(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """How many `days` of a calendar year a learner may pause by their own plan."""

    days: Annotated[int, Meta(ge=1, le=366)]


class StreakRules(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """How streaks are counted. `days` is the number of days that a week needs if streaks are counted `per` week;
    `grace` is the number of hours after midnight that still belong to the day before."""

    per: Unit = "day"
    days: Annotated[int, Meta(ge=1, le=7)] = 1
    minimum: Minimum = Minimum()
    grace: Annotated[int, Meta(ge=0, le=12)] = 0
    freezes: Freezes = Freezes()
    pauses: Annotated[list[Pause], Meta(max_length=200)] = []
    own_pauses: OwnPauses | None = None
    repair: RepairRules | None = None


def streak_faults(rules: StreakRules) -> Iterator[RulebookError]:
    """Every value that contradicts another one."""
    if rules.per == "day" and rules.days != 1:
        yield RulebookError("streak.days", 'Counts the days that a week needs; write per = "week" with it.')
    freezes = rules.freezes
    if freezes.every is UNSET and freezes.cap is not UNSET:
        yield RulebookError("streak.freezes.cap", "Limits what is earned; write every with it, or leave it out.")
    if freezes.every is not UNSET and freezes.cap is UNSET:
        yield RulebookError("streak.freezes.every", "Needs a cap beside it: how many freezes a streak may hold.")
    if freezes.cap is not UNSET and freezes.cap < freezes.initial:
        yield RulebookError("streak.freezes.cap", f"Must be at least initial, which is {freezes.initial}.")
    for number, pause in enumerate(rules.pauses):
        key = f"streak.pauses[{number}].until"
        if pause.until_day < pause.from_day:
            yield RulebookError(key, "Must not be before from.")
        elif (pause.until_day - pause.from_day).days > _LONGEST_PAUSE:
            yield RulebookError(key, f"Must lie at most {_LONGEST_PAUSE} days after from; write a shorter pause.")
