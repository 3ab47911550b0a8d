"""The one writer of a process: makes entries of all commands that queued while the last commit ran.

One command alone is written at once, and a thousand simultaneous ones share one durable write. Each command is decided
on its user's progress in memory, and the append checks that this was up to date: refused users are loaded and decided
again.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Collection, Iterable, Sequence
from time import monotonic
from typing import Any

from laurels.application.background import BackgroundTask, Observers, wait_at_most
from laurels.application.ports.clock import Clock
from laurels.application.ports.store import Store
from laurels.application.recording.commands import Command, RecordEvent
from laurels.application.recording.progress_cache import ProgressCache
from laurels.application.recording.projecting.projection_signals import ProjectionSignals
from laurels.application.recording.stats import RecorderStats
from laurels.domain.ledger.entries import Entry
from laurels.domain.rules.rulebook import Rulebook
from laurels.errors import (
    InternalFault,
    InvalidEvent,
    LaurelsError,
    StoreContended,
    StoreError,
    StoreUnavailable,
    UserDeleted,
    UserMerged,
)

logger = logging.getLogger(__name__)

ATTEMPTS = 50
# Seconds that a batch waits for projections while memory is full of users with pending ones.
LONGEST_WAIT = 1.0

# If the store is remote and a commit had `MANY` commands, the next one begins this part of its duration later, and at
# most `LONGEST_PAUSE` seconds: callers who were just answered send their next commands by then. Without it half of them
# would always wait while the other half is written.
MANY = 16
_PAUSE = 0.15
LONGEST_PAUSE = 0.01

_DEAD = "This process can record nothing any more because of a fault of its own; its log has the cause. Restart it."
_GONE = "The rulebook was changed just now, and has no such event type any more."
_FAULT = "Laurels could not carry this out because of a fault of its own; its log has the cause."

Decided = tuple[Command[Any], Entry | None, bool]
"""A command, its entry (None: nothing to write), and whether that entry is new rather than found."""


class Committer:
    """Carries out commands, in order, at most `batch` in one commit.

    `on_outage` is called with the reason when a commit finds the store unavailable, before anything else is committed.
    """

    def __init__(
        self,
        store: Store,
        rulebook: Rulebook,
        clock: Clock,
        cache: ProgressCache,
        *,
        batch: int,
        on_outage: Callable[[str], object],
    ) -> None:
        self._store = store
        self._rulebook = rulebook
        self._clock = clock
        self._cache = cache
        self._batch = batch
        self._on_outage = on_outage
        self._queue: deque[Command[Any]] = deque()
        self._under_way: list[Command[Any]] = []
        self._arrived = asyncio.Event()
        self._is_closing = False
        self._expects_replays = False
        # The size of the last commit, and when the next one may begin (seconds, monotonic).
        self._last_size = 0
        self._not_before = 0.0
        self.progress_lock = ProjectionSignals()
        self.stats = RecorderStats()
        # When the running batch was sent to the store (seconds, monotonic); None between batches.
        self.asked_at: float | None = None
        # Called with the entries that a commit has written.
        self.on_commit: Observers[[Sequence[Entry]]] = Observers("entries")
        self.task = BackgroundTask("laurels-committer", self._turn, is_vital=True, on_death=self._die)
        self.task.start()

    def submit(self, commands: Iterable[Command[Any]]) -> None:
        """Queue commands to be carried out, in order.

        Raises StoreUnavailable after `close`, and InternalFault if nothing will ever be committed again.
        """
        if self.task.is_dead:
            raise InternalFault(_DEAD)
        if self._is_closing:
            raise StoreUnavailable("Laurels is shutting down; nothing was recorded. Try again in a moment.")
        self._queue.extend(commands)
        self._arrived.set()

    def give_up(self, error: LaurelsError) -> None:
        """Answer all waiting callers with `error`. It is not known whether entries of the running commit will be
        written."""
        commands, self._queue = self._queue, deque()
        for command in (*self._under_way, *commands):
            command.resolve(error)

    @property
    def queue_length(self) -> int:
        """The number of commands that wait for the next commit."""
        return len(self._queue)

    @property
    def uncommitted(self) -> set[str]:
        """Users whose progress in memory is ahead of the acknowledged state of the store."""
        return {command.user_id for command in self._under_way}

    async def close(self) -> None:
        """Commit the accepted commands, then stop. Later calls are refused."""
        self._is_closing = True
        self._arrived.set()
        await self.task.wait()

    async def switch(self, rulebook: Rulebook) -> None:
        """Use another rulebook from the next batch on. Waiting events whose type it does not have are refused."""
        async with self.progress_lock.settled:
            is_folded_otherwise = rulebook.measures_version != self._rulebook.measures_version
            self._rulebook.become(rulebook)
            for command in self._queue:
                if isinstance(command, RecordEvent) and command.event.event_type not in rulebook.event_types:
                    command.resolve(InvalidEvent("eventType", _GONE))
            self._queue = deque(command for command in self._queue if command.is_open)
            if is_folded_otherwise:
                # Who waits for a projection is read again for it.
                self._cache.clear()

    async def _turn(self) -> float | None:
        """Commit one batch of queued commands; wait for the first command if there are none."""
        if not self._queue:
            if self._is_closing:
                return None
            self._arrived.clear()
            await self._arrived.wait()
            return 0
        if self._cache.is_crowded:
            await self._wait_for_projections()
        await self._gather()
        batch = [self._queue.popleft() for _ in range(min(self._batch, len(self._queue)))]
        started = self.asked_at = monotonic()
        async with self.progress_lock.settled:
            self._under_way = batch
            try:
                await self._commit_or_fail(batch)
            except BaseException:
                # The task has ended.
                self._fail(batch, InternalFault(_DEAD))
                raise
            finally:
                self._under_way, self.asked_at = [], None
                self._cache.trim()
        took, self._last_size = monotonic() - started, len(batch)
        self.stats.committed(len(batch), took)
        if self._store.is_remote and len(batch) >= MANY:
            self._not_before = monotonic() + min(_PAUSE * took, LONGEST_PAUSE)
        self.progress_lock.committed.set()
        return 0

    async def _gather(self) -> None:
        """Wait a little if many callers are about to come again, unless enough of them are here."""
        seconds = self._not_before - monotonic()
        if seconds > 0 and len(self._queue) < min(2 * self._last_size, self._batch) and not self._is_closing:
            await asyncio.sleep(seconds)

    def _die(self) -> None:
        self.give_up(InternalFault(_DEAD))

    async def _wait_for_projections(self) -> None:
        """Let the projector catch up a little, so that memory stays bounded; but continue without it if it cannot."""
        self.progress_lock.projected.clear()
        self.progress_lock.crowded.set()
        await wait_at_most(self.progress_lock.projected, LONGEST_WAIT)
        self._cache.trim()

    async def _commit_or_fail(self, batch: list[Command[Any]]) -> None:
        """Commit, or give each command of the batch its error. Raises no Exception.

        A fault of ours is narrowed down by halving to the commands that cause it, so that the others are recorded.
        """
        try:
            await self._commit(batch)
            self.stats.is_store_away = False
        except StoreError as error:
            self.stats.commits_failed += 1
            self.stats.is_store_away = isinstance(error, StoreUnavailable)
            self.stats.on_failed.tell(error, "")
            self._fail(batch, error)
            if isinstance(error, StoreUnavailable):
                self._on_outage(str(error))
        except Exception as fault:
            self._cache.drop({command.user_id for command in batch})
            left = [command for command in batch if command.is_open]
            if len(left) > 1:
                # The fault may have come after the entries were written: then they are found, and answered as they are.
                for command in left:
                    command.look_up()
                await self._commit_or_fail(left[: len(left) // 2])
                await self._commit_or_fail(left[len(left) // 2 :])
            elif left:
                self._fail_by_fault(left[0], fault)

    def _fail_by_fault(self, command: Command[Any], fault: Exception) -> None:
        self.stats.faults += 1
        self.stats.on_failed.tell(fault, type(command).__name__)
        logger.error("%s cannot be carried out", type(command).__name__, exc_info=fault)
        error = InternalFault(_FAULT)
        error.__cause__ = fault
        self._fail([command], error)

    def _fail(self, batch: Iterable[Command[Any]], error: LaurelsError) -> None:
        left = [command for command in batch if command.is_open]
        self._cache.drop({command.user_id for command in batch})
        for command in left:
            command.resolve(error)

    async def _commit(self, batch: list[Command[Any]]) -> None:
        # Users merged into others, according to memory. The next attempt reads the ledger again, because no append
        # would find out that memory is wrong.
        closed: set[str] = set()
        for _ in range(ATTEMPTS):
            self.asked_at = monotonic()
            users = {command.user_id: None for command in batch}
            # These may find that there is nothing to write, and then no append corrects it. Their ids must be looked up
            # in time, too: a repeated spending would find its balance already spent.
            others = [command for command in batch if not command.always_appends]
            doubted = {command.user_id for command in others}
            keys = {each.key for each in (batch if self._expects_replays or closed else others) if each.key}
            known, deleted = await self._cache.refresh(users, keys, doubted=doubted | closed)
            if deleted:
                batch = _refuse_deleted(batch, deleted)
                if not batch:
                    return
            found = bool(known)
            decided, merged = self._decide(batch, known, closed)
            entries = [entry for _, entry, is_new in decided if is_new and entry is not None]
            refused = await self._store.ledger.append(entries) if entries else frozenset[str]()
            # A refused append or a successful lookup shows that events are being repeated: then looking first is
            # cheaper. Without repetitions a lookup finds nothing, and an append would notice a repetition.
            self._expects_replays = found or bool(refused)
            self._cache.drop(refused)
            self._cache.weigh(users, always=doubted)
            for command, entry, is_new in decided:
                if command.user_id not in refused:
                    result = command.result(entry, is_new=is_new)
                    self.stats.answered(result)
                    command.resolve(result)
            if self.on_commit:
                self.on_commit.tell([entry for entry in entries if entry.user_id not in refused])
            if not refused and not merged:
                return
            closed = {command.user_id for command in merged}
            batch = [*merged, *(command for command in batch if command.user_id in refused)]
        self._fail(batch, StoreContended("Other writers kept recording for this user at the same moment; try again."))

    def _decide(
        self, batch: list[Command[Any]], known: dict[tuple[str, str], Entry], closed: set[str]
    ) -> tuple[list[Decided], list[Command[Any]]]:
        """Find or make the entry of each command. Also returns commands for users who were merged into others.

        Even a replay is only answered after the append: the entry that it repeats may be in this same batch. Nothing is
        recorded for merged users any more, but a repeated command gets its earlier answer; so it is looked up before
        the commands of `closed` users are refused.
        """
        decided: list[Decided] = []
        merged: list[Command[Any]] = []
        for command in batch:
            found = known.get(command.key) if command.key else None
            if found is not None:
                decided.append((command, found, False))
                continue
            progress = self._cache.get(command.user_id)
            into = progress.merged_into
            if into is not None:
                if command.user_id in closed:
                    command.resolve(UserMerged(command.user_id, into))
                else:
                    merged.append(command)
                continue
            entry = command.decide(progress, self._rulebook, self._clock())
            decided.append((command, entry, entry is not None))
            if entry is not None:
                self._cache.touch(progress, entry)
                if command.key:
                    known[command.key] = entry
        return decided, merged


def _refuse_deleted(batch: Iterable[Command[Any]], deleted: Collection[str]) -> list[Command[Any]]:
    """Answer the commands of deleted users; return the others."""
    living: list[Command[Any]] = []
    for command in batch:
        if command.user_id in deleted:
            command.resolve(UserDeleted())
        else:
            living.append(command)
    return living
