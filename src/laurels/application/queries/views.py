"""The results of reads: documents in the shape that every surface shows, with the field names of the wire.

Instants are ISO 8601 in UTC with milliseconds and `Z`, days `YYYY-MM-DD`, fractions from 0.0 to 1.0.
"""

from __future__ import annotations

from typing import Any, Literal

from msgspec import UNSET, Struct, UnsetType, field

from laurels.application.queries.goal_views import Goal, GoalRecord
from laurels.domain.ledger.entries import Boosted, Unpaid
from laurels.domain.rules.badges.criteria import Criterion, Repeat
from laurels.domain.rules.levels import LevelProgress
from laurels.domain.rules.streak_rules import Unit


class Document(Struct, frozen=True, rename="camel", kw_only=True):
    """A whole answer. Clients read `success` before anything else. `stale`: the database is away, and this is the last
    known answer."""

    success: Literal[True] = True
    stale: Literal[True] | UnsetType = UNSET


class Rarity(Struct, frozen=True):
    """How many learners hold a badge, and their share of those who could have earned it, from 0.0 to 1.0."""

    count: int
    share: float


class BadgeView(Struct, frozen=True, rename="camel", kw_only=True):
    """A badge that a user holds.

    If the badge may be earned again, each award has its `period`, such as `2026-W48`. If its awards are shown as one,
    `count` is their number, `points` are their sum, `earned_at` is the first time and `last_earned_at` the last.

    `held` is set if the answer is about the present; it is None while there are too few learners to say. The awards of
    an event are shown as they were, without it. `currencies` is set if the badge gave any.
    """

    badge_id: str
    name: str
    description: str
    icon: str
    category: str
    rarity: str
    points: int
    earned_at: str
    held: Rarity | UnsetType | None = UNSET
    period: str | UnsetType = UNSET
    count: int | UnsetType = UNSET
    last_earned_at: str | UnsetType = UNSET
    currencies: dict[str, int] | UnsetType = UNSET


class BadgeStateView(Struct, frozen=True, rename="camel", kw_only=True):
    """A badge of the rulebook and one user's progress towards it. `earned_at` is None while it is open.

    `hidden` is set while the badge is secret: name, text and progress are then those of any hidden badge. For a badge
    that may be earned again in each week or month, `repeat` says so and `count` is how often it was earned. Then
    `points` are the sum of all its awards, `earned_at` is the first time and `last_earned_at` the last, and progress is
    that of the present week or month.
    """

    badge_id: str
    name: str
    description: str
    icon: str
    category: str
    rarity: str
    points: int
    earned: bool
    earned_at: str | None
    current: float
    target: int
    fraction: float
    held: Rarity | None
    hidden: Literal[True] | UnsetType = UNSET
    repeat: Repeat | UnsetType = UNSET
    count: int | UnsetType = UNSET
    last_earned_at: str | UnsetType = UNSET


class BadgeDefinitionView(Struct, frozen=True, rename="camel", kw_only=True):
    """A badge as the rulebook defines it.

    `requires` are the badges that must be held first; `from` and `until` the first and the last local day whose events
    count; `tiers` the ids of all tiers of its rule, the lowest first; `repeat` says that it may be earned again, once
    in each week or month. Each is set only if the rulebook defines it. For a `hidden` badge neither name nor text is
    shown, and its criterion is null.
    """

    badge_id: str
    name: str
    description: str
    icon: str
    category: str
    rarity: str
    points: int
    criterion: Criterion | None
    held: Rarity | None
    hidden: Literal[True] | UnsetType = UNSET
    requires: list[str] | UnsetType = UNSET
    from_day: str | UnsetType = field(default=UNSET, name="from")
    until_day: str | UnsetType = field(default=UNSET, name="until")
    tiers: list[str] | UnsetType = UNSET
    repeat: Repeat | UnsetType = UNSET


