"""One user's state: a fold of their ledger entries, and nothing else.

`Progress` changes in place, since it is folded (`domain/folding.py`) thousands of times a second; a caller that needs
to keep one copies it.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import pairwise
from typing import Any

from msgspec import Struct, field

from laurels.domain.boards.ranking import Visibility
from laurels.domain.goals import GoalChange, changed
from laurels.domain.ledger.amounts import Amounts, amounts_of
from laurels.domain.ledger.entries import (
    Award,
    EntryBody,
    EventRecorded,
    MergedFrom,
    MergedInto,
    ProfileChanged,
    UserMigrated,
)
from laurels.domain.ledger.pauses import Pause, pauses_of
from laurels.domain.ledger.repairs import Repair
from laurels.domain.periods import MS_PER_DAY, day_of, utc_offset
from laurels.domain.runs import streak_around

SNAPSHOT_FORMAT = 8
"""Increased when the meaning of the fields of `Progress` changes: a snapshot of another shape is ignored."""

ZONE_REST = 7 * MS_PER_DAY


Label = int | str
"""A distinct value of a measure: itself, where it is short, and else a name that no other value has."""

Part = int | set[Label]
"""What a measure holds of one day, week or month (0 where it asks for all time): an amount, or the distinct values."""


class DayTotals(Struct, array_like=True, gc=False):
    """A day's number of events and their points (badges not included), and the hours with an event, a bit each."""

    events: int = 0
    points: int = 0
    hours: int = 0


class BoardDay(Struct, array_like=True, gc=False):
    """One day of the boards' calendar: all points earned in it, its events, and when its total was reached (the latest
    instant that brought points; 0 if none did)."""

    points: int = 0
    events: int = 0
    reached_at: int = 0


class TypeTotals(Struct, array_like=True, gc=False):
    """Number and points of the events of one type."""

    count: int = 0
    points: int = 0


class DayPay(Struct, array_like=True, gc=False):
    """The number of events of one type that were paid on one day, and their points."""

    events: int = 0
    points: int = 0


class Purse(Struct, array_like=True, gc=False):
    """The amounts of a currency that a user has earned and spent. `spent` exceeds `earned` if earnings are taken back
    after they were spent. `days`, only of currencies with boards: for each day the amount earned, and the number of
    events that brought any of it."""

    earned: int = 0
    spent: int = 0
    days: dict[int, BoardDay] = {}

    @property
    def balance(self) -> int:
        """The amount that can be spent."""
        return max(0, self.earned - self.spent)

    @property
    def owed(self) -> int:
        """The amount of later earnings that cannot be spent, because it was spent before."""
        return max(0, self.spent - self.earned)


