"""What callers ask of the ledger: each command decides, on a progress that is up to date, what entry it makes."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from msgspec import Struct
from uuid_utils import uuid7

from laurels.domain.engine import advance
from laurels.domain.events import LearningEvent, is_same_content
from laurels.domain.ledger import Entry, EventRecorded, ProfileChanged
from laurels.domain.progress import Progress
from laurels.domain.rulebook import Rulebook
from laurels.errors import EventConflict, LaurelsError


class Recorded(Struct, frozen=True):
    """An event that stands in the ledger. `is_replay`: it stood there before, and nothing was changed."""

    entry: Entry
    is_replay: bool

    @property
    def fact(self) -> EventRecorded:
        """What was recorded, with its outcome."""
        assert isinstance(self.entry.fact, EventRecorded)  # noqa: S101  only events make a Recorded
        return self.entry.fact


Result = Recorded | Progress | LaurelsError


class Group:
    """Commands that one caller handed in together; `done` is set when each has its result."""

    def __init__(self, size: int) -> None:
        self.results: list[Result | None] = [None] * size
        self.open = size
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def settle(self, index: int, result: Result) -> None:
        self.results[index] = result
        self.open -= 1
        if not self.open and not self.done.done():
            self.done.set_result(None)


class RecordEvent:
    """Record an event that has passed `check_event` and happened at the instant `at`."""

    __slots__ = ("at", "event", "event_id", "group", "index", "key", "user_id")

    def __init__(self, event: LearningEvent, at: int, group: Group, index: int) -> None:
        self.event = event
        self.at = at
        self.group = group
        self.index = index
        self.user_id = event.user_id
        self.event_id = event.event_id or str(uuid7())
        # An id made here is new by construction: there is nothing to look up.
        self.key = (event.user_id, event.event_id) if event.event_id else None

    def replay(self, entry: Entry) -> Result:
        """The answer when the event id stands in the ledger already."""
        fact = entry.fact
        if isinstance(fact, EventRecorded) and is_same_content(
            self.event, event_type=fact.event_type, metadata=fact.metadata, at=fact.at
        ):
            return Recorded(entry, is_replay=True)
        return EventConflict(self.user_id, self.event_id)

    def decide(self, progress: Progress, rulebook: Rulebook, now: int) -> Entry:
        """Advance the progress and return the entry that says so."""
        outcome = advance(progress, self.event, self.at, rulebook)
        fact = EventRecorded(
            event_type=self.event.event_type,
            at=self.at,
            outcome=outcome,
            metadata=self.event.metadata,
            daily_streak=progress.daily_streak(now),
        )
        entry = Entry(self.user_id, progress.seq + 1, self.event_id, now, fact)
        progress.stamp(entry.seq, now, fact)
        return entry


class ChangeProfile:
    """Set fields of a profile, by wire name; the result is a copy of the progress after it."""

    __slots__ = ("changes", "group", "index", "key", "user_id")

    def __init__(self, user_id: str, changes: Mapping[str, Any], group: Group, index: int) -> None:
        self.user_id = user_id
        self.changes = changes
        self.group = group
        self.index = index
        self.key = None

    def decide(self, progress: Progress, rulebook: Rulebook, now: int) -> Entry | None:
        """Apply the fields that differ; None where there is nothing to write."""
        del rulebook
        held = {
            "displayName": progress.display_name,
            "photoURL": progress.photo_url,
            "timeZone": progress.time_zone,
            "preferences": progress.preferences,
        }
        changes = {name: value for name, value in self.changes.items() if held[name] != value}
        if not changes and progress.seq:
            return None
        zone_from = None
        if "timeZone" in changes and progress.events:
            # Changing the zone moves no day that was counted, and clocks of two machines may differ a little.
            zone_from = max(now, progress.zones[-1][0] if progress.zones else 0)
        fact = ProfileChanged(changes, zone_from)
        progress.set_profile(fact)
        entry = Entry(self.user_id, progress.seq + 1, None, now, fact)
        progress.stamp(entry.seq, now, fact)
        return entry


Command = RecordEvent | ChangeProfile