class EventView(Struct, frozen=True, rename="camel", kw_only=True):
    """A recorded event. The typed fields repeat the values in `metadata`, and are None without them.

    `unpaid` is set if the event brought fewer points than its type pays, and says why; `boost` is set if a boost
    multiplied its points, and says how many it added; `currencies` is set if it gave any, with the amount of each.
    """

    event_id: str
    user_id: str
    event_type: str
    language: str | None
    code_length: int | None
    session_duration: float | None
    points: int
    metadata: dict[str, Any]
    timestamp: str
    once_key: str | UnsetType = UNSET
    unpaid: Unpaid | UnsetType = UNSET
    boost: Boosted | UnsetType = UNSET
    currencies: dict[str, int] | UnsetType = UNSET


class ProgressView(Struct, frozen=True, rename="camel"):
    """The user's state right after an event."""

    total_points: int
    level: int
    leveled_up: bool
    daily_streak: int


class RecordedView(Document, frozen=True, rename="camel", kw_only=True):
    """The answer to a recorded event; a replay gets the same answer as the first time."""

    event: EventView
    new_badges: list[BadgeView]
    progress: ProgressView


class QueuedEventView(Struct, frozen=True, rename="camel", kw_only=True):
    """An event that waits to be recorded. Its points are decided when it is recorded."""

    event_id: str
    user_id: str
    event_type: str
    language: str | None
    code_length: int | None
    session_duration: float | None
    points: None = None
    metadata: dict[str, Any]
    timestamp: str
    once_key: str | UnsetType = UNSET


class KnownEventView(Struct, frozen=True, rename="camel", kw_only=True):
    """An event wherever it is: in the ledger, or waiting to be recorded. `points` are None until they are decided."""

    event_id: str
    user_id: str
    event_type: str
    language: str | None
    code_length: int | None
    session_duration: float | None
    points: int | None
    metadata: dict[str, Any]
    timestamp: str
    once_key: str | UnsetType = UNSET
    unpaid: Unpaid | UnsetType = UNSET
    boost: Boosted | UnsetType = UNSET
    currencies: dict[str, int] | UnsetType = UNSET


QUEUED = (
    "The database is away. The event is safe on this server's disk and is recorded, once, when the database is back: "
    "what it brings is decided then, or stands already if it was recorded before."
)
"""Why an answer shows no points."""


class QueuedView(Struct, frozen=True, rename="camel", kw_only=True):
    """The answer to an event that is safe on the server's disk and will be recorded when the database is back.

    `reason` says why it shows no points; it is also set for an event that may have been recorded before.
    """

    success: Literal[True] = True
    queued: Literal[True] = True
    reason: str = QUEUED
    event: QueuedEventView
    new_badges: list[BadgeView] = []


class PauseView(Struct, frozen=True, kw_only=True):
    """A pause that a learner has planned, both days included."""

    from_day: str = field(name="from")
    until: str


class UserView(Struct, frozen=True, rename="camel", kw_only=True):
    """A user. `badges` are ids in the order of award. Without a name of their own (`has_name`) they are shown under one
    that gives no id away. `goals` are their targets, by goal."""

    user_id: str
    display_name: str
    has_name: bool
    photo_url: str | None = field(name="photoURL")
    total_points: int
    level: int
    badges: list[str]
    last_active_at: str | None
    created_at: str
    time_zone: str
    preferences: dict[str, Any] | UnsetType = UNSET
    visibility: str | UnsetType = UNSET
    alias: str | UnsetType | None = UNSET
    badges_seen_at: str | UnsetType | None = UNSET
    pauses: list[PauseView] | UnsetType = UNSET
    goals: dict[str, int] | UnsetType = UNSET
    merged_into: str | UnsetType = UNSET


class TypeStats(Struct, frozen=True):
    """Number and points of the events of one type."""

    count: int
    points: int


