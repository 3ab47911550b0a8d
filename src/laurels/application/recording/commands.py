"""Commands to the ledger: each decides its entry from a progress that is up to date.

Each has a future of its own for the answer.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Mapping
from secrets import token_hex
from typing import Any, ClassVar, Generic, TypeVar

import msgspec
from msgspec import Struct
from msgspec.structs import replace
from uuid_utils import uuid7

from laurels.domain.boards.ranking import Visibility
from laurels.domain.currency_days import keep_days_until
from laurels.domain.engine import advance
from laurels.domain.events import FUTURE_TOLERANCE_MS, LearningEvent, is_same_content
from laurels.domain.goal_records import met_by
from laurels.domain.goals import targets_of
from laurels.domain.ledger.entries import Entry, EntryBody, EventRecorded, Notify, Outcome, ProfileChanged, Repointed
from laurels.domain.ledger.pauses import as_documents, pauses_of, planned
from laurels.domain.periods import day_of, iso, utc_offset
from laurels.domain.profiles import MOST_ZONE_CHANGES, changes_zone_too_often, instant_of
from laurels.domain.progress import BoardDay, Progress
from laurels.domain.revisions.amendments import Amendment, Crossing, backfill
from laurels.domain.rules.rulebook import Rulebook
from laurels.errors import EventConflict, InvalidProfile, LaurelsError

T = TypeVar("T")


class RecordedEntry(Struct, frozen=True):
    """An event in the ledger. `is_replay`: it was there before, and nothing was changed."""

    entry: Entry
    is_replay: bool

    @property
    def body(self) -> EventRecorded:
        """The recorded event, with its outcome."""
        assert isinstance(self.entry.body, EventRecorded)  # noqa: S101  only events make a Recorded
        return self.entry.body


class QueuedEvent(Struct, frozen=True):
    """An event that is safe on the local disk and will be recorded when the store is back.

    `event` carries the id under which it will be recorded; `at` (milliseconds) is when it happened.
    """

    event: LearningEvent
    at: int


class Command(ABC, Generic[T]):
    """One entry to be written at the end of one user's ledger.

    `answer` gets its result once, a T or an error; later results are ignored. `key` is the user id and event id by
    which it is found in the ledger; None if it cannot be there yet.
    """

    __slots__ = ("answer", "key", "user_id")

    # Whether it always makes an entry, so that the append checks the progress that it was decided on. A class's own
    # mark, because asking for an abstract class takes longer.
    always_appends: ClassVar[bool] = False

    def __init__(self, user_id: str, key: tuple[str, str] | None) -> None:
        self.user_id = user_id
        self.key = key
        self.answer: asyncio.Future[T | LaurelsError] = asyncio.get_running_loop().create_future()

    @property
    def is_open(self) -> bool:
        """Whether a caller still waits for its result."""
        return not self.answer.done()

    def resolve(self, result: T | LaurelsError) -> None:
        """Answer the caller, unless it was answered before or has gone away."""
        if not self.answer.done():
            self.answer.set_result(result)

    def look_up(self) -> None:
        """Request a lookup of the event before it is recorded: it may be in the ledger already."""

    @abstractmethod
    def decide(self, progress: Progress, rulebook: Rulebook, now: int) -> Entry | None:
        """Advance the progress and return the entry for it; None if there is nothing to write."""

    @abstractmethod
    def result(self, entry: Entry | None, *, is_new: bool) -> T | LaurelsError:
        """The answer once `entry` is in the ledger: written for this command (`is_new`), or found there."""


class EventCommand(Command[T], ABC):
    """Record an event that has passed `check_event` and happened at the instant `at`."""

    __slots__ = ("at", "event", "event_id", "is_imported")

    always_appends = True

    def __init__(self, event: LearningEvent, at: int, *, is_imported: bool = False) -> None:
        # An id made here is new by construction: no lookup is needed.
        super().__init__(event.user_id, (event.user_id, event.event_id) if event.event_id else None)
        self.event = event
        self.at = at
        self.is_imported = is_imported
        self.event_id = event.event_id or str(uuid7())

    def look_up(self) -> None:
        self.key = (self.user_id, self.event_id)

    def decide(self, progress: Progress, rulebook: Rulebook, now: int) -> Entry:
        streak_before = rulebook.daily_streak(progress, now)
        outcome = self.outcome(progress, rulebook)
        streak = rulebook.daily_streak(progress, now)
        body = EventRecorded(
            event_type=self.event.event_type,
            at=self.at,
            outcome=outcome,
            metadata=self.event.metadata,
            daily_streak=streak,
            extends_streak=streak > max(1, streak_before),
            once_key=self.event.once_key,
            is_imported=self.is_imported,
        )
        if progress.goals:
            body = replace(body, goals=met_by(progress, body.day, outcome.points))
        return next_entry(progress, body, now, self.event_id)

    @abstractmethod
    def outcome(self, progress: Progress, rulebook: Rulebook) -> Outcome:
        """The outcome of the event; this advances the progress."""

    def repeat(self, entry: Entry) -> RecordedEntry | EventConflict:
        """The answer if the event id is already in the ledger."""
        body = entry.body
        if isinstance(body, EventRecorded) and is_same_content(self.event, body, at=body.at):
            return RecordedEntry(entry, is_replay=True)
        return EventConflict(self.user_id, self.event_id)


class RecordEvent(EventCommand[RecordedEntry]):
    """Record an event by the rulebook."""

    __slots__ = ()

    def outcome(self, progress: Progress, rulebook: Rulebook) -> Outcome:
        return advance(progress, self.event, self.at, rulebook)

    def result(self, entry: Entry | None, *, is_new: bool) -> RecordedEntry | LaurelsError:
        assert entry is not None  # noqa: S101  an event always has one
        return RecordedEntry(entry, is_replay=False) if is_new else self.repeat(entry)


class ChangeProfile(Command[Progress]):
    """Set fields of a profile, by wire name; the result is a copy of the progress after it."""

    __slots__ = ("_after", "_refused", "changes")

    def __init__(self, user_id: str, changes: Mapping[str, Any]) -> None:
        super().__init__(user_id, None)
        self.changes = changes
        self._refused: InvalidProfile | None = None

    def decide(self, progress: Progress, rulebook: Rulebook, now: int) -> Entry | None:
        self._refused = None
        try:
            body = self._differing(progress, rulebook, now)
        except InvalidProfile as refused:
            self._refused = refused
            return None
        if body is not None and body.zone_from is not None and changes_zone_too_often(progress.zones, now):
            sentence = f"Was changed {MOST_ZONE_CHANGES} times today; try again tomorrow."
            self._refused = InvalidProfile("timeZone", sentence)
            return None
        seen = None if body is None else body.changes.get("badgesSeenAt")
        if seen is not None and seen > now + FUTURE_TOLERANCE_MS:
            # Badges earned until then would never be new.
            self._refused = InvalidProfile("badgesSeenAt", f"Lies in the future; here it is {iso(now)}.")
            return None
        entry = None
        if body is not None:
            progress.set_profile(body)
            entry = next_entry(progress, body, now)
        self._after = copy_of(progress)
        return entry

    def result(self, entry: Entry | None, *, is_new: bool) -> Progress | LaurelsError:
        del entry, is_new
        return self._after if self._refused is None else self._refused

    def _differing(self, progress: Progress, rulebook: Rulebook, now: int) -> ProfileChanged | None:
        """The fields that differ; None if there is nothing to write. A user without an entry is created. Raises
        InvalidProfile for pauses that cannot be planned."""
        held = {
            "displayName": progress.display_name,
            "photoURL": progress.photo_url,
            "timeZone": progress.time_zone,
            "preferences": progress.preferences,
            "visibility": progress.visibility,
            "alias": progress.alias,
            "badgesSeenAt": progress.badges_seen_at,
            "suspended": progress.is_suspended,
            "pauses": as_documents(progress.pauses),
            "goals": {},
        }
        asked = dict(self.changes)
        if "badgesSeenAt" in asked:
            asked["badgesSeenAt"] = instant_of(asked["badgesSeenAt"], "badgesSeenAt")
        if "pauses" in asked:
            asked["pauses"] = as_documents(
                planned(
                    progress.pauses, pauses_of(asked["pauses"]), rulebook.today(progress, now), rulebook.own_pause_days
                )
            )
        if "goals" in asked:
            held_goals = targets_of(progress.goals)
            asked["goals"] = {name: to for name, to in asked["goals"].items() if held_goals.get(name) != to}
        changes = {name: value for name, value in asked.items() if held[name] != value}
        if not changes and progress.seq:
            return None
        zone_from = None
        if "timeZone" in changes and progress.events:
            # A change of zone moves no day that was counted, and clocks of two machines may differ slightly.
            zone_from = max(now, progress.zones[-1][0] if progress.zones else 0)
        visibility = changes.get("visibility", progress.visibility)
        if visibility == Visibility.ALIAS and changes.keys() & {"visibility", "alias"}:
            # New with each alias, so that nobody can recognise a user who appeared under a different alias before.
            changes["pseudonym"] = f"~{token_hex(8)}"
        return ProfileChanged(changes, zone_from, _today(progress, rulebook, changes, now) if "goals" in changes else 0)


def _today(progress: Progress, rulebook: Rulebook, changes: Mapping[str, Any], now: int) -> int:
    """The user's day after a change of their profile: a new zone holds at once."""
    zone = changes.get("timeZone")
    return rulebook.today(progress, now) if zone is None else day_of(now, utc_offset(now, zone), rulebook.grace)


