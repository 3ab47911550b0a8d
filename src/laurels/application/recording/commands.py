"""What callers ask of the ledger: each command decides what entry it makes of a progress that is up to date.

Each has a future of its own for the answer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from secrets import token_hex
from typing import Any, Generic, TypeVar

import msgspec
from msgspec import Struct
from uuid_utils import uuid7

from laurels.domain.amendments import Amendment
from laurels.domain.engine import advance
from laurels.domain.events import LearningEvent, is_same_content
from laurels.domain.ledger import Entry, EventRecorded, Outcome, ProfileChanged
from laurels.domain.migration import Differences, difference_of, migrate_event, migrate_user
from laurels.domain.progress import BoardDay, Progress
from laurels.domain.ranking import Visibility
from laurels.domain.rules.rulebook import Rulebook
from laurels.errors import EventConflict, LaurelsError

T = TypeVar("T")


class Recorded(Struct, frozen=True):
    """An event that stands in the ledger. `is_replay`: it stood there before, and nothing was changed."""

    entry: Entry
    is_replay: bool

    @property
    def body(self) -> EventRecorded:
        """What was recorded, with its outcome."""
        assert isinstance(self.entry.body, EventRecorded)  # noqa: S101  only events make a Recorded
        return self.entry.body


class Differing(Struct, frozen=True):
    """An event of another system that stands in the ledger with other content, and stays so."""

    body: EventRecorded


class GivenEvent(Struct, frozen=True):
    """An event of another system: the points that it paid, and the badges it holds of the user with their points."""

    event: LearningEvent
    points: int
    pays: Mapping[str, int]


class GivenUser(Struct, frozen=True, kw_only=True):
    """What another system stored of a user; see `UserMigrated` and `domain.migration.migrate_user`."""

    user_id: str
    origin: str
    at: int
    stored_total: int | None
    event_points: int
    pays: Mapping[str, int]
    created_at: int | None
    profile: Mapping[str, Any]
    differences: Differences


class Migrated(Struct, frozen=True):
    """A user who is taken over. `entry` is None where there was nothing to write; `is_first`: they were not before.

    `difference`: what the stored total has more than its events and badges, kept or not.
    """

    entry: Entry | None
    is_first: bool
    difference: int


class Queued(Struct, frozen=True):
    """An event that is safe on the local disk and will be recorded when the store is back.

    `event` carries the id under which that happens; `at` (milliseconds) is when it happened.
    """

    event: LearningEvent
    at: int


class Command(Generic[T]):
    """One thing to be written at the end of one user's ledger.

    `answer` gets its result once, a T or the error that stood in the way; whoever comes second is ignored. `key` is the
    user id and event id by which it is found in the ledger; None where there is nothing to look for.
    """

    __slots__ = ("answer", "key", "user_id")

    def __init__(self, user_id: str, key: tuple[str, str] | None) -> None:
        self.user_id = user_id
        self.key = key
        self.answer: asyncio.Future[T | LaurelsError] = asyncio.get_running_loop().create_future()

    @property
    def is_open(self) -> bool:
        """Whether somebody still waits for its result."""
        return not self.answer.done()

    def resolve(self, result: T | LaurelsError) -> None:
        """Answer the caller, unless that has been done or the caller has gone away."""
        if not self.answer.done():
            self.answer.set_result(result)

    def look_up(self) -> None:
        """Have an event looked up before it is recorded: another copy of it may stand already."""

    def decide(self, progress: Progress, rulebook: Rulebook, now: int) -> Entry | None:
        """Advance the progress and return the entry that says so; None where there is nothing to write."""
        raise NotImplementedError

    def result(self, entry: Entry | None, *, is_new: bool) -> T | LaurelsError:
        """The answer when `entry` stands in the ledger: written for this command (`is_new`), or found there."""
        raise NotImplementedError


class EventCommand(Command[T]):
    """Record an event that has passed `check_event` and happened at the instant `at`."""

    __slots__ = ("at", "event", "event_id")

    def __init__(self, event: LearningEvent, at: int) -> None:
        # An id made here is new by construction: there is nothing to look up.
        super().__init__(event.user_id, (event.user_id, event.event_id) if event.event_id else None)
        self.event = event
        self.at = at
        self.event_id = event.event_id or str(uuid7())

    def look_up(self) -> None:
        self.key = (self.user_id, self.event_id)

    def decide(self, progress: Progress, rulebook: Rulebook, now: int) -> Entry:
        outcome = self.outcome(progress, rulebook)
        body = EventRecorded(
            event_type=self.event.event_type,
            at=self.at,
            outcome=outcome,
            metadata=self.event.metadata,
            daily_streak=progress.daily_streak(now),
            once_key=self.event.once_key,
        )
        entry = Entry(self.user_id, progress.seq + 1, self.event_id, now, body)
        progress.stamp(entry.seq, now, body)
        return entry

    def outcome(self, progress: Progress, rulebook: Rulebook) -> Outcome:
        """What the event brings; the progress has moved on then."""
        raise NotImplementedError

    def repeat(self, entry: Entry) -> Recorded | EventConflict:
        """The answer when the event id stands in the ledger already."""
        body = entry.body
        if isinstance(body, EventRecorded) and is_same_content(
            self.event, event_type=body.event_type, metadata=body.metadata, at=body.at, once_key=body.once_key
        ):
            return Recorded(entry, is_replay=True)
        return EventConflict(self.user_id, self.event_id)


class RecordEvent(EventCommand[Recorded]):
    """Record an event by the rulebook."""

    __slots__ = ()

    def outcome(self, progress: Progress, rulebook: Rulebook) -> Outcome:
        return advance(progress, self.event, self.at, rulebook)

    def result(self, entry: Entry | None, *, is_new: bool) -> Recorded | LaurelsError:
        assert entry is not None  # noqa: S101  an event always has one
        return Recorded(entry, is_replay=False) if is_new else self.repeat(entry)


class MigrateEvent(EventCommand[Recorded | Differing]):
    """Record an event of another system with the points that it paid there."""

    __slots__ = ("given",)

    def __init__(self, given: GivenEvent, at: int) -> None:
        super().__init__(given.event, at)
        self.given = given

    def outcome(self, progress: Progress, rulebook: Rulebook) -> Outcome:
        return migrate_event(progress, self.event, self.at, self.given.points, self.given.pays, rulebook)

    def result(self, entry: Entry | None, *, is_new: bool) -> Recorded | Differing | LaurelsError:
        assert entry is not None  # noqa: S101  an event always has one
        if is_new:
            return Recorded(entry, is_replay=False)
        result = self.repeat(entry)
        body = entry.body
        if isinstance(body, EventRecorded) and (
            isinstance(result, EventConflict) or body.outcome.points != self.given.points
        ):
            return Differing(body)
        return result


class MigrateUser(Command[Migrated]):
    """Take over what another system stored of a user, after their events."""

    __slots__ = ("_difference", "_is_first", "given")

    def __init__(self, given: GivenUser) -> None:
        # What is decided follows from the progress alone, which knows what was taken over.
        super().__init__(given.user_id, None)
        self.given = given
        self._is_first = True
        self._difference = 0

    def decide(self, progress: Progress, rulebook: Rulebook, now: int) -> Entry | None:
        """The entry of what is not taken over yet; None where all of it is."""
        given = self.given
        self._is_first = given.origin not in progress.migrated
        self._difference = difference_of(progress, given.stored_total, given.event_points, given.pays)
        body = migrate_user(
            progress,
            origin=given.origin,
            at=given.at,
            stored_total=given.stored_total,
            event_points=given.event_points,
            pays=given.pays,
            differences=given.differences,
            rulebook=rulebook,
            created_at=given.created_at,
            profile=given.profile,
        )
        if body is None:
            return None
        seq = progress.seq + 1
        # The origin is an event id, so that no two processes take a user over; corrections are told apart by place.
        event_id = given.origin if self._is_first else f"{given.origin}:{seq}"
        progress.stamp(seq, now, body)
        progress.migrate(body)
        return Entry(self.user_id, seq, event_id, now, body)

    def result(self, entry: Entry | None, *, is_new: bool) -> Migrated:
        del is_new
        return Migrated(entry, self._is_first, self._difference)


class ChangeProfile(Command[Progress]):
    """Set fields of a profile, by wire name; the result is a copy of the progress after it."""

    __slots__ = ("_after", "changes")

    def __init__(self, user_id: str, changes: Mapping[str, Any]) -> None:
        super().__init__(user_id, None)
        self.changes = changes

    def decide(self, progress: Progress, rulebook: Rulebook, now: int) -> Entry | None:
        del rulebook
        body = self._differing(progress, now)
        entry = None
        if body is not None:
            progress.set_profile(body)
            entry = Entry(self.user_id, progress.seq + 1, None, now, body)
            progress.stamp(entry.seq, now, body)
        self._after = _copy_of(progress)
        return entry

    def result(self, entry: Entry | None, *, is_new: bool) -> Progress:
        del entry, is_new
        return self._after

    def _differing(self, progress: Progress, now: int) -> ProfileChanged | None:
        """The fields that differ; None where there is nothing to write. A user without an entry comes into being."""
        held = {
            "displayName": progress.display_name,
            "photoURL": progress.photo_url,
            "timeZone": progress.time_zone,
            "preferences": progress.preferences,
            "visibility": progress.visibility,
            "alias": progress.alias,
            "suspended": progress.is_suspended,
        }
        changes = {name: value for name, value in self.changes.items() if held[name] != value}
        if not changes and progress.seq:
            return None
        zone_from = None
        if "timeZone" in changes and progress.events:
            # Changing the zone moves no day that was counted, and clocks of two machines may differ a little.
            zone_from = max(now, progress.zones[-1][0] if progress.zones else 0)
        if changes.get("visibility") == Visibility.ALIAS:
            # New each time: nobody can tell that it is the one who was there under another alias.
            changes["pseudonym"] = f"~{token_hex(8)}"
        return ProfileChanged(changes, zone_from)


class Amend(Command[bool]):
    """Write an entry that was decided on the whole ledger of a user; the result is whether it stands.

    Only where nothing was recorded for the user since: what was decided may not follow from the ledger any more then.
    """

    __slots__ = ("amendment",)

    def __init__(self, amendment: Amendment) -> None:
        super().__init__(amendment.user_id, None)
        self.amendment = amendment

    def decide(self, progress: Progress, rulebook: Rulebook, now: int) -> Entry | None:
        amendment = self.amendment
        if progress.seq != amendment.seq or amendment.progress.version != rulebook.measures_version:
            # The ledger has gone on.
            return None
        entry = Entry(self.user_id, amendment.seq + 1, None, now, amendment.body)
        after = _copy_of(amendment.progress)
        after.stamp(entry.seq, now, amendment.body)
        # Days that are empty now stay, so that their lines on the boards are written anew.
        for day in progress.board_days.keys() - after.board_days.keys():
            after.board_days[day] = BoardDay()
        progress.become(after)
        return entry

    def result(self, entry: Entry | None, *, is_new: bool) -> bool:
        return entry is not None and is_new


def _copy_of(progress: Progress) -> Progress:
    return msgspec.json.decode(msgspec.json.encode(progress), type=Progress)
