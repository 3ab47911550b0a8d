"""The messages that an endpoint has not received yet: read from the ledger, entry by entry, and stored nowhere else.

So recording an event writes nothing for webhooks.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator

from msgspec import Struct

from laurels.application.ports.ledger import Written
from laurels.application.ports.store import Store
from laurels.application.ports.webhooks import Cursor
from laurels.application.webhooks.messages import messages_of
from laurels.application.webhooks.reminders import Reminders
from laurels.domain.rules.rulebook import Rulebook
from laurels.domain.webhooks import Delivery, Endpoint

# Entries of all users that one round takes.
PAGE = 200
# Entries of one user that are read at once.
_READ = 200


class Owed(Struct, frozen=True):
    """A user's messages after part `part` of entry `seq`, up to entry `last`, or all later ones."""

    user_id: str
    seq: int
    part: int
    last: int | None = None


class Outbox:
    """Messages of one store's ledger. All methods raise StoreError."""

    def __init__(self, store: Store, rulebook: Rulebook, reminders: Reminders) -> None:
        self._store = store
        self._rulebook = rulebook
        self._reminders = reminders

    async def written_since(self, endpoint: Endpoint, place: str) -> tuple[Written, list[Owed]]:
        """A page of the ledger after `place`, and the messages of it that may be delivered now.

        Blocked users are left out: they continue when their pending message has arrived, or is given up.
        """
        written = await self._store.ledger.written_since(place, PAGE)
        cursors: dict[str, Cursor] = {}
        if written.users:
            cursors = await self._store.webhooks.cursors(endpoint.id, written.users.keys())
        owed: list[Owed] = []
        for user_id, (first, last) in written.users.items():
            cursor = cursors.get(user_id, Cursor())
            if cursor.is_blocked:
                continue
            seq, part = (cursor.seq, cursor.part) if cursor.seq >= first else (first, 0)
            owed.append(Owed(user_id, seq, part, last))
        return written, owed

    async def owed_after(self, endpoint: Endpoint, delivery: Delivery) -> Owed:
        """The messages of a user after one that blocked the user."""
        cursors = await self._store.webhooks.cursors(endpoint.id, [delivery.user_id])
        cursor = cursors.get(delivery.user_id, Cursor())
        return Owed(delivery.user_id, *max((cursor.seq, cursor.part), (delivery.seq, delivery.part)))

    async def messages(self, endpoint: Endpoint, owed: Owed) -> AsyncGenerator[Delivery]:
        """The messages themselves, in order. On the way, reminders are stored for changes that only time brings."""
        start = (owed.seq, owed.part)
        after = max(0, owed.seq - 1)
        while owed.last is None or after < owed.last:
            limit = _READ if owed.last is None else min(_READ, owed.last - after)
            entries = await self._store.ledger.entries(owed.user_id, after=after, limit=limit)
            for entry in entries:
                after = entry.seq
                if entry.recorded_at < endpoint.created_at:
                    continue
                if (entry.seq, 0) >= start:
                    await self._reminders.note(endpoint, entry)
                for message in messages_of(endpoint, entry, self._rulebook):
                    if (message.seq, message.part) > start:
                        yield message
            if len(entries) < limit:
                return
