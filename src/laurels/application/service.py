"""Every use case behind one object, for the surfaces (HTTP, CLI, library) to work with.

A surface need not know the ports, the tasks and the order in which they start and stop.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from functools import partial
from typing import Any

from laurels.application.background import BackgroundTask
from laurels.application.incidents import IncidentLog
from laurels.application.live.live_streams import LiveStreams
from laurels.application.maintenance.corrections import Corrections
from laurels.application.maintenance.jobs import JobRunner
from laurels.application.maintenance.merging import Merging
from laurels.application.maintenance.publishing import InForce
from laurels.application.maintenance.repairs import Repairs
from laurels.application.maintenance.rulebook_watcher import INTERVAL as RULEBOOK_INTERVAL
from laurels.application.maintenance.rulebook_watcher import RulebookCopy, RulebookWatcher
from laurels.application.outage.availability import Availability
from laurels.application.outage.draining import PAUSE, Drainer
from laurels.application.outage.spooling_recorder import SpoolingRecorder
from laurels.application.ports.clock import Clock
from laurels.application.ports.spool import SetAside, Spool
from laurels.application.ports.store import Store
from laurels.application.privacy.deletion import Deletion
from laurels.application.privacy.personal_data import personal_data
from laurels.application.queries.boards.badge_holders import BadgeHolders
from laurels.application.queries.boards.leaderboards import Leaderboards
from laurels.application.queries.cursors import Cursors
from laurels.application.queries.last_known import LastKnown
from laurels.application.queries.learners.event_lookup import EventLookup, EventState
from laurels.application.queries.learners.learner_queries import LearnerQueries
from laurels.application.queries.learners.progress_reader import ProgressReader, recent_progress
from laurels.application.queries.placeholder_names import PlaceholderNames
from laurels.application.queries.rarity import RarityReader
from laurels.application.queries.views import UserView
from laurels.application.recording.commands import QueuedEvent, RecordedEntry
from laurels.application.recording.progress_cache import ProgressCache
from laurels.application.recording.projecting.board_pruner import BoardPruner
from laurels.application.recording.projecting.projector import Projector
from laurels.application.recording.recorder import BATCH, Recorder
from laurels.application.recording.spendings import Spendings
from laurels.application.webhooks.delivery_attempts import Sender
from laurels.application.webhooks.webhook_service import Dispatcher, Webhooks, enqueue_set_aside, enqueue_user_deleted
from laurels.domain.events import LearningEvent
from laurels.domain.periods import MS_PER_DAY
from laurels.domain.rules.rulebook import Rulebook
from laurels.domain.tombstones import Tombstone
from laurels.errors import LaurelsError, StoreError


class Fallback:
    """A service's means for the time while its store is away: `spool` keeps events, `availability` knows whether it is
    away.

    `drain_pause`: see `Drainer`.
    """

    def __init__(self, spool: Spool, availability: Availability, *, drain_pause: float = PAUSE) -> None:
        self.spool = spool
        self.availability = availability
        self.drain_pause = drain_pause


class Service:
    """Records events and answers queries over one store, until `close`.

    `learners` and `leaderboards` hold the reads, `live` the streams. `cache_weight` bounds the progress kept in memory,
    in objects of about 150 bytes. `projection_interval` and `rulebook_interval`, between two checks for a new rulebook,
    are in seconds; `batch` is the maximum number of events in one commit. With a `fallback` the store may go away:
    `accept_event` and `accept_many` then queue events, and reads show the last known state. `names` makes names for
    people who gave none; `rarity_minimum`: see `RarityReader`. The service starts with the rulebook `began_with` and
    switches to each one published later; `publishes` and `remembered`: see `RulebookWatcher`.
    """

    def __init__(
        self,
        store: Store,
        began_with: InForce,
        clock: Clock,
        *,
        max_backdate_days: int | None,
        cache_weight: int,
        projection_interval: float,
        rarity_minimum: int,
        rulebook_interval: float = RULEBOOK_INTERVAL,
        batch: int = BATCH,
        fallback: Fallback | None = None,
        names: PlaceholderNames | None = None,
        publishes: bool = False,
        remembered: RulebookCopy | None = None,
    ) -> None:
        self.store = store
        # A view of its own, which is replaced when a new rulebook is published.
        self.rulebook = rulebook = began_with.rulebook.view()
        self.clock = clock
        self._max_backdate_days = max_backdate_days
        cache = ProgressCache(store, rulebook, limit=cache_weight)
        self.incidents = IncidentLog(clock)
        note_outage = partial(self.incidents.note, "outage", "")
        on_outage = note_outage if fallback is None else fallback.availability.mark_down
        self.recorder = Recorder(store, rulebook, clock, cache, batch=batch, on_outage=on_outage)
        self.recorder.stats.on_failed.subscribe(self.incidents.note_error)
        self.pruner = BoardPruner(store, rulebook, clock)
        self.projector = Projector(
            store,
            rulebook,
            clock,
            cache,
            self.pruner,
            progress_lock=self.recorder.committer.progress_lock,
            interval=projection_interval,
            batch=batch,
        )
        self.fallback = fallback
        self._intake: SpoolingRecorder | None = None
        self._drainer: Drainer | None = None
        self._dispatcher: Dispatcher | None = None
        recent = recent_progress()
        last_known: LastKnown | None = None
        if fallback is not None:
            fallback.availability.on_away.subscribe(note_outage)
            fallback.availability.watch(lambda: self.recorder.committer.asked_at)
            last_known = LastKnown(self.recorder, recent)
            self._intake = SpoolingRecorder(self.recorder, fallback.spool, fallback.availability, clock)
            self._drainer = Drainer(
                self._intake,
                fallback.spool,
                fallback.availability,
                on_set_aside=self._tell_set_aside,
                pause=fallback.drain_pause,
            )
        self.corrections = Corrections(store, rulebook, clock, self.recorder)
        self.merging = Merging(store, self.recorder)
        self.repairs = Repairs(self.recorder)
        self.rarity = RarityReader(store, rulebook, minimum=rarity_minimum)
        self.learners = LearnerQueries(
            store,
            rulebook,
            clock,
            reader=ProgressReader(store, rulebook, recent),
            rarity=self.rarity,
            last_known=last_known,
            names=names,
        )
        self._events = EventLookup(store, rulebook, None if fallback is None else fallback.spool)
        self.badge_holders = BadgeHolders(store, rulebook, names or PlaceholderNames())
        self.spendings = Spendings(rulebook, self.recorder, self.learners.progress)
        self.cursors = Cursors(store.secrets)
        self.leaderboards = Leaderboards(
            store, rulebook, clock, last_known=last_known, names=names, cursors=self.cursors
        )
        self.live = LiveStreams(
            store,
            rulebook,
            clock,
            recorder=self.recorder,
            learners=self.learners,
            leaderboards=self.leaderboards,
        )
        self.deletion = Deletion(store, clock, spool=fallback.spool if fallback else None, forget=self._forget)
        self.deletion.on_deleted.append(self._tell_deleted)
        self.rules = RulebookWatcher(
            store,
            rulebook,
            clock,
            version=began_with.version,
            switch=self._switch,
            interval=rulebook_interval,
            publishes=publishes,
            remembered=remembered,
        )
        # Started by servers only: a command that ends soon has no time for other processes' work.
        self.jobs = JobRunner(store, rulebook, clock, self.recorder, self.rules)

    @property
    def tasks(self) -> list[BackgroundTask]:
        """The tasks that run in the background now."""
        tasks = [
            self.recorder.committer.task,
            self.projector.task,
            self.pruner.task,
            self.deletion.task,
            self.rules.task,
            self.jobs.task,
            *self.live.tasks,
        ]
        if self.fallback is not None:
            tasks += self.fallback.availability.tasks
        if self._drainer is not None:
            tasks.append(self._drainer.task)
        if self._dispatcher is not None:
            tasks += self._dispatcher.tasks
        return tasks

    @property
    def dispatcher(self) -> Dispatcher | None:
        """The dispatcher of webhooks, while it runs."""
        return self._dispatcher

    @asynccontextmanager
    async def delivering(self, sender: Sender, *, allow_private: bool) -> AsyncGenerator[Webhooks]:
        """Deliver webhooks through `sender` while the block runs; the block gets the object that manages them."""
        self._dispatcher = Dispatcher(self.store, self.rulebook, self.clock, sender)
        self._dispatcher.start()
        try:
            yield Webhooks(self.store.webhooks, self.clock, sender=sender, allow_private=allow_private)
        finally:
            dispatcher, self._dispatcher = self._dispatcher, None
            await dispatcher.close()

    @property
    def earliest(self) -> int:
        """The earliest instant that an event may carry now."""
        days = self._max_backdate_days
        return 0 if days is None else max(0, self.clock() - days * MS_PER_DAY)

    async def record(
        self,
        user_id: str,
        event_type: str,
        metadata: Mapping[str, Any] | None = None,
        *,
        event_id: str | None = None,
        timestamp: datetime | None = None,
        once_key: str | None = None,
    ) -> RecordedEntry:
        """Record one event; see `LearningEvent` for the arguments. When this returns, the event is on disk.

        Raises InvalidEvent, EventConflict or StoreError.
        """
        event = LearningEvent(
            user_id=user_id,
            event_type=event_type,
            metadata=dict(metadata or {}),
            event_id=event_id,
            timestamp=timestamp,
            once_key=once_key,
        )
        return await self.record_event(event)

    async def record_event(self, event: LearningEvent, *, earliest: int | None = None) -> RecordedEntry:
        """Record one event. Raises InvalidEvent, EventConflict or StoreError."""
        [result] = await self.record_many([event], earliest=earliest)
        if isinstance(result, LaurelsError):
            raise result
        return result

    async def record_many(
        self, events: Sequence[LearningEvent], *, earliest: int | None = None, is_imported: bool = False
    ) -> list[RecordedEntry | LaurelsError]:
        """Record events in order; one result each, an error if an event could not be recorded.

        `earliest` overrides, in milliseconds, how far back a timestamp may lie. `is_imported`: see `EventRecorded`.
        """
        earliest = self.earliest if earliest is None else earliest
        return await self.recorder.record_many(events, earliest=earliest, is_imported=is_imported)

    async def accept_event(self, event: LearningEvent, *, earliest: int | None = None) -> RecordedEntry | QueuedEvent:
        """Record one event, or queue it while the store is away and there is a fallback.

        `earliest`: see `accept_many`. When this returns, the event is on disk. Raises InvalidEvent, EventConflict or
        StoreError.
        """
        if self._intake is None:
            return await self.recorder.record_one(event, earliest=self._bound(earliest))
        [result] = await self.accept_many([event], earliest=earliest)
        if isinstance(result, LaurelsError):
            raise result
        return result

    async def accept_many(
        self, events: Sequence[LearningEvent], *, earliest: int | None = None
    ) -> Sequence[RecordedEntry | QueuedEvent | LaurelsError]:
        """Record events in order, or queue those that cannot be recorded now; one result each.

        `earliest` (milliseconds) narrows how far back a timestamp of this caller may lie; it never widens the
        operator's limit. It is checked now: a queued event is recorded later without a second check.
        """
        bound = self._bound(earliest)
        if self._intake is None:
            return await self.recorder.record_many(events, earliest=bound)
        return await self._intake.accept_many(events, earliest=bound)

    def _bound(self, earliest: int | None) -> int:
        return self.earliest if earliest is None else max(earliest, self.earliest)

    async def change_profile(self, user_id: str, changes: Mapping[str, Any]) -> UserView:
        """Set profile fields by wire name: `displayName`, `photoURL`, `timeZone`, `preferences`, `visibility`, `alias`.

        An unknown user is created. If the user leaves the boards, they have left when this returns. Raises
        InvalidProfile or StoreError.
        """
        way = self._intake or self.recorder
        changed = self.learners.user(await way.change_profile(user_id, changes))
        if changes.keys() & {"visibility", "alias"}:
            self.leaderboards.forget_pages()
            # The change is recorded; if the store goes away just now, the boards follow when it is back.
            with suppress(StoreError):
                await self.projector.flush()
        return changed

    async def delete_user(self, user_id: str) -> Tombstone:
        """Delete everything that is held of a user; from then on nothing is recorded for them. May be repeated.

        Then calls the observers `deletion.on_deleted`. Raises UnknownUser, InvalidQuery or StoreError.
        """
        return await self.deletion.delete(user_id)

    async def suspend_user(self, user_id: str, *, is_suspended: bool = True) -> None:
        """Take a user off all boards, or let them back; their events still count. They have left when this returns.

        Raises UnknownUser, UserDeleted or StoreError.
        """
        await self.learners.progress(user_id)
        await self.recorder.suspend(user_id, is_suspended=is_suspended)
        self.leaderboards.forget_pages()
        await self.projector.flush()

    async def personal_data(self, user_id: str) -> AsyncIterator[bytes]:
        """Everything that is held of a user, as the pieces of one JSON document. Raises UnknownUser or StoreError."""
        spool = None if self.fallback is None else self.fallback.spool
        return await personal_data(self.store, self.learners, self.clock, spool, user_id)

    async def event_state(self, user_id: str, event_id: str) -> EventState:
        """The state of an event, wherever it is. Raises UnknownUser, UnknownEvent or StoreError."""
        return await self._events.state(user_id, event_id)

    async def _tell_deleted(self, user_id: str, at: int) -> None:
        await enqueue_user_deleted(self.store.webhooks, user_id, at)

    async def _tell_set_aside(self, refused: Sequence[SetAside]) -> None:
        await enqueue_set_aside(self.store.webhooks, refused, self.clock())
        for each in refused:
            self.incidents.note("set-aside", each.spooled.event.event_type)

    async def _forget(self, user_ids: Collection[str]) -> None:
        """Drop all data of deleted users from the memory of this process, and end their streams."""
        async with self.recorder.committer.progress_lock.settled:
            self.recorder.cache.forget(user_ids)
        self.learners.forget(user_ids)
        self._events.forget(user_ids)
        self.leaderboards.forget()
        self.live.end_users(user_ids)

    async def _switch(self, rulebook: Rulebook) -> None:
        await self.recorder.committer.switch(rulebook)
        self.learners.forget_all()
        self.leaderboards.forget()
        if self._dispatcher is not None:
            self._dispatcher.forget_all()

    async def close(self) -> None:
        """Commit the accepted commands and bring the projections up to date. The store stays open: its opener closes
        it."""
        await self.jobs.task.close()
        await self.rules.task.close()
        await self.deletion.close()
        await self.pruner.task.close()
        await self.rarity.close()
        await self.live.close()
        if self.fallback is not None and self._drainer is not None:
            await self._drainer.close()
            await self._close_within(self.fallback.availability)
            return
        await self._close_writers()

    async def _close_within(self, availability: Availability) -> None:
        """The same with a store that may hang or go away in the meantime. Accepted events are in the ledger or in the
        spool by then, and projections can be made again."""
        if availability.is_available:
            closing = asyncio.create_task(self._close_writers(), name="laurels-closing")
            while not closing.done() and availability.is_available:
                await asyncio.wait({closing}, timeout=availability.limit / 4)
            with suppress(TimeoutError):
                async with asyncio.timeout(None if closing.done() else availability.limit):
                    await closing
            return
        self.projector.cancel()
        with suppress(TimeoutError):
            async with asyncio.timeout(availability.limit):
                await self.recorder.close()

    async def _close_writers(self) -> None:
        await self.recorder.close()
        await self.projector.close()
