"""The way in that stays open while the store is away: into the ledger where possible, else into the spool.

Every event has its id and its instant before the first attempt to record it. So an event of which it is not known
whether the ledger has it goes into the spool, and what comes of both is one entry.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec.structs import replace

from laurels.application.outage.availability import Availability
from laurels.application.ports.clock import Clock
from laurels.application.ports.spool import Spool, Spooled
from laurels.application.recording.commands import Queued, Recorded, RecordEvent
from laurels.application.recording.recorder import Recorder
from laurels.domain.events import LearningEvent, is_same_content
from laurels.domain.periods import to_ms
from laurels.domain.progress import Progress
from laurels.errors import EventConflict, InternalFault, LaurelsError, StoreError, StoreUnavailable

Accepted = Recorded | Queued | LaurelsError


class SpoolingRecorder:
    """Takes events in over one recorder.

    When the store goes away, the committer gives up all that waits for it, and each caller puts its events into the
    spool instead.
    """

    def __init__(self, recorder: Recorder, spool: Spool, availability: Availability, clock: Clock) -> None:
        self._recorder = recorder
        self._spool = spool
        self._availability = availability
        self._clock = clock
        # What everybody is told who waits when the store goes away.
        self._away = StoreUnavailable("The store is away; try again in a moment.")
        availability.on_away.subscribe(lambda _: recorder.committer.give_up(self._away))

    async def accept_many(self, events: Sequence[LearningEvent], *, earliest: int) -> list[Accepted]:
        """Record events, or queue those that cannot be recorded now; one result each, in order.

        The result of an event that could be neither is the StoreError that kept it out of the spool. `earliest`
        (milliseconds) is how far back a timestamp may lie.
        """
        now = self._clock()
        results: dict[int, Accepted] = {}
        commands: dict[int, RecordEvent] = {}
        # The same instant for what the recorder makes of an event and for its copy in the spool.
        prepared = await self._recorder.prepare_many(events, earliest=earliest, arrived_at=now)
        for index, each in enumerate(prepared):
            if isinstance(each, RecordEvent):
                commands[index] = each
            else:
                results[index] = each
        if commands and self._availability.is_available and not self._spool.is_empty:
            # Events of users who have some in the spool go in line behind them: order per user is kept.
            in_line = await self._spool.waiting_of({each.user_id for each in commands.values()})
            behind = {index: each for index, each in commands.items() if each.user_id in in_line}
            results |= await self._queue(behind, now)
        results |= await self._record(_without(commands, results))
        results |= await self._queue(_without(commands, results), now)
        return [results[index] for index in range(len(events))]

    async def record_spooled(self, spooled: Sequence[Spooled]) -> list[Recorded | LaurelsError | None]:
        """Record what waits in the spool; one result each, None where the store went away before it answered."""
        if not self._availability.is_available:
            return [None] * len(spooled)
        # How far back a timestamp may lie was asked when the event was accepted.
        prepared = self._recorder.prepare(
            [each.event for each in spooled], earliest=0, arrivals=[each.arrived_at for each in spooled]
        )
        results = await self._recorder.carry_out(prepared)
        if self._recorder.committer.task.is_dead:
            # Whatever the results say: another process is to record these.
            raise InternalFault("The recorder of this process has ended; another one has to drain the spool.")
        return [None if result is self._away else result for result in results]

    async def change_profile(self, user_id: str, changes: Mapping[str, Any]) -> Progress:
        """Set profile fields, see `Recorder.change_profile`. Not queued: raises StoreUnavailable while the store is
        away, or when it goes away before it has answered."""
        if not self._availability.is_available:
            raise StoreUnavailable("The store is away and profiles are not queued; try again in a moment.")
        try:
            return await self._recorder.change_profile(user_id, changes)
        except StoreUnavailable as error:
            # One that many may get is not raised any further: it would collect the frames of them all.
            if error is self._away:
                raise StoreUnavailable(
                    "The store did not answer in time; what was asked for may have been done. Try again in a moment."
                ) from None
            raise

    async def _record(self, commands: Mapping[int, RecordEvent]) -> dict[int, Recorded | LaurelsError]:
        """Have events committed where the store is there; the results of those of which something is known."""
        if not commands or not self._availability.is_available:
            return {}
        results = await self._recorder.carry_out(list(commands.values()))
        found = zip(commands, results, strict=True)
        return {index: result for index, result in found if not isinstance(result, StoreError)}

    async def _queue(
        self, commands: Mapping[int, RecordEvent], arrived_at: int
    ) -> dict[int, Queued | EventConflict | StoreError]:
        """Put events into the spool, all or none; what to tell of each. One whose id lies there already is not put
        there again: with the same content it is queued, with other content a conflict."""
        if not commands:
            return {}
        queued = {index: Queued(_with_id(each), each.at) for index, each in commands.items()}
        try:
            earlier = await self._spool.append([Spooled(each.event, arrived_at) for each in queued.values()])
        except StoreError as error:
            return dict.fromkeys(commands, error)
        self._recorder.stats.queued += earlier.count(None)
        found = zip(queued.items(), earlier, strict=True)
        return {index: each if before is None else _repeated(each.event, before) for (index, each), before in found}


def _repeated(event: LearningEvent, earlier: Spooled) -> Queued | EventConflict:
    """What to tell of an event whose id lies in the spool."""
    first = earlier.event
    at = earlier.arrived_at if first.timestamp is None else to_ms(first.timestamp)
    if is_same_content(event, first, at=at):
        return Queued(first, at)
    return EventConflict(event.user_id, event.event_id or "")


def _without(commands: Mapping[int, RecordEvent], results: Mapping[int, Accepted]) -> dict[int, RecordEvent]:
    return {index: each for index, each in commands.items() if index not in results}


def _with_id(command: RecordEvent) -> LearningEvent:
    event = command.event
    return event if event.event_id is not None else replace(event, event_id=command.event_id)
