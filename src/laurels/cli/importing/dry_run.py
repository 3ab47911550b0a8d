"""The effect that an import would have on each line, determined without recording anything.

A platform can then correct its file before anything is recorded.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from laurels.application.ports.store import Store
from laurels.bootstrap import open_store, rulebook_of, store_exists, system_clock
from laurels.cli.importing.worker_tasks import CHANGED, Share, Taken, is_repeated, read_share, settle_known
from laurels.domain.events import LearningEvent, check_event, is_same_content, normal_event
from laurels.domain.ledger.entries import Entry
from laurels.domain.rules.rulebook import Rulebook
from laurels.errors import EventConflict, LaurelsError, UserDeleted
from laurels.rulebooks.loader import load_rulebook
from laurels.settings import Settings


class DryWorker:
    """Checks lines against a rulebook, the store, if there is one, and the learner's earlier lines: an event that would
    be recorded counts as `recorded`."""

    def __init__(self, rulebook: Rulebook, store: Store | None) -> None:
        self.store = store
        self.rulebook = rulebook
        self._user_id: str | None = None
        # By event id, the events that the learner's lines would have recorded, and when they happened.
        self._seen: dict[str, tuple[LearningEvent, int]] = {}

    async def take(self, share: Share) -> Taken:
        taken = Taken()
        now = system_clock()
        read = read_share(share, taken, self.rulebook, now)
        known: dict[tuple[str, str], Entry] = {}
        deleted: set[str] = set()
        if self.store is not None and read.events:
            read = await settle_known(share, read, taken, self.store)
            keys = [(event.user_id, event.event_id) for event in read.events if event.event_id is not None]
            known = (await self.store.ledger.load({}, keys, "")).known
            deleted.update(await self.store.tombstones.find({event.user_id for event in read.events}))
        for number, event in zip(read.numbers, read.events, strict=True):
            try:
                normal = normal_event(event)
                at = check_event(normal, self.rulebook.event_types, now=now, earliest=0)
                if event.user_id in deleted:
                    raise UserDeleted
                is_new = self._is_new(normal, at, known)
            except EventConflict as error:
                taken.conflict(number, CHANGED if number in read.by_line else str(error))
            except LaurelsError as error:
                taken.refused.append((number, str(error)))
            else:
                taken.recorded += is_new
                taken.replayed += not is_new
        return taken

    def _is_new(self, event: LearningEvent, at: int, known: dict[tuple[str, str], Entry]) -> bool:
        """Whether an event would be recorded, rather than replayed. Raises EventConflict."""
        if event.user_id != self._user_id:
            # The lines of a learner come together.
            self._user_id, self._seen = event.user_id, {}
        event_id = event.event_id or ""
        entry = known.get((event.user_id, event_id))
        if entry is not None:
            if is_repeated(event, entry):
                return False
            raise EventConflict(event.user_id, event_id)
        if event_id in self._seen:
            first, first_at = self._seen[event_id]
            if is_same_content(event, first, at=first_at):
                return False
            raise EventConflict(event.user_id, event_id)
        self._seen[event_id] = event, at
        return True


@asynccontextmanager
async def dry_worker(settings: Settings) -> AsyncGenerator[DryWorker]:
    """A worker that does not create a missing database. Raises RulebookError or StoreError."""
    if not await store_exists(settings.store):
        yield DryWorker(load_rulebook(settings.rulebook or "coding"), None)
        return
    store = await open_store(settings.store)
    try:
        yield DryWorker(await rulebook_of(store, settings), store)
    finally:
        await store.close()
