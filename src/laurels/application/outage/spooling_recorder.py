"""Records events even while the store is away: into the ledger if possible, else into the spool.

Every event gets its id and its instant before the first attempt to record it. So an event with an unknown outcome can
go into the spool too: both attempts make one entry.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec.structs import replace

from laurels.application.outage.availability import Availability
from laurels.application.ports.clock import Clock
from laurels.application.ports.spool import Spool, Spooled
from laurels.application.recording.commands import QueuedEvent, RecordedEntry, RecordEvent
from laurels.application.recording.recorder import Recorder
from laurels.domain.events import LearningEvent, is_same_content
from laurels.domain.periods import to_ms
from laurels.domain.progress import Progress
from laurels.errors import EventConflict, InternalFault, LaurelsError, StoreError, StoreUnavailable

Accepted = RecordedEntry | QueuedEvent | LaurelsError


class SpoolingRecorder:
    """Accepts events on behalf of one recorder.

    When the store goes away, the committer fails all waiting commands, and each caller puts its events into the spool
    instead.
    """

    def __init__(self, recorder: Recorder, spool: Spool, availability: Availability, clock: Clock) -> None:
        self._recorder = recorder
        self._spool = spool
        self._availability = availability
        self._clock = clock
        # The error that all waiting callers get when the store goes away.
        self._away = StoreUnavailable("The store is away; try again in a moment.")
        availability.on_away.subscribe(lambda _: recorder.committer.give_up(self._away))

    async def accept_many(self, events: Sequence[LearningEvent], *, earliest: int) -> list[Accepted]:
        """Record events, or queue those that cannot be recorded now; one result each, in order.

        If an event could be neither recorded nor queued, its result is the StoreError of the spool. `earliest`
        (milliseconds) is how far back a timestamp may lie.
        """
        now = self._clock()
        results: dict[int, Accepted] = {}
        commands: dict[int, RecordEvent] = {}
        # One instant for both: the recorder's command and the copy in the spool.
        prepared = await self._recorder.prepare_many(events, earliest=earliest, arrived_at=now)
        for index, each in enumerate(prepared):
            if isinstance(each, RecordEvent):
                commands[index] = each
            else:
                results[index] = each
        if commands and self._availability.is_available and not self._spool.is_empty:
            # Events of users with events in the spool queue behind them: order per user is kept.
            in_line = await self._spool.waiting_of({each.user_id for each in commands.values()})
            behind = {index: each for index, each in commands.items() if each.user_id in in_line}
            results |= await self._queue(behind, now)
        results |= await self._record(_without(commands, results))
        results |= await self._queue(_without(commands, results), now)
        return [results[index] for index in range(len(events))]

    async def record_spooled(self, spooled: Sequence[Spooled]) -> list[RecordedEntry | LaurelsError | None]:
        """Record events from the spool; one result each, None if the store went away before it answered."""
        if not self._availability.is_available:
            return [None] * len(spooled)
        # The age of the timestamp was checked when the event was accepted.
        prepared = self._recorder.prepare(
            [each.event for each in spooled], earliest=0, arrivals=[each.arrived_at for each in spooled]
        )
        results = await self._recorder.carry_out(prepared)
        if self._recorder.committer.task.is_dead:
            # Ignores the results: another process must record these.
            raise InternalFault("The recorder of this process has ended; another one has to drain the spool.")
        return [None if result is self._away else result for result in results]

    async def change_profile(self, user_id: str, changes: Mapping[str, Any]) -> Progress:
        """Set profile fields, see `Recorder.change_profile`. Never queued: raises StoreUnavailable while the store is
        away, or if it goes away before it answers."""
        if not self._availability.is_available:
            raise StoreUnavailable("The store is away and profiles are not queued; try again in a moment.")
        try:
            return await self._recorder.change_profile(user_id, changes)
        except StoreUnavailable as error:
            # Many callers may get this same error object. Raising it again would collect the frames of them all.
            if error is self._away:
                raise StoreUnavailable(
                    "The store did not answer in time; what was asked for may have been done. Try again in a moment."
                ) from None
            raise

    async def _record(self, commands: Mapping[int, RecordEvent]) -> dict[int, RecordedEntry | LaurelsError]:
        """Commit events if the store is available; the results that are known."""
        if not commands or not self._availability.is_available:
            return {}
        results = await self._recorder.carry_out(list(commands.values()))
        found = zip(commands, results, strict=True)
        return {index: result for index, result in found if not isinstance(result, StoreError)}

    async def _queue(
        self, commands: Mapping[int, RecordEvent], arrived_at: int
    ) -> dict[int, QueuedEvent | EventConflict | StoreError]:
        """Put events into the spool, all or none; one result each. An event whose id is already in the spool is not
        added again: with the same content it is queued, with other content it is a conflict."""
        if not commands:
            return {}
        queued = {index: QueuedEvent(_with_id(each), each.at) for index, each in commands.items()}
        try:
            earlier = await self._spool.append([Spooled(each.event, arrived_at) for each in queued.values()])
        except StoreError as error:
            return dict.fromkeys(commands, error)
        self._recorder.stats.queued += earlier.count(None)
        found = zip(queued.items(), earlier, strict=True)
        return {index: each if before is None else _repeated(each.event, before) for (index, each), before in found}


def _repeated(event: LearningEvent, earlier: Spooled) -> QueuedEvent | EventConflict:
    """The result for an event whose id is already in the spool."""
    first = earlier.event
    at = earlier.arrived_at if first.timestamp is None else to_ms(first.timestamp)
    if is_same_content(event, first, at=at):
        return QueuedEvent(first, at)
    return EventConflict(event.user_id, event.event_id or "")


def _without(commands: Mapping[int, RecordEvent], results: Mapping[int, Accepted]) -> dict[int, RecordEvent]:
    return {index: each for index, each in commands.items() if index not in results}


def _with_id(command: RecordEvent) -> LearningEvent:
    event = command.event
    return event if event.event_id is not None else replace(event, event_id=command.event_id)