class Progress(Struct, rename="camel", kw_only=True, omit_defaults=True):
    """A user's state after `seq` entries. Days are ordinals, instants milliseconds since the epoch.

    `pseudonym` replaces the user id on the boards while `visibility` is an alias. A user whom the operator suspended
    (`is_suspended`) is on no board, whatever their visibility. `run_first` is the start of the run of consecutive
    active days that ends on `last_day`. If the rulebook has its own rules for streaks it stays 0, and `runs` is the
    state of the count after the latest day or week that counts, `runs_until`; empty while it is not known. `zones` is
    the history of time zones: (from, name), the first from the beginning of time. `migrated` holds, by origin, the sum
    of the adjustments that came with it. `language_days` is like `board_days`, but for each language with boards of its
    own, and without badges. `measure_values` and `parts` belong to the measures of the rulebook whose
    `measures_version` is `version`. So do `paid` (by type and day) and `paid_at` (the latest instants of paid events,
    ascending) of the types that it limits. `once` are the digests of all once keys that were paid for, ascending, 8
    bytes each.
    """

    user_id: str
    version: str
    seq: int = 0
    created_at: int = 0
    last_active_at: int | None = None
    events: int = 0
    total_points: int = 0
    longest_streak: int = 0
    first_day: int = 0
    last_day: int = 0
    run_first: int = 0
    types: dict[str, TypeTotals] = field(default_factory=dict[str, TypeTotals])
    languages: dict[str, int] = field(default_factory=dict[str, int])
    days: dict[int, DayTotals] = field(default_factory=dict[int, DayTotals])
    board_days: dict[int, BoardDay] = field(default_factory=dict[int, BoardDay])
    language_days: dict[str, dict[int, BoardDay]] = field(default_factory=dict[str, dict[int, BoardDay]])
    awards: dict[str, Award] = field(default_factory=dict[str, Award])
    display_name: str | None = None
    photo_url: str | None = field(default=None, name="photoURL")
    preferences: dict[str, Any] = field(default_factory=dict[str, Any])
    visibility: Visibility = Visibility.PUBLIC
    alias: str | None = None
    pseudonym: str | None = None
    is_suspended: bool = False
    zones: list[tuple[int, str]] = field(default_factory=list[tuple[int, str]])
    migrated: dict[str, int] = field(default_factory=dict[str, int])
    measure_values: dict[int, int] = field(default_factory=dict[int, int])
    parts: dict[int, dict[int, Part]] = field(default_factory=dict[int, dict[int, Part]])
    # Literals for the empty values: snapshots then leave them out.
    paid: dict[str, dict[int, DayPay]] = {}
    paid_at: dict[str, list[int]] = {}
    once: bytes = b""
    # Badges that were revoked by hand: no rule awards them again.
    revoked: list[str] = []
    runs: list[tuple[int, int]] = []
    runs_until: int = 0
    # The user into whom this one was merged; the users who were merged into this one; and those whose merge has begun.
    merged_into: str | None = None
    merged: list[str] = []
    merging: list[str] = []
    # The instant up to which the user has seen their earned badges.
    badges_seen_at: int | None = None
    # Missed days that were paid for, with their prices; `total_points` is the rest.
    repairs: list[Repair] = []
    spent: int = 0
    # The learner's planned pauses, as first and last days.
    pauses: list[Pause] = []
    # What they set themselves as goals, and from which day on, in the order of goals and days.
    goals: list[GoalChange] = []
    # By currency. The last field: packed snapshots leave it out if it is empty.
    purses: dict[str, Purse] = {}

    @property
    def part_count(self) -> int:
        """How many values `parts` hold, and days, weeks and months."""
        count = 0
        for parts in self.parts.values():
            count += len(parts)
            for held in parts.values():
                if type(held) is set:
                    count += len(held)
        return count

    @property
    def time_zone(self) -> str:
        """The present time zone."""
        return self.zones[-1][1] if self.zones else "UTC"

    def offset_at(self, at: int) -> int:
        """Seconds ahead of UTC at the instant `at`, in the zone that the user had then."""
        zones = self.zones
        if not zones:
            return 0
        for since, zone in reversed(zones):
            if at >= since:
                return utc_offset(at, zone)
        return utc_offset(at, zones[0][1])

    def today(self, now: int, grace: int = 0) -> int:
        """The user's calendar day at the instant `now`; its first `grace` hours belong to the day before."""
        return day_of(now, self.offset_at(now), grace)

    def lost_days(self, grace: int = 0) -> frozenset[int]:
        """The days that changes of zone cut short or skipped: from the user's day before the change to the day after
        it. Of changes within `ZONE_REST` only the first excuses days: otherwise a user could change the clock back and
        forth every day and never learn."""
        return _lost_days(tuple(self.zones), grace)

    @property
    def earned_points(self) -> int:
        """All points ever earned, spent or not: badges are measured by these."""
        return self.total_points + self.spent

    def fills(self, repair: Repair) -> bool:
        """Whether the repaired days count without the repair."""
        days = [self.days[day] for day in range(repair.first, repair.last + 1) if day in self.days]
        return sum(day.events >= repair.events and day.points >= repair.points for day in days) >= repair.days

    def settle_repairs(self) -> None:
        """Refund repairs whose days count without them now."""
        spent = sum(each.price for each in self.repairs if not self.fills(each))
        self.total_points += self.spent - spent
        self.spent = spent

    def daily_streak(self, now: int) -> int:
        """Length of the run of active days that ends today or yesterday, else 0. This is the streak, unless the
        rulebook has a table `[streak]` (`rules/streak_count.py`)."""
        last = self.last_day
        if not self.days or last < (today := self.today(now)) - 1:
            return 0
        if last <= today:
            return last - self.run_first + 1
        return streak_around(self.days, today)

    def stamp(self, seq: int, recorded_at: int, body: EntryBody) -> None:
        """Advance to entry `seq`. A user's creation is the time of their first entry; no later entry changes it."""
        self.seq = seq
        if not self.created_at:
            self.created_at = min(recorded_at, body.at) if isinstance(body, EventRecorded) else recorded_at

    def earn(self, given: Amounts) -> None:
        """Add earned amounts of currencies."""
        for currency, amount in given:
            self.purses.setdefault(currency, Purse()).earned += amount

    def spend(self, given: Amounts) -> None:
        """Add spent amounts of currencies."""
        for currency, amount in given:
            self.purses.setdefault(currency, Purse()).spent += amount

    @property
    def left(self) -> Amounts:
        """The balance of each currency; negative if more was spent than is earned."""
        return amounts_of({currency: purse.earned - purse.spent for currency, purse in self.purses.items()})

    def migrate(self, body: UserMigrated) -> None:
        """Fold the user's data from a migration; its points and badges are folded elsewhere."""
        self.migrated[body.origin] = self.migrated.get(body.origin, 0) + body.adjustment
        if body.created_at is not None:
            self.created_at = body.created_at
        if body.profile:
            self.set_profile(ProfileChanged(body.profile))

    def merge(self, body: MergedFrom) -> None:
        """Fold the state of a merge into this user; its badges are folded elsewhere."""
        self.merging = [each for each in self.merging if each != body.source]
        if body.stage == "begun":
            self.merging = [*self.merging, body.source]
        elif body.stage == "done":
            self.merged = [*self.merged, body.source]
        if body.revoked:
            self.revoked = sorted({*self.revoked, *body.revoked})
        if body.is_suspended:
            self.is_suspended = True
        self.spend(body.spent)
        if body.pauses:
            self.pauses = sorted({*self.pauses, *body.pauses})
            self.runs = []
        if body.goals:
            self.goals = sorted([*self.goals, *body.goals])

    def close(self, body: MergedInto) -> None:
        """Drop all contents, which count under another user from now on. Empty days of the boards are kept: their
        lines, which may have been written, are then overwritten by lines that nobody sees."""
        closed = Progress(
            user_id=self.user_id,
            version=self.version,
            seq=self.seq,
            created_at=self.created_at,
            board_days={day: BoardDay() for day in self.board_days},
            language_days={name: {day: BoardDay() for day in days} for name, days in self.language_days.items()},
            visibility=Visibility.HIDDEN,
            merged_into=body.into,
            merged=self.merged,
            purses={
                name: Purse(days={day: BoardDay() for day in purse.days})
                for name, purse in self.purses.items()
                if purse.days
            },
        )
        self.become(closed)

    def become(self, other: Progress) -> None:
        """Copy everything from another progress of the same user."""
        for name in self.__struct_fields__:
            setattr(self, name, getattr(other, name))

    def set_profile(self, body: ProfileChanged) -> None:
        """Fold the fields of a profile change."""
        changes = body.changes
        if "displayName" in changes:
            self.display_name = changes["displayName"]
        if "photoURL" in changes:
            self.photo_url = changes["photoURL"]
        if "preferences" in changes:
            self.preferences = changes["preferences"]
        if "visibility" in changes:
            self.visibility = Visibility(changes["visibility"])
        if "alias" in changes:
            self.alias = changes["alias"]
        if "pseudonym" in changes:
            self.pseudonym = changes["pseudonym"]
        if "badgesSeenAt" in changes:
            self.badges_seen_at = changes["badgesSeenAt"]
        if "suspended" in changes:
            self.is_suspended = changes["suspended"]
        if "pauses" in changes:
            self.pauses = pauses_of(changes["pauses"])
            self.runs = []
        if "goals" in changes:
            self.goals = changed(self.goals, changes["goals"], body.day)
        if "timeZone" in changes:
            if body.zone_from is None:
                self.zones = [(0, changes["timeZone"])]
            else:
                self.zones = [*(self.zones or [(0, "UTC")]), (body.zone_from, changes["timeZone"])]
            # The change may have excused days.
            self.runs = []


# Called several times for one answer, with the same result until the next change of zone.
@lru_cache(maxsize=1_024)
def _lost_days(zones: tuple[tuple[int, str], ...], grace: int) -> frozenset[int]:
    lost: set[int] = set()
    excused_at: int | None = None
    for (_, before), (at, after) in pairwise(zones):
        if excused_at is not None and at - excused_at < ZONE_REST:
            continue
        left, came = (day_of(at, utc_offset(at, zone), grace) for zone in (before, after))
        if came > left:
            lost.update(range(left, came))
            excused_at = at
    return frozenset(lost)
