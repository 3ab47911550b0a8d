"""The results of the library: plain values with Python's names, `datetime` and `date`.

The service answers in the terms of the wire; `laurels.library.conversions` converts its answers.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, Literal, TypeVar

from msgspec import Struct, field

from laurels.application.queries.goal_views import Goal
from laurels.application.queries.learners.history import HistoryEvent
from laurels.application.queries.views import NextBadge, TypeStats
from laurels.domain.boards.ranking import Visibility
from laurels.domain.ledger.entries import Boosted, Unpaid
from laurels.domain.periods import Timeframe
from laurels.domain.rules.badges.criteria import Repeat
from laurels.domain.rules.levels import LevelProgress

T = TypeVar("T", bound=Struct)


class Rarity(Struct, frozen=True):
    """How many learners hold a badge, and their share of all counted learners, from 0.0 to 1.0."""

    count: int
    share: float


class EarnedBadge(Struct, frozen=True, kw_only=True, rename="camel"):
    """A badge that a user holds. `earned_at` is the instant of the event that met its criterion; `held` is None if
    there are too few learners to say, and in the badges of a recorded event.

    If the badge may be earned again, each award has its `period`, such as `2026-W48`. If its awards are shown as one,
    `count` is their number, `points` are their sum, `earned_at` is the first time and `last_earned_at` the last.
    `currencies` is the amount of each currency that the badge gave.
    """

    badge_id: str
    name: str
    description: str
    icon: str
    category: str
    rarity: str
    points: int
    earned_at: datetime
    held: Rarity | None = None
    period: str | None = None
    count: int | None = None
    last_earned_at: datetime | None = None
    currencies: dict[str, int] = {}


class BadgeProgress(Struct, frozen=True, kw_only=True, rename="camel"):
    """A badge of the rulebook and one user's progress towards it; `earned_at` is None while it is open.

    `is_hidden`: its details are secret until it is earned. For a badge that may be earned again in each week or month,
    `repeat` says so and `count` is how often it was earned. Then `points` are the sum of all its awards, `earned_at` is
    the first time and `last_earned_at` the last, and progress is that of the present week or month.
    """

    badge_id: str
    name: str
    description: str
    icon: str
    category: str
    rarity: str
    points: int
    earned: bool
    earned_at: datetime | None
    current: float
    target: int
    fraction: float
    held: Rarity | None
    is_hidden: bool = field(name="hidden", default=False)
    repeat: Repeat | None = None
    count: int | None = None
    last_earned_at: datetime | None = None


class Recorded(Struct, frozen=True, kw_only=True):
    """An event in the ledger, and its outcome.

    `points` are those of the event itself; `badges` are those that it earned, with their own points in `total_points`.
    `total_points`, `level` and `daily_streak` are the values after it. `unpaid` says why the event brought fewer points
    than its type pays, if it did; `boost` which boost multiplied them and how many it added; `currencies` the amount of
    each that the event gave. `is_replay`: the event was there before, and nothing was changed.
    """

    user_id: str
    event_id: str
    event_type: str
    timestamp: datetime
    points: int
    badges: list[EarnedBadge]
    total_points: int
    level: int
    leveled_up: bool
    daily_streak: int
    unpaid: Unpaid | None
    boost: Boosted | None
    currencies: dict[str, int] = {}
    is_replay: bool
    is_queued: Literal[False] = False


class Queued(Struct, frozen=True, kw_only=True):
    """An event that is safe on this machine's disk and will be recorded, once, when the database is back.

    Its outcome is decided then: here its numbers are None.
    """

    user_id: str
    event_id: str
    event_type: str
    timestamp: datetime
    points: None = None
    badges: list[EarnedBadge] = []
    total_points: None = None
    level: None = None
    leveled_up: Literal[False] = False
    daily_streak: None = None
    unpaid: None = None
    boost: None = None
    currencies: dict[str, int] = {}
    is_replay: Literal[False] = False
    is_queued: Literal[True] = True


class User(Struct, frozen=True, kw_only=True, rename="camel"):
    """A user. `badges` are ids in the order of award; `last_active_at` is None without an event."""

    user_id: str
    display_name: str
    has_name: bool
    photo_url: str | None = field(name="photoURL")
    total_points: int
    level: int
    badges: list[str]
    last_active_at: datetime | None
    created_at: datetime
    time_zone: str


class PlannedPause(Struct, frozen=True):
    """Days on which a user plans not to learn, both included."""

    first: date = field(name="from")
    last: date = field(name="until")


class Profile(User, frozen=True, kw_only=True, rename="camel"):
    """A user with all that they can set. `visibility` says how they appear on boards; `goals` are targets by goal, such
    as `pointsPerWeek`."""

    preferences: dict[str, Any]
    visibility: Visibility
    alias: str | None
    badges_seen_at: datetime | None
    pauses: list[PlannedPause] = []
    goals: dict[str, int] = {}


class LanguageCount(Struct, frozen=True, kw_only=True):
    """The number of events that named a language."""

    language: str
    count: int


class Repairable(Struct, frozen=True, kw_only=True):
    """Missed days that can be repaired now, for `price` points each; a missed week is given by its first day."""

    price: int
    days: list[date]


class Streak(Struct, frozen=True, kw_only=True):
    """How streaks are counted: `per` day or week. `freezes`: how many of these the streak may still miss; None if the
    rulebook gives none. `repair` is None if nothing can be repaired now."""

    per: Literal["day", "week"]
    freezes: int | None = None
    repair: Repairable | None = None


class Repaired(Struct, frozen=True, kw_only=True, rename="camel"):
    """A repair of a streak: the days from `first` to `last` no longer break it; it cost `points`. `badges` are those
    that the longer streak brought; `total_points`, `level` and `daily_streak` are the values after it. `is_replay`: it
    was repaired before, and nothing was changed."""

    user_id: str
    first: date
    last: date
    points: int
    badges: list[EarnedBadge]
    total_points: int
    level: int
    daily_streak: int
    is_replay: bool = False


class Currency(Struct, frozen=True, kw_only=True):
    """A user's balance in a currency. `level` is None if the currency has no levels; `owed` is the amount taken back
    after it had been spent: that much of later earnings cannot be spent."""

    name: str
    balance: int
    earned: int
    spent: int
    level: int | None = None
    owed: int = 0


class Spending(Struct, frozen=True, kw_only=True, rename="camel"):
    """An amount of a currency that was spent; `balance` is the amount left after it. `is_replay`: it was spent before,
    and nothing was changed."""

    user_id: str
    spending_id: str
    currency: str
    amount: int
    balance: int
    reason: str
    spent_at: datetime
    is_replay: bool = False


class Dashboard(Struct, frozen=True, kw_only=True, rename="camel"):
    """Everything that a learner's own page shows. Weekly and monthly: the last 7 and 30 local days, today included.

    `new_badges` were earned in the last 24 hours, or since the given instant. `streak` is None if the rulebook has no
    rule for streaks; streaks per week are numbers of weeks. `is_stale`: the database is away, and this is the last
    known state.
    """

    user: User
    total_events: int
    monthly_events: int
    weekly_events: int
    daily_streak: int
    longest_streak: int
    streak: Streak | None = None
    event_stats: dict[str, TypeStats]
    top_languages: list[LanguageCount]
    badges: list[EarnedBadge]
    new_badges: list[EarnedBadge]
    level_progress: LevelProgress
    next_badges: list[NextBadge]
    currencies: dict[str, Currency] = {}
    goals: list[Goal] = []
    is_stale: bool = field(name="stale", default=False)


class ActivityDay(Struct, frozen=True, kw_only=True):
    """A local day with its number of events and their points (badges not included). A day with a `state` did not count
    for the streak but did not break it."""

    date: date
    events: int
    points: int
    state: Literal["frozen", "paused", "repaired"] | None = None


class Activity(Struct, frozen=True, kw_only=True, rename="camel"):
    """The days with activity or a state in a range, in order. `time_zone` is the user's present one."""

    time_zone: str
    days: list[ActivityDay]
    is_stale: bool = field(name="stale", default=False)


