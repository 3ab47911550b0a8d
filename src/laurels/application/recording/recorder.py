"""The way into the ledger: validates, waits, commits, acknowledges.

One committer per process takes whatever has queued while the last commit ran. Nobody waits for a timer: one
event alone goes at once, a thousand at a time share one durable write.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from time import monotonic
from typing import Any

import msgspec

from laurels.application.background import BackgroundTask, Observers
from laurels.application.ports.clock import Clock
from laurels.application.ports.store import Store
from laurels.application.recording.commands import (
    Amend,
    ChangeProfile,
    Command,
    Group,
    Migrated,
    MigrateUser,
    Recorded,
    RecordEvent,
)
from laurels.application.recording.progress_cache import ProgressCache
from laurels.application.recording.progress_lock import ProgressLock
from laurels.application.recording.stats import RecorderStats
from laurels.domain.amendments import Amendment
from laurels.domain.events import LearningEvent, check_event
from laurels.domain.ledger import Entry
from laurels.domain.profiles import check_profile
from laurels.domain.progress import Progress
from laurels.domain.rules.rulebook import Rulebook
from laurels.errors import (
    EventConflict,
    InternalFault,
    LaurelsError,
    StoreContended,
    StoreError,
    StoreUnavailable,
    UserDeleted,
)

logger = logging.getLogger(__name__)

BATCH = 1_000
ATTEMPTS = 50
# Seconds that a batch waits for projections while memory is full of users who need one.
LONGEST_WAIT = 1.0

_DEAD = "This process can record nothing any more because of a fault of its own; its log has the cause. Restart it."


class Recorder:
    """Records events and profile changes through one store.

    `turns` is what a projector of the same process needs to follow. `batch` is the most that one commit takes: a
    larger one costs the store less for each entry, and those who wait for it more.
    """

    def __init__(
        self, store: Store, rulebook: Rulebook, clock: Clock, cache: ProgressCache, *, batch: int = BATCH
    ) -> None:
        self._store = store
        self.rulebook = rulebook
        self.clock = clock
        self.cache = cache
        self._queue: deque[Command] = deque()
        self._arrived = asyncio.Event()
        self._closing = False
        self._batch = batch
        self.progress_lock = ProgressLock()
        self.stats = RecorderStats()
        # When the store was asked for what is under way (seconds, monotonic); None between batches.
        self.asked_at: float | None = None
        # Cursor when a commit finds the store unavailable, before anything else is committed.
        self.on_outage: Observers[[]] = Observers("outages")
        # Cursor of the entries that a commit has written.
        self.on_commit: Observers[[Sequence[Entry]]] = Observers("entries")
        self._under_way: list[Command] = []
        self._expects_replays = False
        self.task = BackgroundTask("laurels-committer", self._turn, is_vital=True, on_death=self._fail_all)
        self.task.start()

    async def record_many(self, events: Sequence[LearningEvent], *, earliest: int) -> list[Recorded | LaurelsError]:
        """Record events in order; one result each, an error where an event could not be recorded.

        An event whose result is a Recorded survives the death of this process. After StoreUnavailable it is not
        known whether it does: repeating it with its id settles that. `earliest` (milliseconds) is how far back
        a timestamp may lie.
        """
        group = self.prepare(events, earliest=earliest)
        self.submit(group.commands)
        if group.open:
            await group.done
        return group.results  # pyright: ignore[reportReturnType]  every slot holds the result of an event

    def prepare(
        self, events: Sequence[LearningEvent], *, earliest: int, arrivals: Sequence[int] | None = None
    ) -> Group:
        """Check events and make commands of those in order, which `submit` then takes.

        `arrivals` (milliseconds) tells of each event when it arrived, where that was not just now.
        """
        group = Group(len(events))
        now = self.clock()
        types = self.rulebook.event_types
        for index, event in enumerate(events):
            try:
                arrived = now if arrivals is None else arrivals[index]
                at = check_event(event, types, now=arrived, earliest=earliest)
            except LaurelsError as error:
                self.stats.invalid += 1
                group.settle(index, error)
            else:
                group.commands.append(RecordEvent(event, at, group, index))
        return group

    def submit(self, commands: Iterable[Command]) -> None:
        """Have commands committed, in order; each settles in its group.

        Raises StoreUnavailable after `close`, and InternalFault when nothing will ever be committed again.
        """
        if self.task.is_dead:
            raise InternalFault(_DEAD)
        if self._closing:
            raise StoreUnavailable("Laurels is shutting down; nothing was recorded. Try again in a moment.")
        self._queue.extend(commands)
        self._arrived.set()

    def withdraw(self, error: LaurelsError) -> None:
        """Settle all that no commit has begun with by `error`."""
        commands, self._queue = self._queue, deque()
        for command in commands:
            command.group.settle(command.index, error)

    @property
    def queue_length(self) -> int:
        """How many commands wait for the next commit."""
        return len(self._queue)

    @property
    def unsettled(self) -> set[str]:
        """Users whose progress in memory is ahead of what the store has acknowledged."""
        return {command.user_id for command in self._under_way}

    async def change_profile(self, user_id: str, changes: Mapping[str, Any]) -> Progress:
        """Set profile fields by wire name (`displayName`, `photoURL`, `timeZone`, `preferences`) and return the
        user's progress after it. An unknown user comes into being. Raises InvalidProfile or StoreError."""
        group = self.prepare_profile(user_id, changes)
        self.submit(group.commands)
        await group.done
        return changed(group)

    def prepare_profile(self, user_id: str, changes: Mapping[str, Any]) -> Group:
        """Check a change of a profile and make a command of it. Raises InvalidProfile."""
        check_profile(user_id, changes)
        group = Group(1)
        group.commands.append(ChangeProfile(user_id, changes, group, 0))
        return group

    async def suspend(self, user_id: str, *, is_suspended: bool) -> Progress:
        """Take a user off all boards, or let them back; their profile has no say in it.

        Raises UserDeleted or StoreError.
        """
        group = Group(1)
        group.commands.append(ChangeProfile(user_id, {"suspended": is_suspended}, group, 0))
        await self.carry_out(group, group.commands)
        return changed(group)

    async def amend(self, amendment: Amendment) -> bool:
        """Write an entry that was decided on a whole ledger; False where that has gone on since, and nothing is
        written. Raises UserDeleted or StoreError."""
        group = Group(1)
        group.commands.append(Amend(amendment, group, 0))
        await self.carry_out(group, group.commands)
        [result] = group.results
        if isinstance(result, LaurelsError):
            raise result
        return result is True

    async def carry_out(self, group: Group, commands: Iterable[Command]) -> None:
        """Carry out commands of a group, in order; returns when each of the group has its result."""
        self.submit(commands)
        if group.open:
            await group.done

    async def close(self) -> None:
        """Commit what was accepted, then stop. Later calls are refused."""
        self._closing = True
        self._arrived.set()
        await self.task.wait()

    async def _turn(self) -> float | None:
        """Commit one batch of what has queued; wait for the first command where nothing has."""
        if not self._queue:
            if self._closing:
                return None
            self._arrived.clear()
            await self._arrived.wait()
            return 0
        if self.cache.is_crowded:
            await self._wait_for_projections()
        batch = [self._queue.popleft() for _ in range(min(self._batch, len(self._queue)))]
        started = self.asked_at = monotonic()
        async with self.progress_lock.settled:
            self._under_way = batch
            try:
                await self._commit_or_fail(batch)
            except BaseException:
                # The task is at its end.
                self._fail(batch, InternalFault(_DEAD))
                raise
            finally:
                self._under_way, self.asked_at = [], None
                self.cache.trim()
        self.stats.committed(len(batch), monotonic() - started)
        self.progress_lock.committed.set()
        return 0

    async def _wait_for_projections(self) -> None:
        """Let the projector catch up a little, so that memory stays bounded; but go on without it if it cannot."""
        self.progress_lock.projected.clear()
        self.progress_lock.crowded.set()
        with suppress(TimeoutError):
            await asyncio.wait_for(self.progress_lock.projected.wait(), LONGEST_WAIT)
        self.cache.trim()

    async def _commit_or_fail(self, batch: list[Command]) -> None:
        """Commit, or give each command of the batch the error that kept it out. Raises no Exception.

        A fault of ours is narrowed down by halves to the commands that cause it, so that the others are recorded.
        """
        try:
            await self._commit(batch)
            self.stats.is_store_away = False
        except StoreError as error:
            self.stats.commits_failed += 1
            self.stats.is_store_away = isinstance(error, StoreUnavailable)
            self._fail(batch, error)
            if isinstance(error, StoreUnavailable):
                self.on_outage.tell()
        except Exception as fault:
            self.cache.drop({command.user_id for command in batch})
            left = [command for command in batch if command.is_open]
            if len(left) > 1:
                # It may have come when the entries stood already: then they are found, and answered as they are.
                for command in left:
                    command.look_up()
                await self._commit_or_fail(left[: len(left) // 2])
                await self._commit_or_fail(left[len(left) // 2 :])
            elif left:
                self._fail_by_fault(left[0], fault)

    def _fail_by_fault(self, command: Command, fault: Exception) -> None:
        self.stats.faults += 1
        logger.error("%s cannot be carried out", type(command).__name__, exc_info=fault)
        error = InternalFault("Laurels could not carry this out because of a fault of its own; its log has the cause.")
        error.__cause__ = fault
        self._fail([command], error)

    def _fail_all(self) -> None:
        """The committer has ended, and nobody is to wait for it."""
        self.withdraw(InternalFault(_DEAD))

    def _fail(self, batch: Iterable[Command], error: LaurelsError) -> None:
        left = [command for command in batch if command.is_open]
        self.cache.drop({command.user_id for command in left})
        for command in left:
            command.group.settle(command.index, error)

    async def _commit(self, batch: list[Command]) -> None:
        for _ in range(ATTEMPTS):
            self.asked_at = monotonic()
            users = {command.user_id: None for command in batch}
            # These may find that there is nothing to write, and then no append corrects it.
            doubted = {command.user_id for command in batch if isinstance(command, ChangeProfile | MigrateUser | Amend)}
            keys = {command.key for command in batch if command.key and self._looks_up(command)}
            known = await self.cache.refresh(users, keys, doubted=doubted)
            if self.cache.deleted:
                batch = self._refuse_deleted(batch)
                if not batch:
                    return
            found = bool(known)
            made = self._fold(batch, known)
            entries = [entry for _, entry, is_new in made if is_new and entry is not None]
            refused = await self._store.ledger.append(entries) if entries else frozenset[str]()
            # Whatever an append refuses, or a look finds, says that events are being repeated: then looking first is
            # cheaper. Where nothing is repeated there is nothing to look for, and an append would notice.
            self._expects_replays = found or bool(refused)
            self.cache.drop(refused)
            self.cache.weigh(users)
            for command, entry, is_new in made:
                if command.user_id not in refused:
                    self._acknowledge(command, entry, is_new=is_new)
            if self.on_commit:
                self.on_commit.tell([entry for entry in entries if entry.user_id not in refused])
            batch = [command for command in batch if command.user_id in refused]
            if not batch:
                return
        self._fail(batch, StoreContended("Other writers kept recording for this user at the same moment; try again."))

    def _refuse_deleted(self, batch: Iterable[Command]) -> list[Command]:
        """Settle the commands of users who were deleted; the others."""
        living: list[Command] = []
        for command in batch:
            if command.user_id in self.cache.deleted:
                command.group.settle(command.index, UserDeleted())
            else:
                living.append(command)
        return living

    def _looks_up(self, command: Command) -> bool:
        """Whether to ask if the command's event stands already, before it is decided as if it did not."""
        return self._expects_replays or not isinstance(command, RecordEvent)

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
            entry = command.decide(cached.progress, self.rulebook, self.clock())
            made.append((command, entry, entry is not None))
            if entry is not None:
                self.cache.touch(cached, entry)
                if command.key:
                    known[command.key] = entry
        return made

    def _acknowledge(self, command: Command, entry: Entry | None, *, is_new: bool) -> None:
        if isinstance(command, ChangeProfile):
            result = _copy(self.cache.get(command.user_id).progress)
        elif isinstance(command, MigrateUser):
            result = Migrated(entry, command.is_first, command.difference)
        elif isinstance(command, Amend):
            result = command.is_written
        elif entry is not None and is_new:
            result = Recorded(entry, is_replay=False)
            self.stats.recorded += 1
        else:
            assert entry is not None  # noqa: S101  an event always has one
            result = command.replay(entry)
            if isinstance(result, EventConflict):
                self.stats.conflicts += 1
            else:
                self.stats.replayed += 1
        command.group.settle(command.index, result)


def changed(group: Group) -> Progress:
    """The progress that a settled change of a profile resulted in. Raises its error where it has one."""
    [result] = group.results
    if isinstance(result, Progress):
        return result
    if isinstance(result, LaurelsError):
        raise result
    raise StoreUnavailable("The store did not answer in time; what was asked for may have been done.")


def _copy(progress: Progress) -> Progress:
    return msgspec.json.decode(msgspec.json.encode(progress), type=Progress)
