"""Drops the boards of days and weeks that are over for longer than the rulebook keeps them.

First everybody has to know that a board is not kept: nobody reads or writes it any more. Then its lines go.
"""

from __future__ import annotations

from time import monotonic

from laurels.application.background import BackgroundTask
from laurels.application.ports.clock import Clock
from laurels.application.ports.store import Store
from laurels.domain.rules.kept_boards import Horizon
from laurels.domain.rules.rulebook import Rulebook

# Seconds for which a process goes by what it knows of the horizon.
FRESH = 5.0
# Seconds after which every process goes by another horizon, with what it was doing when it came to know of it.
EVERYWHERE_AFTER = 15.0
# Seconds between two looks for boards that are to go.
INTERVAL = 3600.0
# Lines that one write drops, and seconds between two: others want to write, too.
LINES = 500
PAUSE = 0.1


class BoardKeeper:
    """Moves the horizon of the boards on with the calendar, and drops the boards that it leaves behind."""

    def __init__(
        self, store: Store, rulebook: Rulebook, clock: Clock, *, everywhere_after: float = EVERYWHERE_AFTER
    ) -> None:
        self._store = store
        self._rulebook = rulebook
        self._clock = clock
        self._everywhere_after = everywhere_after
        self._horizon = Horizon()
        self._asked_at = float("-inf")
        # What boards are dropped by, while they are.
        self._dropping: Horizon | None = None
        self.task = BackgroundTask("laurels-old-boards", self._turn)
        self.task.start()

    async def horizon(self) -> Horizon:
        """From where on boards are kept, as the store had it a few seconds ago. Raises StoreError."""
        if monotonic() - self._asked_at > FRESH:
            asked_at = monotonic()
            self._horizon = await self._moved_on()
            self._asked_at = asked_at
        return self._horizon

    async def _moved_on(self) -> Horizon:
        known = await self._store.boards.horizon()
        asked = self._rulebook.board_horizon(self._clock())
        # Never back: what was dropped is not there again because it would be kept now.
        horizon = Horizon(max(known.day, asked.day), max(known.week, asked.week))
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
