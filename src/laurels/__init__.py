"""Laurels: progress, points, badges, streaks and leaderboards on a ledger that can be checked.

    async with Laurels.open("sqlite:///laurels.db") as laurels:
        recorded = await laurels.record("ada", "code_run", {"language": "python"})

Importing this loads no web framework and no database driver.
"""

from laurels.application.recording.commands import Queued, Recorded
from laurels.bootstrap import Laurels
from laurels.domain.events import LearningEvent
from laurels.domain.periods import Timeframe
from laurels.domain.rules.rulebook import Rulebook
from laurels.errors import (
    EventConflict,
    InternalFault,
    InvalidEvent,
    InvalidInput,
    InvalidProfile,
    InvalidQuery,
    LaurelsError,
    RulebookError,
    SettingsError,
    StoreContended,
    StoreError,
    StoreIncompatible,
    StoreUnavailable,
    StoreUnreachable,
    UnknownKey,
    UnknownUser,
    UnknownWebhook,
    UserDeleted,
)
from laurels.rulebooks.loader import load_rulebook
from laurels.settings import Settings

__all__ = [
    "EventConflict",
    "InternalFault",
    "InvalidEvent",
    "InvalidInput",
    "InvalidProfile",
    "InvalidQuery",
    "Laurels",
    "LaurelsError",
    "LearningEvent",
    "Queued",
    "Recorded",
    "Rulebook",
    "RulebookError",
    "Settings",
    "SettingsError",
    "StoreContended",
    "StoreError",
    "StoreIncompatible",
    "StoreUnavailable",
    "StoreUnreachable",
    "Timeframe",
    "UnknownKey",
    "UnknownUser",
    "UnknownWebhook",
    "UserDeleted",
    "load_rulebook",
]
