"""Moves the spool into the ledger when the store is back: in order of arrival, while new events keep arriving.

An event leaves the spool when the ledger has acknowledged it, or when its user was deleted, and never before. If the
process is killed in between, the next one records the event again and gets the first entry.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence

from laurels.application.background import BackgroundTask
from laurels.application.outage.availability import Availability
from laurels.application.outage.spooling_recorder import SpoolingRecorder
from laurels.application.ports.spool import SetAside, Spool, Spooled
from laurels.application.recording.commands import RecordedEntry
from laurels.errors import LaurelsError, StoreError, UserDeleted, UserMerged

logger = logging.getLogger(__name__)

BATCH = 1_000
# Seconds between looks into a spool that is empty, or that another process drains.
LOOK_EVERY = 0.1
# Seconds before an event is retried that the store refused although it is available.
PAUSE = 0.5
# How often that may happen to one event alone before it is set aside, if the store accepts an event of another user.
# Otherwise the store itself is at fault, and the event gets MOST_STRIKES.
STRIKES = 5
MOST_STRIKES = 50


class Drainer:
    """Drains while the store is available and no other process drains. `pause`: seconds, see PAUSE.

    `on_set_aside` is called with events just before they are set aside. It may get the same events twice: if the
    process is killed in between, or if it raised StoreError.
    """

    def __init__(
        self,
        recorder: SpoolingRecorder,
        spool: Spool,
        availability: Availability,
        *,
        on_set_aside: Callable[[Sequence[SetAside]], Awaitable[None]],
        pause: float = PAUSE,
    ) -> None:
        self._recorder = recorder
        self._spool = spool
        self._availability = availability
        self._on_set_aside = on_set_aside
        self._pause = pause
        self._size = BATCH
        # The suspected event, how often it was refused, and whether the store has since accepted one of another user.
        self._suspect = 0
        self._strikes = 0
        self._is_compared = False
        self.task = BackgroundTask("laurels-drainer", self._turn, retry=pause)
        self.task.start()

    async def close(self) -> None:
        """Stop. Events that are not drained stay in the spool."""
        await self.task.close()

    async def _turn(self) -> float:
        await self._availability.wait()
        if self._spool.is_empty or not self._spool.take_turn():
            return LOOK_EVERY
        try:
            await self._drain()
        finally:
            self._spool.end_turn()
        return 0

    async def _drain(self) -> None:
        """Drain until the spool is empty or the store is away."""
        count = 0
        while self._availability.is_available and (waiting := await self._spool.first(self._size)):
            results = await self._recorder.record_spooled(waiting)
            drained: list[Spooled] = []
            refused: list[SetAside] = []
            left: list[tuple[Spooled, StoreError | None]] = []
            for spooled, result in zip(waiting, results, strict=True):
                if isinstance(result, RecordedEntry | UserDeleted):
                    # Nothing of a deleted user may be kept anywhere.
                    drained.append(spooled)
                elif result is None or isinstance(result, StoreError):
                    left.append((spooled, result))
                else:
                    # It will never be accepted: a conflict, a rulebook that changed, a fault of ours.
                    refused.append(SetAside(spooled, str(result)))
                    # The log holds no user ids.
                    why = type(result).code if isinstance(result, UserMerged) else str(result)
                    logger.error("event %d of the spool is set aside: %s", spooled.position, why)
            if not left:
                self._size = min(2 * self._size, BATCH)
            elif (poison := await self._isolate_poison_event(left, is_alone=len(waiting) == 1)) is not None:
                refused.append(poison)
                logger.error("event %d of the spool is set aside: %s", poison.spooled.position, poison.reason)
            try:
                if refused:
                    await self._on_set_aside(refused)
                await self._spool.complete(drained, refused)
            except StoreError:
                # They are recorded again, which changes nothing. Smaller batches need less space on a full disk.
                self._size = max(1, self._size // 4)
                raise
            count += len(drained)
        if count:
            logger.warning("%d events of the spool are recorded", count)

    async def _isolate_poison_event(
        self, left: list[tuple[Spooled, StoreError | None]], *, is_alone: bool
    ) -> SetAside | None:
        """Find out whether the store was away or refuses one of these events. Returns the event that it will never
        accept."""
        await asyncio.sleep(self._pause)
        if not self._availability.is_available:
            return None
        # The store is available. Ever smaller batches lead to the event that it refuses.
        self._size = max(1, self._size // 4)
        spooled, error = left[0]
        if not is_alone or error is None:
            return None
        if self._suspect != spooled.position:
            self._suspect, self._strikes, self._is_compared = spooled.position, 0, False
        self._strikes += 1
        if self._strikes < STRIKES:
            return None
        if self._strikes < MOST_STRIKES and not self._is_compared:
            # The store may have been repaired since: events that it accepts from now on count if it refuses this one
            # afterwards.
            self._is_compared = await self._takes_another_than(spooled)
            return None
        return SetAside(spooled, f"The store does not take it: {_text_of(error)}")

    async def _takes_another_than(self, refused: Spooled) -> bool:
        """Whether the first event of another user can be recorded, which it then is: order per user is kept."""
        waiting = await self._spool.first(BATCH)
        other = next((each for each in waiting if each.event.user_id != refused.event.user_id), None)
        if other is None:
            return False
        [result] = await self._recorder.record_spooled([other])
        if not isinstance(result, RecordedEntry | UserDeleted):
            return False
        await self._spool.complete([other], [])
        return True


def _text_of(error: LaurelsError) -> str:
    cause = error.__cause__
    return f"{error} ({type(cause).__name__})" if cause is not None else str(error)