class AmendLedger(Command[bool], ABC):
    """Write an entry that was decided on the whole ledger of a user; the result is whether it was written."""

    __slots__ = ()

    def result(self, entry: Entry | None, *, is_new: bool) -> bool:
        return entry is not None and is_new


class AppendAmendment(AmendLedger):
    """Write an entry together with the progress after it.

    Only if nothing was recorded for the user since: otherwise the decision may no longer follow from the ledger.
    """

    __slots__ = ("amendment",)

    def __init__(self, amendment: Amendment) -> None:
        super().__init__(amendment.user_id, None)
        self.amendment = amendment

    def decide(self, progress: Progress, rulebook: Rulebook, now: int) -> Entry | None:
        amendment = self.amendment
        if progress.seq != amendment.seq or amendment.progress.version != rulebook.measures_version:
            # The ledger has new entries.
            return None
        entry = Entry(self.user_id, amendment.seq + 1, None, now, amendment.body)
        after = copy_of(amendment.progress)
        after.stamp(entry.seq, now, amendment.body)
        # Days that are empty now are kept, so that their lines on the boards are written again.
        for day in progress.board_days.keys() - after.board_days.keys():
            after.board_days[day] = BoardDay()
        if isinstance(amendment.body, Repointed):
            keep_days_until(after, amendment.body, rulebook)
        progress.become(after)
        return entry


