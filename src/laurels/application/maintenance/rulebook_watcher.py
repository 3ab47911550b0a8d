"""Makes a process use the published rulebook, without a restart.

Every second a process reads the number of the version from the store, and switches to a new version as soon as it sees
one. An unreadable version changes nothing: the last good one stays in force, and readiness reports it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Protocol

from laurels.application.background import BackgroundTask
from laurels.application.maintenance.publishing import publish
from laurels.application.ports.clock import Clock
from laurels.application.ports.rulebook import PublishedRulebook
from laurels.application.ports.store import Store
from laurels.domain.rules.rulebook import Rulebook
from laurels.errors import RulebookError

logger = logging.getLogger(__name__)

# Seconds between two checks of the version.
INTERVAL = 1.0


class RulebookCopy(Protocol):
    """A copy of the rulebook in force, readable while the store is away."""

    async def load(self) -> Rulebook | None:
        """The copy; None if there is none or it cannot be read."""
        ...

    async def save(self, rulebook: Rulebook) -> None:
        """Replace the copy. If it cannot be written, it is not kept; raises nothing."""
        ...


class RulebookWatcher:
    """Makes a process use the published rulebook: `switch` replaces its `rulebook`, with number `version`.

    `interval` is in seconds. After `everywhere_after` seconds every process that reaches the store uses a new version.
    `unreadable` is the version that cannot be read, None if all is well. With `publishes`, a store without a rulebook,
    because it was away at the start, gets the rulebook of this process.
    """

    def __init__(
        self,
        store: Store,
        rulebook: Rulebook,
        clock: Clock,
        *,
        version: int,
        switch: Callable[[Rulebook], Awaitable[None]],
        interval: float = INTERVAL,
        publishes: bool = False,
        remembered: RulebookCopy | None = None,
    ) -> None:
        self._store = store
        self._rulebook = rulebook
        self.version = version
        self.unreadable: int | None = None
        self._clock = clock
        self._switch = switch
        self._interval = interval
        self.everywhere_after = 2.5 * interval
        self._publishes = publishes
        self._remembered = remembered
        self.task = BackgroundTask("laurels-rulebook", self._turn)
        self.task.start()

    async def _turn(self) -> float:
        await self.look()
        await asyncio.sleep(self._interval)
        return 0

    async def look(self) -> None:
        """Switch to the version that is in force now. Raises StoreError."""
        version = await self._store.rulebook.version()
        if version == 0 and self._publishes:
            version = (await publish(self._store, self._rulebook, self._clock)).version
        if version in (self.version, self.unreadable):
            return
        found = await self._store.rulebook.newest()
        if found is not None:
            await self._take(found)

    async def _take(self, found: PublishedRulebook) -> None:
        try:
            rulebook = Rulebook.of_json(found.content)
        except RulebookError as error:
            logger.error("version %d of the rulebook cannot be read; the last good one stays: %s", found.version, error)
            self.unreadable = found.version
            return
        if rulebook.digest != self._rulebook.digest:
            await self._switch(rulebook)
            logger.warning("version %d of the rulebook %s is in force", found.version, found.name)
        self.version, self.unreadable = found.version, None
        if self._remembered is not None:
            await self._remembered.save(rulebook)
