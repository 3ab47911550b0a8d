"""The rulebook in force: published in the store with its versions, and the same for every process.

A process asks the store for the number of the version every second, and goes by another one as soon as it sees it.
One that it cannot read changes nothing: the last good one stays in force, and readiness says so.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Protocol

from msgspec import Struct

from laurels.application.background import BackgroundTask
from laurels.application.ports.clock import Clock
from laurels.application.ports.rulebook import PublishedRulebook
from laurels.application.ports.store import Store
from laurels.domain.rules.rulebook import Rulebook
from laurels.errors import OtherRulebook, RulebookError, StoreContended

logger = logging.getLogger(__name__)

# Seconds between two looks at the version.
INTERVAL = 1.0
# Seconds after which every process that reaches the store has seen another version.
EVERYWHERE_AFTER = 2.5 * INTERVAL
_ATTEMPTS = 20


class RememberedRulebook(Protocol):
    """A copy of the rulebook in force where it can be read while the store is away."""

    async def load(self) -> Rulebook | None:
        """The copy; None where there is none that can be read."""
        ...

    async def save(self, rulebook: Rulebook) -> None:
        """Put a copy in the place of the one before. One that cannot be written is not kept; nothing is raised."""
        ...


class InForce(Struct, frozen=True):
    """A rulebook and its version in the store; 0 where the store has none, or was not asked."""

    rulebook: Rulebook
    version: int


async def publish(store: Store, rulebook: Rulebook, clock: Clock, *, by: str | None = None) -> PublishedRulebook:
    """Put `rulebook` in force for every process, as the next version; the version in force where it says the same.

    `by` names who asked for it, where that is known. Raises StoreError.
    """
    digest = rulebook.digest
    for _ in range(_ATTEMPTS):
        newest = await store.rulebook.newest()
        if newest is not None and says_the_same(newest, rulebook):
            await store.rulebook.describe(rulebook.badges)
            return newest
        made = PublishedRulebook(
            version=1 if newest is None else newest.version + 1,
            name=rulebook.name,
            digest=digest,
            fingerprint=rulebook.fingerprint,
            published_at=clock(),
            published_by=by,
            content=rulebook.as_json,
        )
        if await store.rulebook.add(made):
            await store.rulebook.describe(rulebook.badges)
            return made
    raise StoreContended("Others kept publishing rulebooks at the same moment; try again.")


def says_the_same(published: PublishedRulebook, rulebook: Rulebook) -> bool:
    """Whether a published version says what `rulebook` says; also where an older Laurels wrote it down otherwise."""
    if published.digest == rulebook.digest:
        return True
    try:
        return Rulebook.of_json(published.content).digest == rulebook.digest
    except RulebookError:
        return False


async def settle(
    store: Store, given: Rulebook | None, default: Callable[[], Rulebook], clock: Clock, *, publishes: bool
) -> InForce:
    """The rulebook to begin with: the published one, else the one that is given, else the default.

    With `publishes` a store that has none yet gets it. Raises OtherRulebook where another one than the given is in
    force, RulebookError where the published one cannot be read, and StoreError.
    """
    newest = await store.rulebook.newest()
    if newest is None:
        rulebook = given or default()
        if not publishes:
            return InForce(rulebook, 0)
        newest = await publish(store, rulebook, clock)
    if given is None:
        return InForce(Rulebook.of_json(newest.content), newest.version)
    if not says_the_same(newest, given):
        raise OtherRulebook(newest.version, newest.name, given.name)
    return InForce(given, newest.version)


class RulebookFollower:
    """Has a process go by the published rulebook, by `switch`, from the version on that it began with.

    `unreadable` is the version that cannot be read, None where all is well. With `publishes` a store that has none
    yet, because it was away at the start, gets the rulebook that the process has.
    """

    def __init__(
        self,
        store: Store,
        began_with: InForce,
        clock: Clock,
        *,
        switch: Callable[[Rulebook], Awaitable[None]],
        publishes: bool = False,
        remembered: RememberedRulebook | None = None,
    ) -> None:
        self._store = store
        self._rulebook = began_with.rulebook
        self.version = began_with.version
        self.unreadable: int | None = None
        self._clock = clock
        self._switch = switch
        self._publishes = publishes
        self._remembered = remembered
        self.task = BackgroundTask("laurels-rulebook", self._turn)
        self.task.start()

    async def _turn(self) -> float:
        await self.look()
        await asyncio.sleep(INTERVAL)
        return 0

    async def look(self) -> None:
        """Go by the version that is in force now. Raises StoreError."""
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