class LanguageCount(Struct, frozen=True):
    """The number of events that named a language. `_id` repeats the language for pages that key on it."""

    id: str = field(name="_id")
    language: str
    count: int


class NextBadge(Struct, frozen=True, rename="camel"):
    """An open badge that is nearly earned."""

    badge_id: str
    name: str
    current: float
    target: int
    fraction: float


class RepairableView(Struct, frozen=True, rename="camel", kw_only=True):
    """Missed days that the learner may repair now, for `price` points each; a missed week is given by its first day."""

    price: int
    days: list[str]


class StreakView(Struct, frozen=True, rename="camel", kw_only=True):
    """How streaks are counted: `per` day or week. `freezes`: how many of these the learner's streak may still miss; set
    if the rulebook gives any. `repair` is set while something can be repaired."""

    per: Unit
    freezes: int | UnsetType = UNSET
    repair: RepairableView | UnsetType = UNSET


class CurrencyView(Struct, frozen=True, rename="camel", kw_only=True):
    """A user's balance in a currency. `level` is set if the currency has levels, which depend on the amount earned;
    `owed` is set if amounts were taken back that had been spent: that much of later earnings cannot be spent."""

    name: str
    balance: int
    earned: int
    spent: int
    level: int | UnsetType = UNSET
    owed: int | UnsetType = UNSET


class Dashboard(Document, frozen=True, rename="camel", kw_only=True):
    """All that a learner's own page shows. Weekly and monthly: the last 7 and 30 local days, today included. `streak`
    is there where the rulebook has rules for streaks of its own; streaks per week are numbers of weeks. `currencies`
    are there where the rulebook has any, `goals` where the learner has any."""

    user: UserView
    total_events: int
    monthly_events: int
    weekly_events: int
    daily_streak: int
    longest_streak: int
    streak: StreakView | UnsetType = UNSET
    event_stats: dict[str, TypeStats]
    top_languages: list[LanguageCount]
    badges: list[BadgeView]
    new_badges: list[BadgeView]
    level_progress: LevelProgress
    next_badges: list[NextBadge]
    currencies: dict[str, CurrencyView] | UnsetType = UNSET
    goals: list[Goal] | UnsetType = UNSET


class Goals(Document, frozen=True, kw_only=True):
    """All goals that a learner has or had."""

    goals: list[GoalRecord]


class ActivityDay(Struct, frozen=True):
    """A local day with its number of events and their points (badges not included). A day with a `state` did not count
    for the streak but did not break it: a freeze was used for it, a pause was planned, or it was repaired for
    points."""

    date: str
    events: int
    points: int
    state: Literal["frozen", "paused", "repaired"] | UnsetType = UNSET


class Activity(Document, frozen=True, rename="camel", kw_only=True):
    """The days with activity or a state in a range, in order. `time_zone` is the user's present one."""

    time_zone: str
    days: list[ActivityDay]

    @property
    def active_days(self) -> int:
        """The number of days with events."""
        return sum(day.events > 0 for day in self.days)


class ExportSummary(Struct, frozen=True, rename="camel", kw_only=True):
    """The totals of an export."""

    total_events: int
    total_points: int
    level: int
    daily_streak: int
    longest_streak: int
    badge_count: int


class ExportedBadge(Struct, frozen=True, rename="camel", kw_only=True):
    """A badge held, as an export shows it; see `BadgeView`."""

    name: str
    description: str
    category: str
    rarity: str
    points: int
    earned_at: str
    count: int | UnsetType = UNSET
    last_earned_at: str | UnsetType = UNSET


class Export(Document, frozen=True, rename="camel", kw_only=True):
    """A learner's whole progress in one document."""

    user: UserView
    summary: ExportSummary
    event_stats: dict[str, TypeStats]
    top_languages: list[LanguageCount]
    badges: list[ExportedBadge]
    currencies: dict[str, CurrencyView] | UnsetType = UNSET
    activity: list[ActivityDay]
    generated_at: str
