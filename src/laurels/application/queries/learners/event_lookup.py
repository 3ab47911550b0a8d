"""Finds one event of a user wherever it is: in the ledger, in the spool, or set aside.

Whether it was retracted stands in a later entry of any age. Each entry is examined once, not for each question.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from typing import Literal

from msgspec import UNSET, Struct, UnsetType

from laurels.application.lru_cache import LruCache
from laurels.application.ports.spool import Spool, Spooled
from laurels.application.ports.store import Store
from laurels.application.queries.badges import badge_view
from laurels.application.queries.learners.event_views import event_view, known_event_view, queued_event_view
from laurels.application.queries.views import BadgeView, KnownEventView
from laurels.domain.ledger.entries import Entry, EventRecorded, EventRetracted
from laurels.domain.periods import to_ms
from laurels.domain.rules.rulebook import Rulebook
from laurels.errors import StoreError, StoreUnavailable, UnknownEvent, UnknownUser

PAGE = 500
# Beyond all entries: of the user nothing else is read than whether they are deleted.
_BEYOND = 2**53
# Users and retractions that are remembered.
_REMEMBERED = 20_000

EventStatus = Literal["recorded", "retracted", "queued", "setAside"]


class EventState(Struct, frozen=True, kw_only=True):
    """The state of an event; `reason` says why it was retracted or set aside, or that another event with its id was."""

    status: EventStatus
    event: KnownEventView
    new_badges: list[BadgeView] = []
    reason: str | UnsetType = UNSET


class EventLookup:
    """Looks events up in one store. `spool`: where events wait while the store is away, if anywhere."""

    def __init__(self, store: Store, rulebook: Rulebook, spool: Spool | None) -> None:
        self._store = store
        self._rulebook = rulebook
        self._spool = spool
        self._retractions = _Retractions(store)

    async def state(self, user_id: str, event_id: str) -> EventState:
        """The state of an event. Raises UnknownUser if the user is deleted, UnknownEvent or StoreError."""
        waiting, aside = await self._spool.events_of(user_id) if self._spool is not None else ([], [])
        for each in waiting:
            if each.event.event_id == event_id:
                return EventState(status="queued", event=_waiting(each))
        try:
            loaded = await self._store.ledger.load({user_id: _BEYOND}, [(user_id, event_id)], "")
        except StoreError:
            loaded = None
        if loaded is not None and user_id in loaded.deleted:
            self.forget((user_id,))
            raise UnknownUser(user_id)
        set_aside = next((each for each in aside if each.spooled.event.event_id == event_id), None)
        entry = None if loaded is None else loaded.known.get((user_id, event_id))
        if entry is not None and isinstance(entry.body, EventRecorded):
            badges = [badge_view(award, self._rulebook) for award in entry.body.outcome.awards]
            taken = await self._retractions.of(entry)
            reason = UNSET if taken is None else taken.reason
            if taken is None and set_aside is not None:
                reason = (
                    "Another event with this eventId was accepted while the database was away, and was set aside: "
                    f"{set_aside.reason}"
                )
            return EventState(
                status="recorded" if taken is None else "retracted",
                event=known_event_view(event_view(entry, entry.body)),
                new_badges=badges,
                reason=reason,
            )
        if set_aside is not None:
            return EventState(status="setAside", event=_waiting(set_aside.spooled), reason=set_aside.reason)
        if loaded is None:
            raise StoreUnavailable(
                "The store is away; whether it has this event cannot be looked up now. Try again in a moment."
            )
        raise UnknownEvent

    def forget(self, user_ids: Iterable[str]) -> None:
        """Drop what is remembered of users."""
        self._retractions.forget(user_ids)


class _Examined(Struct, frozen=True):
    """The entries of a user from `first` to `last`, both included, were examined: `found` has the retractions among
    them, by the `seq` of the event. `recorded_at` is that of the last: another entry with that `seq` belongs to another
    ledger, as after a deletion."""

    first: int
    last: int
    recorded_at: int
    found: dict[int, EventRetracted]


class _Retractions:
    """Remembers which events of recently asked users were retracted."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._known: LruCache[_Examined] = LruCache(_REMEMBERED, lambda known: 1 + len(known.found))

    async def of(self, event: Entry) -> EventRetracted | None:
        """The retraction of an event in the ledger, if there is one. Raises StoreError."""
        known = self._known.get(event.user_id)
        if known is None:
            return await self._since(event, event)
        last = await self._store.ledger.entries(event.user_id, after=known.last - 1, limit=1)
        if [entry.recorded_at for entry in last] != [known.recorded_at]:
            return await self._since(event, event)
        return await self._since(event, last[0], known)

    def forget(self, user_ids: Iterable[str]) -> None:
        for user_id in user_ids:
            self._known.discard(user_id)

    async def _since(self, event: Entry, last: Entry, known: _Examined | None = None) -> EventRetracted | None:
        """Examine what was not examined yet: the entries after `last`, and those between the event and the `known`."""
        found = {} if known is None else dict(known.found)
        first = event.seq if known is None else known.first
        gaps = [(last.seq, None)] if event.seq >= first else [(event.seq, first), (last.seq, None)]
        for after, before in gaps:
            async for entry in self._entries(event.user_id, after, before):
                if isinstance(entry.body, EventRetracted):
                    found[entry.body.event_seq] = entry.body
                if before is None:
                    last = entry
        examined = _Examined(min(first, event.seq), last.seq, last.recorded_at, found)
        self._known.keep(event.user_id, examined)
        return found.get(event.seq)

    async def _entries(self, user_id: str, after: int, before: int | None) -> AsyncIterator[Entry]:
        """The entries of a user between two others, or to the end."""
        while before is None or after < before - 1:
            limit = PAGE if before is None else min(PAGE, before - after - 1)
            page = await self._store.ledger.entries(user_id, after=after, limit=limit)
            if not page:
                return
            for entry in page:
                yield entry
            after = page[-1].seq


def _waiting(spooled: Spooled) -> KnownEventView:
    at = spooled.event.timestamp
    return known_event_view(queued_event_view(spooled.event, spooled.arrived_at if at is None else to_ms(at)))
