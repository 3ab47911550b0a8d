"""Keeps the projections close behind the ledger: snapshots, cards and boards.

It works behind the acknowledgement. Several changes of one user within an interval are written once; changes that a
dead process left behind are found again in the ledger.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable
from time import monotonic

from laurels.application.background import BackgroundTask, wait_at_most
from laurels.application.ports.boards import Card
from laurels.application.ports.clock import Clock
from laurels.application.ports.snapshots import Projection
from laurels.application.ports.store import Store
from laurels.application.recording.progress_cache import ProgressCache
from laurels.application.recording.projecting.board_pruner import BoardPruner
from laurels.application.recording.projecting.pending_projections import Touched
from laurels.application.recording.projecting.projection_signals import ProjectionSignals
from laurels.application.recording.projecting.standings import card_of, standings_of
from laurels.application.recording.stats import SECONDS, Histogram
from laurels.domain.progress import Progress
from laurels.domain.rules.board_retention import RetentionCutoff
from laurels.domain.rules.rulebook import Rulebook
from laurels.errors import StoreError

logger = logging.getLogger(__name__)

# Users per write: small enough that the committer never waits long for its turn. If very many users wait, a write takes
# more: users share the pages of tables and indexes, and each write saves every page that it touches.
CHUNK = 100
# Under load the projector rests this many times as long as it wrote, so that most of the time is the committer's.
REST = 2
# A part for a remote store takes as many users as are written in about this time (seconds), but not fewer than
# `_SMALLEST_PART`: who changed something in the meantime does not wait for all others.
STEP = 0.05
_SMALLEST_PART = 20
# During a longer rest, up to `FEW` of those who changed nothing for a while are projected every `PAUSE` seconds.
PAUSE = 0.1
FEW = 5
# Seconds between looks for users that another process left behind.
CATCH_UP_EVERY = 30.0
# Milliseconds that another process has to project its own entry; after that this one does it.
GRACE_MS = 20_000


class Projector:
    """Projects the recorder's commits every `interval` seconds, and now and then those that other processes left
    behind.

    `progress_lock` is that of the recorder that fills the same cache; `batch` is the maximum number of users in one
    write.
    """

    def __init__(
        self,
        store: Store,
        rulebook: Rulebook,
        clock: Clock,
        cache: ProgressCache,
        pruner: BoardPruner,
        *,
        progress_lock: ProjectionSignals,
        interval: float,
        batch: int,
    ) -> None:
        self._store = store
        self._rulebook = rulebook
        self._clock = clock
        self._cache = cache
        self._pruner = pruner
        self._progress_lock = progress_lock
        self._interval = interval
        self._batch = batch
        self._caught_up_at = float("-inf")
        # How many users may be projected in `STEP`, as far as is known.
        self._pace = float(CHUNK)
        # Seconds spent on writes since the last rest; not those of waiting for the committer.
        self._writing_seconds = 0.0
        self._flushing = asyncio.Lock()
        # Since when the longest waiting of the users waits who are being written.
        self._written_since: float | None = None
        self.flush_seconds = Histogram(SECONDS)
        self.task = BackgroundTask("laurels-projector", self._turn)
        self.task.start()

    async def flush(self) -> None:
        """Project everything that this process has committed so far. Raises StoreError; nothing is forgotten then."""
        # Only the users who wait now: under load new ones arrive as fast as these leave, and an endless flush would
        # project a user again for each of their events.
        began = monotonic()
        async with self._flushing:
            pending = self._cache.pending
            chunk = self._chunk_of(len(pending))
            while (since := pending.since) is not None and since <= began:
                await self._write_some(chunk)

    @property
    def behind_seconds(self) -> float:
        """How long the oldest commit of this process has waited for its projection, in seconds; 0 if none waits."""
        since = self._written_since
        if since is None:
            since = self._cache.pending.since
        return 0.0 if since is None else max(0.0, monotonic() - since)

    def _chunk_of(self, waiting: int) -> int:
        return min(max(CHUNK, waiting * self._batch // 10_000), self._batch)

    def _part_of(self, waiting: int) -> int:
        """How many of the users who wait the next part takes."""
        part = self._chunk_of(waiting)
        if not self._store.is_remote:
            return part
        # Very many who wait are not divided into the smallest writes: it would take too long.
        return part if part > 2 * CHUNK else min(part, int(self._pace))

    async def _write_some(self, most: int) -> None:
        """Project up to `most` of the users who waited longest."""
        horizon = await self._pruner.horizon()
        async with self._progress_lock.settled:
            taken = await self._cache.take_pending(most)
            if not taken:
                return
            started = monotonic()
            write = self._write(taken, horizon)
        self._written_since = min(touched.since for _, touched in taken)
        try:
            await write
        except BaseException:
            self._cache.give_back(taken)
            raise
        finally:
            self._written_since = None
        took = monotonic() - started
        self._writing_seconds += took
        self.flush_seconds.observe(took)
        if len(taken) >= _SMALLEST_PART:
            # Half of what was expected and half of what was seen, so that one slow write changes little.
            seen = len(taken) * STEP / max(took, 0.001)
            self._pace = min(max(_SMALLEST_PART, (self._pace + seen) / 2), 2 * CHUNK)
        self._progress_lock.projected.set()

    def _write(self, taken: list[tuple[Progress, Touched]], horizon: RetentionCutoff) -> Awaitable[None]:
        """Begin to write the given users. A user whose projection cannot be made is left out: the ledger shows that
        they are behind, so each `catch_up` tries them again."""
        projections: list[Projection] = []
        cards: list[Card] = []
        for progress, touched in taken:
            try:
                standings = (
                    standings_of(progress, self._rulebook, touched.days, languages=touched.languages, horizon=horizon)
                    if touched.days
                    else {}
                )
                card = card_of(progress, self._rulebook)
            except Exception:
                logger.exception("a user cannot be projected")
                continue
            projections.append(Projection(progress, standings))
            cards.append(card)
        return self._store.snapshots.project(projections, cards=cards)

    async def catch_up(self, *, before: int) -> None:
        """Project users with unprojected entries that any process recorded before an instant.

        Raises StoreError.
        """
        if 1_000 * self.behind_seconds >= self._clock() - before:
            # Otherwise none of those who wait here is meant.
            await self.flush()
        while users := await self._store.snapshots.behind(CHUNK, before=before):
            async with self._progress_lock.settled:
                # All users left behind together may exceed memory.
                self._cache.trim()
                deleted = (await self._cache.refresh(users, (), doubted=users)).deleted
                for user_id in users:
                    if user_id not in deleted:
                        self._cache.mark_pending(user_id)
            if deleted:
                # Written at the instant of their deletion by a process that died before it noticed.
                await self._store.tombstones.purge(deleted)
            await self.flush()

    def cancel(self) -> None:
        """Stop at once. The next start catches up from the ledger."""
        self.task.cancel()

    async def close(self) -> None:
        """Stop, after one last flush."""
        await self.task.close()
        try:
            await self.flush()
        except StoreError as error:
            # Nothing is lost: the ledger has it all, and the next start catches up.
            logger.warning("projections could not be brought up to date: %s", error)

    async def _turn(self) -> float:
        """Wait until there is something to project, or another process may have left something behind; then project
        it."""
        if not self._is_due and not self._cache.pending:
            self._progress_lock.committed.clear()
            # The first commit after a quiet time is projected at once.
            await self._wait_for_work()
        self._progress_lock.crowded.clear()
        if self._is_due:
            # At the start everything left behind; later only changes that others should have projected long ago.
            grace = 0 if self._caught_up_at == float("-inf") else GRACE_MS
            await self.catch_up(before=self._clock() - grace)
            self._caught_up_at = monotonic()
        self._writing_seconds = 0.0
        if self._cache.is_crowded:
            await self.flush()
            parts = 1
        else:
            parts = await self._write_part()
        # Each part changes the boards, and then everybody's page of them is made again: from a remote store that takes
        # more than the parts save.
        shares = 1 if self._store.is_remote else parts
        await self._rest(max(self._interval / shares, REST * self._writing_seconds), others_wait=parts > 1)
        return 0

    async def _write_part(self) -> int:
        """Project some of the users who wait, and return in how many parts all of them would be.

        The parts are spread over the interval: one after the other, each would hold up the commit of the same callers.
        """
        async with self._flushing:
            waiting = len(self._cache.pending)
            part = self._part_of(waiting)
            await self._write_some(part)
        return max(1, -(-waiting // part))

    @property
    def _is_due(self) -> bool:
        return monotonic() - self._caught_up_at >= CATCH_UP_EVERY

    async def _rest(self, seconds: float, *, others_wait: bool) -> None:
        """Wait, unless the recorder runs out of memory to work in. While others wait for their part, take in a few who
        change something now and then: that costs little."""
        until = monotonic() + seconds
        crowded = self._progress_lock.crowded
        while others_wait and until - monotonic() > PAUSE and not crowded.is_set():
            await wait_at_most(crowded, PAUSE)
            if 0 < self._cache.pending.quiet <= FEW:
                async with self._flushing:
                    # Half of those who are taken.
                    await self._write_some(2 * FEW)
        await wait_at_most(crowded, until - monotonic())

    async def _wait_for_work(self) -> None:
        await wait_at_most(self._progress_lock.committed, CATCH_UP_EVERY)
