"""Moves users of an older database with their events into the ledger, reading both side by side.

Both come sorted by user. A user's events are recorded in order of time. Their own entry, with badges and difference,
follows after the last event was recorded, since only then the accepted events are known.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

from msgspec import Struct, field

from laurels.application.recording.commands import RecordedEntry
from laurels.application.recording.migration import migrate_events, migrate_users
from laurels.application.recording.migration_commands import GivenEvent, GivenUser, Migrated, TotalsMismatch
from laurels.application.service import Service
from laurels.cli.importing.migration_report import BadgeMismatch, Report
from laurels.cli.importing.rejects import Rejects
from laurels.cli.terminal import CommandFailed
from laurels.domain.revisions.migration import DifferencePolicy
from laurels.errors import LaurelsError, StoreError
from laurels.plurals import counted
from laurels.storage.older_mongodb.database import EVENTS, USERS, OlderDatabase
from laurels.storage.older_mongodb.documents import OlderEvent, OlderUser, Unusable, as_json, event_of, user_of

Document = dict[str, Any]

# Events, or users, that are written together.
BATCH = 1_000


class Tally(Struct):
    """The accepted data of one user: the points of their events and the instant of the last. `user` is None for a user
    with events but no document."""

    user_id: str
    user: OlderUser | None = None
    pays: dict[str, int] = field(default_factory=dict[str, int])
    event_points: int = 0
    last_at: int | None = None


class Batch:
    """Events with their documents and tallies, and the users whose last event is in this batch or an earlier one."""

    def __init__(self) -> None:
        self.events: list[tuple[OlderEvent, Document, Tally]] = []
        self.finished: list[Tally] = []

    @property
    def is_full(self) -> bool:
        return len(self.events) >= BATCH or len(self.finished) >= BATCH


class Migration:
    """Takes an older database over and counts the results in `report`."""

    def __init__(
        self,
        laurels: Service,
        source: OlderDatabase,
        rejects: Rejects,
        *,
        differences: DifferencePolicy,
        on_progress: Callable[[Report], None],
    ) -> None:
        self.report = Report()
        self._laurels = laurels
        self._source = source
        self._rejects = rejects
        self._differences = differences
        self._on_progress = on_progress
        self._older_pays: dict[str, int] = {}
        self._batch = Batch()
        self._writing: asyncio.Task[None] | None = None

    async def run(self) -> None:
        """Take everything over. Raises CommandFailed, with the progress so far, if source or store fails."""
        try:
            await self._compare_badges()
            await self._walk()
            await self._hand_over()
            await self._settle()
        except StoreError as error:
            raise CommandFailed(
                f"{error} Stopped; {counted(self.report.recorded, 'event was recorded', 'events were recorded')}, "
                f"{counted(self.report.replayed, 'was', 'were')} already there. "
                "Run the same command again to continue: nothing is recorded twice."
            ) from error
        finally:
            if self._writing is not None:
                await asyncio.gather(self._writing, return_exceptions=True)

    async def _compare_badges(self) -> None:
        """Badges that the rulebook does not know pay the points of their definition; differences of the others are only
        reported."""
        for badge_id, points in sorted((await self._source.badge_points()).items()):
            whole = int(points) if isinstance(points, int | float) and 0 <= points <= 1_000_000 else 0
            badge = self._laurels.rulebook.badge(badge_id)
            if badge is None:
                self._older_pays[badge_id] = whole
            elif badge.points != whole:
                self.report.other_pay.append((badge_id, whole, badge.points))

    async def _walk(self) -> None:
        """Read events and users side by side, in the order of user ids."""
        users = self._users()
        user = await anext(users, None)
        tally = Tally("")
        async for event, document in self._events():
            user_id = event.event.user_id
            if user_id != tally.user_id:
                await self._finish(tally)
                while user is not None and user.user_id < user_id:
                    self.report.users_without_events += 1
                    await self._finish(self._tally_of(user))
                    user = await anext(users, None)
                if user is not None and user.user_id == user_id:
                    tally = self._tally_of(user)
                    user = await anext(users, None)
                else:
                    tally = Tally(user_id)
                    self.report.users_without_document += 1
            self._batch.events.append((event, document, tally))
            if self._batch.is_full:
                await self._hand_over()
        await self._finish(tally)
        while user is not None:
            self.report.users_without_events += 1
            await self._finish(self._tally_of(user))
            user = await anext(users, None)

    async def _finish(self, tally: Tally) -> None:
        if tally.user is not None:
            self._batch.finished.append(tally)
            if self._batch.is_full:
                await self._hand_over()

    def _tally_of(self, user: OlderUser) -> Tally:
        pays: dict[str, int] = {}
        for badge_id in user.badges:
            badge = self._laurels.rulebook.badge(badge_id)
            if badge is None:
                self.report.unknown_badges[badge_id] += 1
            pays[badge_id] = self._older_pays.get(badge_id, 0) if badge is None else badge.points
        self.report.badges += len(pays)
        self.report.repeated_badges += user.repeated_badges
        return Tally(user.user_id, user, pays)

    async def _users(self) -> AsyncIterator[OlderUser]:
        """Every user once: documents of the same user are merged."""
        last: OlderUser | None = None
        async for document in self._source.users():
            try:
                user = user_of(document, self._laurels.clock())
            except Unusable as error:
                self._reject(USERS, document, str(error))
                continue
            if last is not None and last.user_id == user.user_id:
                user.remarks.append(f"a further document of the same user; merged into {last.origin}")
                self.report.merged += 1
                last.merge(user)
            else:
                if last is not None:
                    yield last
                last = user
            self._note(USERS, document, user.remarks)
        if last is not None:
            yield last

    async def _events(self) -> AsyncIterator[tuple[OlderEvent, Document]]:
        async for document in self._source.events():
            self.report.read += 1
            try:
                event = event_of(document)
            except Unusable as error:
                self._reject(EVENTS, document, str(error))
                continue
            yield event, document

    async def _hand_over(self) -> None:
        """Write the batch while the next one is read."""
        await self._settle()
        batch, self._batch = self._batch, Batch()
        self._writing = asyncio.create_task(self._write(batch))
        # Lets the batch queue its events before the next ones are read.
        await asyncio.sleep(0)

    async def _settle(self) -> None:
        writing, self._writing = self._writing, None
        if writing is not None:
            await writing
            self._on_progress(self.report)

    async def _write(self, batch: Batch) -> None:
        given = [GivenEvent(event.event, event.points, tally.pays) for event, _, tally in batch.events]
        failure: StoreError | None = None
        for (event, document, tally), result in zip(
            batch.events, await migrate_events(self._laurels.recorder, given), strict=True
        ):
            if isinstance(result, StoreError):
                failure = failure or result
            elif isinstance(result, LaurelsError):
                self._reject(EVENTS, document, str(result))
            elif isinstance(result, TotalsMismatch):
                # The existing entry counts, with its points.
                tally.event_points += result.body.outcome.points
                tally.last_at = max(tally.last_at or 0, result.body.at)
                self._reject(EVENTS, document, "Was taken over before with other content, which stays.")
            else:
                self._count_event(event, document, tally, result)
        if failure is not None:
            raise failure
        given_users = [self._given_of(tally, tally.user) for tally in batch.finished if tally.user is not None]
        for one, result in zip(given_users, await migrate_users(self._laurels.recorder, given_users), strict=True):
            if isinstance(result, LaurelsError):
                raise result
            self._count_user(one, result)

    def _count_event(self, event: OlderEvent, document: Document, tally: Tally, result: RecordedEntry) -> None:
        tally.event_points += event.points
        tally.last_at = max(tally.last_at or 0, result.body.at)
        self.report.replayed += result.is_replay
        self.report.recorded += not result.is_replay
        awards = result.body.outcome.awards
        self.report.new_badges += sum(award.badge_id not in tally.pays for award in awards)
        self._note(EVENTS, document, event.remarks)

    def _given_of(self, tally: Tally, user: OlderUser) -> GivenUser:
        at = tally.last_at
        if at is None:
            at = self._laurels.clock() if user.created_at is None else user.created_at
        return GivenUser(
            user_id=user.user_id,
            origin=user.origin,
            at=at,
            stored_total=user.stored_total,
            event_points=tally.event_points,
            pays=tally.pays,
            created_at=user.created_at,
            profile=user.profile,
            differences=self._differences,
        )

    def _count_user(self, given: GivenUser, result: Migrated) -> None:
        self.report.count_user(result, given.pays)
        if result.difference:
            badge_points = (given.stored_total or 0) - given.event_points - result.difference
            self.report.count_difference(
                BadgeMismatch(
                    abs(result.difference),
                    given.user_id,
                    result.difference,
                    given.stored_total or 0,
                    given.event_points,
                    badge_points,
                )
            )

    def _reject(self, collection: str, document: Document, reason: str) -> None:
        if collection == USERS:
            self.report.rejected_users += 1
        else:
            self.report.rejected_events += 1
        self._rejects.add_named(
            f"{collection} {_name_of(document)}", _line("rejected", collection, document, reason), reason
        )

    def _note(self, collection: str, document: Document, remarks: list[str]) -> None:
        if remarks:
            self.report.changed += 1
            self.report.remarks.update(f"{collection}.{remark}" for remark in remarks)
            self._rejects.keep(_line("changed", collection, document, " ".join(remarks)))


def _name_of(document: Document) -> str:
    name = str(document.get("_id"))[:80]
    # A terminal must not interpret text from outside.
    return name if name.isprintable() else repr(name)


def _line(outcome: str, collection: str, document: Document, reason: str) -> bytes:
    """A line of the file of rejects: outcome, collection and reason, with the document as it came."""
    head = json.dumps({"outcome": outcome, "collection": collection, "reason": reason})
    return f'{head[:-1]},"document":{as_json(document)}}}\n'.encode("utf-8", "replace")
