"""Laurels: progress, points, badges, streaks and leaderboards on a ledger that can be checked.

    async with Laurels.open("sqlite:///laurels.db") as laurels:
        recorded = await laurels.record("ada", "code_run", language="python")
        print(recorded.points, recorded.total_points, recorded.level)

Importing this loads no web framework and no database driver.
"""

from laurels.application.queries.goal_views import Goal, GoalPeriod, GoalRecord
from laurels.application.queries.learners.history import HistoryEvent
from laurels.application.queries.views import NextBadge, TypeStats
from laurels.domain.boards.ranking import Visibility
from laurels.domain.events import LearningEvent
from laurels.domain.ledger.entries import Boosted
from laurels.domain.periods import Timeframe
from laurels.domain.rules.levels import LevelProgress
from laurels.domain.rules.rulebook import Rulebook
from laurels.errors import (
    BalanceTooLow,
    EventConflict,
    InternalFault,
    InvalidEvent,
    InvalidInput,
    InvalidProfile,
    InvalidQuery,
    LaurelsError,
    OtherRulebook,
    RepairRefused,
    RulebookError,
    SettingsError,
    SpendingConflict,
    StoreContended,
    StoreError,
    StoreIncompatible,
    StoreUnavailable,
    StoreUnreachable,
    UnknownBadge,
    UnknownEvent,
    UnknownJob,
    UnknownKey,
    UnknownUser,
    UnknownWebhook,
    UserDeleted,
    UserMerged,
)
from laurels.library import Laurels, SyncLaurels
from laurels.results import (
    Activity,
    ActivityDay,
    BadgeProgress,
    Currency,
    Dashboard,
    EarnedBadge,
    HistoryEntry,
    LanguageCount,
    Leaderboard,
    LeaderboardRow,
    PlannedPause,
    Profile,
    Queued,
    Rank,
    Rarity,
    Recorded,
    Repairable,
    Repaired,
    Spending,
    Streak,
    User,
)
from laurels.rulebooks.loader import load_rulebook
from laurels.settings import Settings

__all__ = [
    "Activity",
    "ActivityDay",
    "BadgeProgress",
    "BalanceTooLow",
    "Boosted",
    "Currency",
    "Dashboard",
    "EarnedBadge",
    "EventConflict",
    "Goal",
    "GoalPeriod",
    "GoalRecord",
    "HistoryEntry",
    "HistoryEvent",
    "InternalFault",
    "InvalidEvent",
    "InvalidInput",
    "InvalidProfile",
    "InvalidQuery",
    "LanguageCount",
    "Laurels",
    "LaurelsError",
    "Leaderboard",
    "LeaderboardRow",
    "LearningEvent",
    "LevelProgress",
    "NextBadge",
    "OtherRulebook",
    "PlannedPause",
    "Profile",
    "Queued",
    "Rank",
    "Rarity",
    "Recorded",
    "RepairRefused",
    "Repairable",
    "Repaired",
    "Rulebook",
    "RulebookError",
    "Settings",
    "SettingsError",
    "Spending",
    "SpendingConflict",
    "StoreContended",
    "StoreError",
    "StoreIncompatible",
    "StoreUnavailable",
    "StoreUnreachable",
    "Streak",
    "SyncLaurels",
    "Timeframe",
    "TypeStats",
    "UnknownBadge",
    "UnknownEvent",
    "UnknownJob",
    "UnknownKey",
    "UnknownUser",
    "UnknownWebhook",
    "User",
    "UserDeleted",
    "UserMerged",
    "Visibility",
    "load_rulebook",
]
