"""The way into the ledger for callers: checks their requests, commits them, and waits for the results.

Invalid requests are refused here, before they reach the committer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from time import monotonic
from typing import Any, TypeVar

from laurels.application.ports.clock import Clock
from laurels.application.ports.store import Store
from laurels.application.recording.commands import AppendAmendment, ChangeProfile, Command, RecordedEntry, RecordEvent
from laurels.application.recording.committer import Committer
from laurels.application.recording.progress_cache import ProgressCache
from laurels.domain.events import LearningEvent, check_event, normal_event
from laurels.domain.profiles import check_profile
from laurels.domain.progress import Progress
from laurels.domain.revisions.amendments import Amendment
from laurels.domain.rules.rulebook import Rulebook
from laurels.errors import LaurelsError

T = TypeVar("T")

BATCH = 1_000
# Seconds of checking events before other tasks get their turn, and the number of events between two looks at the clock.
_TURN = 0.005
_STEP = 16


class Recorder:
    """Records events and profile changes through one store.

    `batch` is the maximum size of a commit: larger commits cost the store less per entry, but callers wait longer.
    `on_outage`: see `Committer`.
    """

    def __init__(
        self,
        store: Store,
        rulebook: Rulebook,
        clock: Clock,
        cache: ProgressCache,
        *,
        batch: int = BATCH,
        on_outage: Callable[[str], object] = lambda _: None,
    ) -> None:
        self.rulebook = rulebook
        self.clock = clock
        self.cache = cache
        self.committer = Committer(store, rulebook, clock, cache, batch=batch, on_outage=on_outage)
        self.stats = self.committer.stats

    async def record_many(
        self, events: Sequence[LearningEvent], *, earliest: int, is_imported: bool = False
    ) -> list[RecordedEntry | LaurelsError]:
        """Record events in order; one result each, an error if an event could not be recorded.

        A Recorded event survives the death of this process. After StoreUnavailable it is not known whether the event
        was recorded: repeating it with its id settles that. `earliest` (milliseconds) is how far back a timestamp may
        lie. `is_imported`: see `EventRecorded`.
        """
        if is_imported:
            # No pause in between: so the events of two calls are recorded in the order of the calls.
            return await self.carry_out(self.prepare(events, earliest=earliest, is_imported=True))
        return await self.carry_out(await self.prepare_many(events, earliest=earliest))

    async def record_one(self, event: LearningEvent, *, earliest: int) -> RecordedEntry:
        """Record one event, see `record_many`. Raises InvalidEvent, EventConflict or StoreError."""
        command = self._command_of(event, self.clock(), earliest)
        self.committer.submit((command,))
        result = await command.answer
        if isinstance(result, LaurelsError):
            raise result
        return result

    def prepare(
        self,
        events: Sequence[LearningEvent],
        *,
        earliest: int,
        arrivals: Sequence[int] | None = None,
        is_imported: bool = False,
    ) -> list[RecordEvent | LaurelsError]:
        """Check events, and make a command of each valid one, for `carry_out` or the committer.

        `arrivals` (milliseconds) are the arrival times of the events, if that is not now.
        """
        prepared: list[RecordEvent | LaurelsError] = []
        now = self.clock()
        for index, event in enumerate(events):
            try:
                arrived = now if arrivals is None else arrivals[index]
                prepared.append(self._command_of(event, arrived, earliest, is_imported=is_imported))
            except LaurelsError as error:
                # Its traceback would hold this list, which holds it: only the garbage collector would free them.
                prepared.append(error.with_traceback(None))
        return prepared

    def _command_of(
        self, event: LearningEvent, arrived: int, earliest: int, *, is_imported: bool = False
    ) -> RecordEvent:
        """The command for a valid event. Raises InvalidEvent."""
        try:
            normal = normal_event(event)
            at = check_event(normal, self.rulebook.event_types, now=arrived, earliest=earliest)
        except LaurelsError:
            self.stats.invalid += 1
            raise
        return RecordEvent(normal, at, is_imported=is_imported)

    async def prepare_many(
        self, events: Sequence[LearningEvent], *, earliest: int, arrived_at: int | None = None
    ) -> list[RecordEvent | LaurelsError]:
        """The same for events that all arrived at one instant; other tasks get their turn in between."""
        prepared: list[RecordEvent | LaurelsError] = []
        until = monotonic() + _TURN
        for start in range(0, len(events), _STEP):
            if monotonic() > until:
                await asyncio.sleep(0)
                until = monotonic() + _TURN
            part = events[start : start + _STEP]
            arrivals = None if arrived_at is None else [arrived_at] * len(part)
            prepared += self.prepare(part, earliest=earliest, arrivals=arrivals)
        return prepared

    async def carry_out(self, prepared: Sequence[Command[T] | LaurelsError]) -> list[T | LaurelsError]:
        """Carry out commands in order; one result each, for an error the error itself."""
        self.committer.submit([each for each in prepared if not isinstance(each, LaurelsError)])
        return [each if isinstance(each, LaurelsError) else await each.answer for each in prepared]

    async def change_profile(self, user_id: str, changes: Mapping[str, Any]) -> Progress:
        """Set profile fields by wire name (`displayName`, `photoURL`, `timeZone`, `preferences`) and return the user's
        progress after it. An unknown user is created. Raises InvalidProfile or StoreError."""
        check_profile(user_id, changes)
        return await self._change(user_id, changes)

    async def suspend(self, user_id: str, *, is_suspended: bool) -> Progress:
        """Take a user off all boards, or let them back; the user's profile cannot override it.

        Raises UserDeleted or StoreError.
        """
        return await self._change(user_id, {"suspended": is_suspended})

    async def amend(self, amendment: Amendment) -> bool:
        """Write an entry that was decided on a whole ledger; False if the ledger has new entries, and then nothing is
        written. Raises UserDeleted or StoreError."""
        [result] = await self.carry_out([AppendAmendment(amendment)])
        if isinstance(result, LaurelsError):
            raise result
        return result

    async def _change(self, user_id: str, changes: Mapping[str, Any]) -> Progress:
        [result] = await self.carry_out([ChangeProfile(user_id, changes)])
        if isinstance(result, LaurelsError):
            raise result
        return result

    async def close(self) -> None:
        """Commit the accepted commands, then stop. Later calls are refused."""
        await self.committer.close()