class LeaderboardRow(Struct, frozen=True, kw_only=True, rename="camel"):
    """One user on a board. `points` were earned in its period, `total_points` ever.

    `previous_rank` is the rank in the period before; None for users without one, and on the all-time board.
    """

    rank: int
    previous_rank: int | None
    user_id: str
    display_name: str
    has_name: bool
    photo_url: str | None = field(name="photoURL")
    points: int
    total_points: int
    level: int
    currency_level: int | None = None
    badges: list[str]
    last_active_at: datetime | None


class Leaderboard(Struct, frozen=True, kw_only=True, rename="camel"):
    """A page of a board. `total` counts the users on it; `next` is the cursor of the next page, None at the end."""

    timeframe: Timeframe
    period: str
    language: str | None = None
    currency: str | None = None
    rows: list[LeaderboardRow] = field(name="leaderboard")
    total: int
    next: str | None
    is_stale: bool = field(name="stale", default=False)


class Rank(Struct, frozen=True, kw_only=True, rename="camel"):
    """One user's place on a board. All but `of` are None for a user who is not on it.

    `percentile` ranges from 0 to 100; `points_to_next` is the number of points missing to equal the next higher total,
    None for the first.
    """

    timeframe: Timeframe
    period: str
    language: str | None = None
    currency: str | None = None
    rank: int | None
    of: int
    points: int | None
    percentile: float | None
    points_to_next: int | None
    is_stale: bool = field(name="stale", default=False)


class HistoryEntry(Struct, frozen=True, kw_only=True, rename="camel"):
    """One line of a user's ledger. `points` and the points of `badges`, summed over all lines, are the user's total.

    `kind` is event, profile, migration, award, repair, revocation, retraction, spending, repoint, merged-into or
    merged-from. `at` is when it happened, `recorded_at` when it was written; `event` is None where the line is of
    another kind. `currencies` is what the line added to each or took from it, with what its badges gave. `reason` is
    there where a person gave one and for a repair of a streak, with the `day` that was missed; `other_user_id` where
    another user was merged with this one; `goals` where the user set goals, None for one that they ended. `cause` says
    why an award came without an event: "backfill" under changed rules, or "grant" by hand. `event_id` is the event that
    a retraction took back, and `revoked` are the badges that it or a revocation took away; `points` has their points
    already.
    """

    seq: int
    kind: str
    at: datetime
    recorded_at: datetime
    event: HistoryEvent | None = None
    event_id: str | None = None
    points: int
    cause: str | None = None
    badges: list[EarnedBadge] = field(name="awards")
    revoked: list[EarnedBadge] = []
    currencies: dict[str, int] = {}
    spending_id: str | None = None
    reason: str | None = None
    other_user_id: str | None = None
    day: date | None = None
    goals: dict[str, int | None] = {}
