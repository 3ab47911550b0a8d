"""Drops the boards of past days and weeks once the rulebook no longer keeps them.

First all processes must know that a board is no longer kept, so that none reads or writes it any more. Then its lines
are dropped.
"""

from __future__ import annotations

from time import monotonic

from laurels.application.background import BackgroundTask
from laurels.application.ports.clock import Clock
from laurels.application.ports.store import Store
from laurels.domain.rules.board_retention import RetentionCutoff
from laurels.domain.rules.rulebook import Rulebook

# Seconds for which a process relies on its copy of the horizon.
FRESH = 5.0
# Seconds after which every process uses a new horizon and has finished the work that it began under the old one.
EVERYWHERE_AFTER = 15.0
# Seconds between two looks for boards to drop.
INTERVAL = 3600.0
# Lines that one write drops, and seconds between two: other writers need their turn.
LINES = 500
PAUSE = 0.1


class BoardPruner:
    """Moves the horizon of the boards forward with the calendar, and drops the boards behind it."""

    def __init__(
        self, store: Store, rulebook: Rulebook, clock: Clock, *, everywhere_after: float = EVERYWHERE_AFTER
    ) -> None:
        self._store = store
        self._rulebook = rulebook
        self._clock = clock
        self._everywhere_after = everywhere_after
        self._horizon = RetentionCutoff()
        self._asked_at = float("-inf")
        # The horizon of the boards that are being dropped, or None.
        self._dropping: RetentionCutoff | None = None
        self.task = BackgroundTask("laurels-old-boards", self._turn)
        self.task.start()

    async def horizon(self) -> RetentionCutoff:
        """The horizon of the kept boards, as of at most a few seconds ago. Raises StoreError."""
        if monotonic() - self._asked_at > FRESH:
            asked_at = monotonic()
            self._horizon = await self._moved_on()
            self._asked_at = asked_at
        return self._horizon

    async def _moved_on(self) -> RetentionCutoff:
        known = await self._store.boards.horizon()
        asked = self._rulebook.board_horizon(self._clock())
        # Never moves back: dropped boards do not return when the rulebook would keep them again.
        horizon = RetentionCutoff(max(known.day, asked.day), max(known.week, asked.week))
        if horizon != known:
            await self._store.boards.set_horizon(horizon)
        return horizon

    async def _turn(self) -> float:
        if self._dropping is None:
            self._dropping = await self.horizon()
            return self._everywhere_after
        if await self._store.boards.drop(self._dropping, limit=LINES):
            return PAUSE
        self._dropping = None
        return INTERVAL
