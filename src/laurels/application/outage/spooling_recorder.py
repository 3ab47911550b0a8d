"""The way in that stays open while the store is away: into the ledger where possible, else into the spool.

Every event has its id and its instant before the first attempt to record it. So an event of which it is not known
whether the ledger has it goes into the spool, and what comes of both is one entry.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from msgspec.structs import replace

from laurels.application.outage.availability import Availability
from laurels.application.ports.clock import Clock
from laurels.application.ports.spool import Spool, Spooled
from laurels.application.recording.commands import Command, Group, Queued, Recorded, RecordEvent, Result
from laurels.application.recording.recorder import Recorder, changed
from laurels.domain.events import LearningEvent
from laurels.domain.progress import Progress
from laurels.errors import InternalFault, LaurelsError, StoreError, StoreUnavailable


class SpoolingRecorder:
    """Takes events in over one recorder, which it withdraws them from when the store goes away."""

    def __init__(self, recorder: Recorder, spool: Spool, availability: Availability, clock: Clock) -> None:
        self._recorder = recorder
        self._spool = spool
        self._availability = availability
        self._clock = clock
        # In order of arrival: in that order they go into the spool when the store goes away.
        self._under_way: dict[Group, None] = {}
        self._withdrawn: StoreError | None = None
        availability.on_away.subscribe(self._give_up)
        availability.watch(lambda: recorder.asked_at)
        recorder.on_outage.subscribe(availability.suspect)

    async def accept_many(
        self, events: Sequence[LearningEvent], *, earliest: int
    ) -> list[Recorded | Queued | LaurelsError]:
        """Record events, or queue those that cannot be recorded now; one result each, in order.

        The result of an event that could be neither is the StoreError that kept it out of the spool. `earliest`
        (milliseconds) is how far back a timestamp may lie.
        """
        now = self._clock()
        # The same instant for what the recorder makes of an event and for its copy in the spool.
        group = self._recorder.prepare(events, earliest=earliest, arrivals=[now] * len(events))
        if not group.commands:
            return group.results  # pyright: ignore[reportReturnType]  every event was refused
        if not self._availability.is_available:
            await self._spool_commands(group.commands, now)
            return group.results  # pyright: ignore[reportReturnType]
        direct = group.commands
        if not self._spool.is_empty:
            # Who has events waiting gets in line behind them, whatever the store says: order per user is kept.
            waiting = await self._spool.waiting_of({command.user_id for command in direct})
            if waiting:
                await self._spool_commands([each for each in direct if each.user_id in waiting], now)
                direct = [each for each in direct if each.user_id not in waiting]
        if direct:
            await self._settle(group, direct)
            await self._spool_commands([each for each in direct if _is_open(group.results[each.index])], now)
        return group.results  # pyright: ignore[reportReturnType]

    async def record_spooled(self, spooled: Sequence[Spooled]) -> list[Recorded | LaurelsError | None]:
        """Record what waits in the spool; one result each, None where the store went away before it answered."""
        # How far back a timestamp may lie was asked when the event was accepted.
        group = self._recorder.prepare(
            [each.event for each in spooled], earliest=0, arrivals=[each.arrived_at for each in spooled]
        )
        if group.open:
            await self._settle(group, group.commands)
        if self._recorder.task.is_dead:
            # Whatever the results say: another process is to record these.
            raise InternalFault("The recorder of this process has ended; the spool is drained by another one.")
        return [None if result is self._withdrawn else result for result in group.results]  # pyright: ignore[reportReturnType]

    async def change_profile(self, user_id: str, changes: Mapping[str, Any]) -> Progress:
        """Set profile fields, see `Recorder.change_profile`. Not queued: raises StoreUnavailable while the store is
        away, or when it goes away before it has answered."""
        group = self._recorder.prepare_profile(user_id, changes)
        if not self._availability.is_available:
            raise StoreUnavailable("The store is away; profiles cannot be changed now.")
        await self._settle(group, group.commands)
        return changed(group)

    async def _settle(self, group: Group, commands: Iterable[Command]) -> None:
        """Wait until the group has its results, or the store is away."""
        self._under_way[group] = None
        try:
            if self._availability.is_available:
                self._recorder.submit(commands)
                await group.done
        finally:
            del self._under_way[group]

    def _give_up(self) -> None:
        for group in self._under_way:
            if not group.done.done():
                group.done.set_result(None)
        self._withdrawn = StoreUnavailable("The store is away.")
        self._recorder.withdraw(self._withdrawn)

    async def _spool_commands(self, commands: Sequence[Command], arrived_at: int) -> None:
        """Queue events and settle their commands. A command that a commit is still busy with finds its copy."""
        spooled: list[Spooled] = []
        queued: list[tuple[RecordEvent, Queued]] = []
        for command in commands:
            if isinstance(command, RecordEvent):
                command.look_up()
                event = command.event
                if event.event_id is None:
                    event = replace(event, event_id=command.event_id)
                spooled.append(Spooled(event, arrived_at))
                queued.append((command, Queued(event, command.at)))
        if not spooled:
            return
        try:
            await self._spool.append(spooled)
        except StoreError as error:
            for command, _ in queued:
                command.group.overrule(command.index, error)
            return
        self._recorder.stats.queued += len(queued)
        for command, result in queued:
            command.group.overrule(command.index, result)


def _is_open(result: Result | None) -> bool:
    """Whether the ledger may not have the event: nobody said so, or the store failed."""
    return result is None or isinstance(result, StoreError)
