"""Commands that take over the records of another system: its events with their points, then its data of a user."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from laurels.application.recording.commands import Command, EventCommand, RecordedEntry, next_entry
from laurels.domain.events import LearningEvent
from laurels.domain.ledger.entries import Entry, EventRecorded, Outcome
from laurels.domain.progress import Progress
from laurels.domain.revisions.migration import DifferencePolicy, difference_of, migrate_event, migrate_user
from laurels.domain.rules.rulebook import Rulebook
from laurels.errors import EventConflict, LaurelsError


class TotalsMismatch(Struct, frozen=True):
    """An event of another system that is in the ledger with different content, and stays so."""

    body: EventRecorded


class GivenEvent(Struct, frozen=True):
    """An event of another system: its points there, and the user's badges that it brought, with their points."""

    event: LearningEvent
    points: int
    pays: Mapping[str, int]


class GivenUser(Struct, frozen=True, kw_only=True):
    """The data of a user in another system; see `UserMigrated` and `domain.migration.migrate_user`."""

    user_id: str
    origin: str
    at: int
    stored_total: int | None
    event_points: int
    pays: Mapping[str, int]
    created_at: int | None
    profile: Mapping[str, Any]
    differences: DifferencePolicy


class Migrated(Struct, frozen=True):
    """A user who was taken over. `entry` is None if there was nothing to write; `is_first`: this is the first time.

    `difference`: how much the stored total exceeds its events and badges, whether or not it was kept.
    """

    entry: Entry | None
    is_first: bool
    difference: int


class MigrateEvent(EventCommand[RecordedEntry | TotalsMismatch]):
    """Record an event of another system with its points there."""

    __slots__ = ("given",)

    def __init__(self, given: GivenEvent, at: int) -> None:
        super().__init__(given.event, at)
        self.given = given

    def outcome(self, progress: Progress, rulebook: Rulebook) -> Outcome:
        return migrate_event(progress, self.event, self.at, self.given.points, self.given.pays, rulebook)

    def result(self, entry: Entry | None, *, is_new: bool) -> RecordedEntry | TotalsMismatch | LaurelsError:
        assert entry is not None  # noqa: S101  an event always has one
        if is_new:
            return RecordedEntry(entry, is_replay=False)
        result = self.repeat(entry)
        body = entry.body
        if isinstance(body, EventRecorded) and (
            isinstance(result, EventConflict) or body.outcome.points != self.given.points
        ):
            return TotalsMismatch(body)
        return result


class MigrateUser(Command[Migrated]):
    """Take over the data of a user in another system, after their events."""

    __slots__ = ("_difference", "_is_first", "given")

    def __init__(self, given: GivenUser) -> None:
        # The decision depends on the progress alone, which knows what was taken over.
        super().__init__(given.user_id, None)
        self.given = given
        self._is_first = True
        self._difference = 0

    def decide(self, progress: Progress, rulebook: Rulebook, now: int) -> Entry | None:
        """The entry for the data that was not taken over yet; None if all of it was."""
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
        # The origin is an event id, so that no two processes take over the same user; corrections are distinguished by
        # place.
        event_id = given.origin if self._is_first else f"{given.origin}:{progress.seq + 1}"
        entry = next_entry(progress, body, now, event_id)
        progress.migrate(body)
        return entry

    def result(self, entry: Entry | None, *, is_new: bool) -> Migrated:
        del is_new
        return Migrated(entry, self._is_first, self._difference)
