"""The rulebook in force: published in the store with its versions, so that it is the same for every process."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from uuid import uuid4

from msgspec import Struct

from laurels.application.maintenance.backfill import Preview, preview
from laurels.application.ports.clock import Clock
from laurels.application.ports.jobs import Job
from laurels.application.ports.rulebook import PublishedRulebook
from laurels.application.ports.store import Store
from laurels.domain.ledger.entries import Notify
from laurels.domain.rules.rulebook import Rulebook
from laurels.errors import OtherRulebook, RulebookError, StoreContended, UnknownJob

_ATTEMPTS = 20


class InForce(Struct, frozen=True):
    """A rulebook and its version in the store; 0 if the store has none, or was not asked."""

    rulebook: Rulebook
    version: int


async def publish(store: Store, rulebook: Rulebook, clock: Clock, *, by: str | None = None) -> PublishedRulebook:
    """Put `rulebook` in force for every process, as the next version; if the version in force is the same, return that.

    `by` names the requester, if known. Raises StoreError.
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
    """Whether a published version equals `rulebook`, even if an older Laurels wrote it in a different form."""
    if published.digest == rulebook.digest:
        return True
    try:
        return Rulebook.of_json(published.content).digest == rulebook.digest
    except RulebookError:
        return False


async def rulebook_to_begin_with(
    store: Store, given: Rulebook | None, default: Callable[[], Rulebook], clock: Clock, *, publishes: bool
) -> InForce:
    """The rulebook to start with: the published one, else the given one, else the default.

    With `publishes`, a store without a rulebook gets it. Raises OtherRulebook if a rulebook other than the given one is
    in force, RulebookError if the published one cannot be read, and StoreError.
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


class Publications:
    """The work of administrators with rulebooks as text: show them, try them on the ledger, and put them in force.

    `read` parses text into a rulebook, or raises RulebookError.
    """

    def __init__(self, store: Store, clock: Clock, read: Callable[[str], Rulebook]) -> None:
        self._store = store
        self._clock = clock
        self._read = read
        self._previewing = asyncio.Lock()

    async def read(self, text: str) -> Rulebook:
        """Parse a rulebook. Raises RulebookError."""
        return await asyncio.to_thread(self._read, text)

    async def publish(
        self, rulebook: Rulebook, *, by: str | None, backfill: bool, notify: Notify, repoint: bool = False
    ) -> tuple[PublishedRulebook, Job | None]:
        """Put a rulebook in force. With `backfill`, also add a job that awards the badges that learners have already
        earned; with `repoint` that job first counts their points again.

        If it is already in force, its version stays. Raises StoreError.
        """
        published = await publish(self._store, rulebook, self._clock, by=by)
        if not backfill and not repoint:
            return published, None
        job = Job(
            id=uuid4().hex,
            version=published.version,
            notify=notify,
            created_at=self._clock(),
            created_by=by,
            repoint=repoint,
        )
        await self._store.jobs.add(job)
        return published, job

    async def preview(
        self,
        rulebook: Rulebook,
        *,
        repoint: bool = False,
        on_progress: Callable[[int, int], object] = lambda learners, events: None,
    ) -> Preview:
        """The awards that a backfill under a rulebook would make, with `repoint` after points are counted again.
        Previews run one at a time, because each reads the whole ledger. `on_progress` gets the numbers of learners and
        events. Raises StoreError."""
        async with self._previewing:
            return await preview(self._store, rulebook, repoint=repoint, on_progress=on_progress)

    async def job(self, job_id: str) -> Job:
        """A job in its last saved state. Raises UnknownJob or StoreError."""
        found = await self._store.jobs.get(job_id)
        if found is None:
            raise UnknownJob("There is no job with this id; GET /api/rulebook lists the last ones.")
        return found