class AwardMissing(AmendLedger):
    """Make the awards that a replay of the whole ledger up to entry `seq` found missing.

    Only if nothing was recorded for the user since and the same rules are in force: otherwise the missing awards may be
    held by now, or differ.
    """

    __slots__ = ("fingerprint", "missing", "notify", "seq")

    def __init__(self, user_id: str, seq: int, missing: list[Crossing], fingerprint: str, notify: Notify) -> None:
        super().__init__(user_id, None)
        self.seq = seq
        self.missing = missing
        self.fingerprint = fingerprint
        self.notify: Notify = notify

    def decide(self, progress: Progress, rulebook: Rulebook, now: int) -> Entry | None:
        if progress.seq != self.seq or rulebook.fingerprint != self.fingerprint:
            return None
        return next_entry(progress, backfill(progress, self.missing, rulebook, self.notify), now)


def next_entry(progress: Progress, body: EntryBody, now: int, event_id: str | None = None) -> Entry:
    """The entry after the last one of a progress; the progress gets its `seq`."""
    entry = Entry(progress.user_id, progress.seq + 1, event_id, now, body)
    progress.stamp(entry.seq, now, body)
    return entry


def copy_of(progress: Progress) -> Progress:
    """An independent copy of a progress: changes of the original do not reach it."""
    return msgspec.json.decode(msgspec.json.encode(progress), type=Progress)
