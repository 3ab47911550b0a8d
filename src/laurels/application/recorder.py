"""The way into the ledger: validates, waits, commits, acknowledges.

One committer per process takes whatever has queued while the last commit ran. Nobody waits for a timer: one
event alone goes at once, a thousand at a time share one durable write.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any

import msgspec

from laurels.application.commands import Adopted, AdoptUser, ChangeProfile, Command, Group, Recorded, RecordEvent
from laurels.application.ports import Clock, Store
from laurels.application.profiles import check_profile
from laurels.application.progress_cache import ProgressCache
from laurels.application.turns import Turns
from laurels.domain.events import LearningEvent, check_event
from laurels.domain.ledger import Entry
from laurels.domain.progress import Progress
from laurels.domain.rulebook import Rulebook
from laurels.errors import LaurelsError, StoreContended, StoreError, StoreUnavailable

BATCH = 1_000
ATTEMPTS = 50
# Seconds that a batch waits for projections while memory is full of users who need one.
LONGEST_WAIT = 1.0


class Recorder:
    """Records events and profile changes through one store.

    `turns` is what a projector of the same process needs to follow. `batch` is the most that one commit takes: a
    larger one costs the store less for each entry, and those who wait for it more.
    """

    def __init__(
        self, store: Store, rulebook: Rulebook, clock: Clock, cache: ProgressCache, *, batch: int = BATCH
    ) -> None:
        self._store = store
        self._rulebook = rulebook
        self._clock = clock
        self.cache = cache
        self._queue: deque[Command] = deque()
        self._arrived = asyncio.Event()
        self._closing = False
        self._batch = batch
        self.turns = Turns()
        self._task = asyncio.create_task(self._run(), name="laurels-committer")

    async def record_many(self, events: Sequence[LearningEvent], *, earliest: int) -> list[Recorded | LaurelsError]:
        """Record events in order; one result each, an error where an event could not be recorded.

        An event whose result is a Recorded survives the death of this process. After StoreUnavailable it is not
        known whether it does: repeating it with its id settles that. `earliest` (milliseconds) is how far back
        a timestamp may lie.
        """
        self._refuse_when_closed()
        group = Group(len(events))
        now = self._clock()
        types = self._rulebook.event_types
        for index, event in enumerate(events):
            try:
                at = check_event(event, types, now=now, earliest=earliest)
            except LaurelsError as error:
                group.settle(index, error)
            else:
                self._queue.append(RecordEvent(event, at, group, index))
        await self._settle(group)
        return group.results  # pyright: ignore[reportReturnType]  every slot holds the result of an event

    async def change_profile(self, user_id: str, changes: Mapping[str, Any]) -> Progress:
        """Set profile fields by wire name (`displayName`, `photoURL`, `timeZone`, `preferences`) and return the
        user's progress after it. An unknown user comes into being. Raises InvalidProfile or StoreError."""
        self._refuse_when_closed()
        check_profile(user_id, changes)
        group = Group(1)
        self._queue.append(ChangeProfile(user_id, changes, group, 0))
        await self._settle(group)
        [result] = group.results
        if isinstance(result, LaurelsError):
            raise result
        assert isinstance(result, Progress)  # noqa: S101  what a profile change results in
        return result

    async def carry_out(self, group: Group, commands: Iterable[Command]) -> None:
        """Carry out commands of a group, in order; returns when each of the group has its result."""
        self._refuse_when_closed()
        self._queue.extend(commands)
        await self._settle(group)

    async def close(self) -> None:
        """Commit what was accepted, then stop. Later calls are refused."""
        self._closing = True
        self._arrived.set()
        await self._task

    def _refuse_when_closed(self) -> None:
        if self._closing:
            raise StoreUnavailable("Laurels is shutting down; nothing was recorded. Try again in a moment.")

    async def _settle(self, group: Group) -> None:
        if group.open:
            self._arrived.set()
            await group.done

    async def _run(self) -> None:
        while True:
            if not self._queue:
                if self._closing:
                    return
                self._arrived.clear()
                await self._arrived.wait()
                continue
            if self.cache.is_crowded:
                await self._wait_for_projections()
            batch = [self._queue.popleft() for _ in range(min(self._batch, len(self._queue)))]
            async with self.turns.settled:
                try:
                    await self._commit(batch)
                except (StoreUnavailable, StoreContended) as error:
                    self._fail(batch, error)
                except Exception:
                    await self._commit_singly(batch)
                finally:
                    self.cache.trim()
            self.turns.committed.set()

    async def _wait_for_projections(self) -> None:
        """Let the projector catch up a little, so that memory stays bounded; but go on without it if it cannot."""
        self.turns.projected.clear()
        self.turns.crowded.set()
        with suppress(TimeoutError):
            await asyncio.wait_for(self.turns.projected.wait(), LONGEST_WAIT)
        self.cache.trim()

    async def _commit_singly(self, batch: list[Command]) -> None:
        """After a fault of ours: one command that cannot be decided must not take the others down with it."""
        self.cache.drop({command.user_id for command in batch})
        for command in batch:
            if command.group.results[command.index] is not None:
                continue
            try:
                await self._commit([command])
            except StoreError as error:
                self._fail([command], error)
            except Exception as error:
                failure = StoreUnavailable("The event could not be recorded because of an internal fault.")
                failure.__cause__ = error
                self._fail([command], failure)

    def _fail(self, batch: Iterable[Command], error: StoreError) -> None:
        self.cache.drop({command.user_id for command in batch})
        for command in batch:
            if command.group.results[command.index] is None:
                command.group.settle(command.index, error)

    async def _commit(self, batch: list[Command]) -> None:
        for _ in range(ATTEMPTS):
            users = {command.user_id: None for command in batch}
            # These may find that there is nothing to write, and then no append corrects it.
            doubted = {command.user_id for command in batch if isinstance(command, ChangeProfile | AdoptUser)}
            keys = {command.key for command in batch if command.key}
            known = await self.cache.refresh(users, keys, doubted=doubted)
            made = self._fold(batch, known)
            entries = [entry for _, entry, is_new in made if is_new and entry is not None]
            refused = await self._store.append(entries) if entries else frozenset[str]()
            self.cache.drop(refused)
            self.cache.weigh(users)
            for command, entry, is_new in made:
                if command.user_id not in refused:
                    self._acknowledge(command, entry, is_new=is_new)
            batch = [command for command in batch if command.user_id in refused]
            if not batch:
                return
        self._fail(batch, StoreContended("Other writers kept recording for this user at the same moment; try again."))

    def _fold(
        self, batch: list[Command], known: dict[tuple[str, str], Entry]
    ) -> list[tuple[Command, Entry | None, bool]]:
        """Each command with its entry (None: nothing to write) and whether that entry is new.

        Even a replay is only answered after the append: what it repeats may stand in this same batch.
        """
        made: list[tuple[Command, Entry | None, bool]] = []
        for command in batch:
            found = known.get(command.key) if command.key else None
            if found is not None:
                made.append((command, found, False))
                continue
            cached = self.cache.get(command.user_id)
            entry = command.decide(cached.progress, self._rulebook, self._clock())
            made.append((command, entry, entry is not None))
            if entry is not None:
                self.cache.touch(cached, entry)
                if command.key:
                    known[command.key] = entry
        return made

    def _acknowledge(self, command: Command, entry: Entry | None, *, is_new: bool) -> None:
        if isinstance(command, ChangeProfile):
            result = _copy(self.cache.get(command.user_id).progress)
        elif isinstance(command, AdoptUser):
            result = Adopted(entry, command.is_first, command.difference)
        elif entry is not None and is_new:
            result = Recorded(entry, is_replay=False)
        else:
            assert entry is not None  # noqa: S101  an event always has one
            result = command.replay(entry)
        command.group.settle(command.index, result)


def _copy(progress: Progress) -> Progress:
    return msgspec.json.decode(msgspec.json.encode(progress), type=Progress)
