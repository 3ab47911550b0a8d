"""Commands that take over what another system recorded: its events with their points, then what it stored of a user."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from laurels.application.recording.commands import Command, EventCommand, Recorded, next_entry
from laurels.domain.events import LearningEvent
from laurels.domain.ledger import Entry, EventRecorded, Outcome
from laurels.domain.progress import Progress
from laurels.domain.revisions.migration import Differences, difference_of, migrate_event, migrate_user
from laurels.domain.rules.rulebook import Rulebook
from laurels.errors import EventConflict, LaurelsError


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
        # The origin is an event id, so that no two processes take a user over; corrections are told apart by place.
        event_id = given.origin if self._is_first else f"{given.origin}:{progress.seq + 1}"
        entry = next_entry(progress, body, now, event_id)
        progress.migrate(body)
        return entry

    def result(self, entry: Entry | None, *, is_new: bool) -> Migrated:
        del is_new
        return Migrated(entry, self._is_first, self._difference)
