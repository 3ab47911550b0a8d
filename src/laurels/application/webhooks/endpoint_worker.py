"""Delivers to one endpoint the messages it subscribed to: at least once, and in order for each user.

The ledger is the queue: an endpoint has a place in it (`lease`), and nothing is stored for entries after that place
(`outbox`). A message that did not arrive is stored, blocks later messages of the same user, and is retried
(`delivery_attempts`). If an endpoint fails altogether, its place stays, and it is probed from time to time.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from typing import TypeVar

from msgspec.structs import replace

from laurels.application.ports.clock import Clock
from laurels.application.ports.store import Store
from laurels.application.queries.learners.progress_reader import ProgressReader
from laurels.application.webhooks.delivery_attempts import DeliveryAttempts, DeliveryCounts, Sender
from laurels.application.webhooks.lease import Lease
from laurels.application.webhooks.outbox import Outbox, Owed
from laurels.application.webhooks.reminders import Reminders
from laurels.domain.rules.rulebook import Rulebook
from laurels.domain.webhooks import USER_DELETED, Delivery, Endpoint

T = TypeVar("T")

# Messages in transit to one endpoint at once, each about a different user.
WIDTH = 16
# Due retries that one round takes.
DUE = 100


class EndpointWorker:
    """Delivers for one endpoint, as long as this process holds its lease."""

    def __init__(
        self,
        endpoint: Endpoint,
        store: Store,
        rulebook: Rulebook,
        clock: Clock,
        sender: Sender,
        *,
        reader: ProgressReader,
        owner: str,
        counts: DeliveryCounts,
    ) -> None:
        # Replaced when its secret changes.
        self.endpoint = endpoint
        self._store = store.webhooks
        self._tombstones = store.tombstones
        self._clock = clock
        self._lease = Lease(endpoint.id, store.webhooks, clock, owner)
        self._reminders = Reminders(store, rulebook, clock, reader)
        self._outbox = Outbox(store, rulebook, self._reminders)
        self._attempts = DeliveryAttempts(store.webhooks, clock, sender, counts)

    @property
    def is_away(self) -> bool:
        """Whether the endpoint accepted none of the last messages."""
        return self._attempts.is_away

    async def work(self) -> bool:
        """Deliver the pending messages, up to a page. Returns whether there may be more at once. Raises StoreError."""
        return await self._lease.hold(self._round)

    async def give_back(self) -> None:
        """Let another process deliver at once."""
        await self._lease.give_back()

    async def _round(self) -> bool:
        due = await self._store.due(self.endpoint.id, now=self._clock(), limit=DUE)
        by_user: dict[str, list[Delivery]] = {}
        for each in due:
            by_user.setdefault(each.user_id, []).append(each)
        await self._side_by_side(deque(by_user.values()), self._retry, stops=False)
        is_probe = self.is_away
        if is_probe and not self._attempts.may_probe:
            return False
        return await self._deliver_new(is_probe=is_probe) or len(due) >= DUE

    async def _deliver_new(self, *, is_probe: bool) -> bool:
        written, owed = await self._outbox.written_since(self.endpoint, self._lease.place)
        waiting = deque(owed)
        if is_probe and not await self._probe(waiting):
            return False
        await self._side_by_side(waiting, self._deliver, stops=True)
        if waiting:
            # The page is read again when the endpoint is back; cursors prevent messages from being delivered again.
            return False
        await self._lease.move(written)
        if not written.is_all:
            return True
        if self.is_away:
            # The ledger held no message to probe with: one due reminder will do.
            return is_probe and await self._reminders.ring(self.endpoint, limit=1)
        return await self._reminders.ring(self.endpoint)

    async def _probe(self, waiting: deque[Owed]) -> bool:
        """Probe with one message whether the endpoint is back; False if it does not accept it."""
        failures = self._attempts.failures
        while waiting and self.is_away:
            await self._deliver(waiting.popleft())
            if self._attempts.failures > failures:
                return False
        return True

    async def _side_by_side(self, waiting: deque[T], work: Callable[[T], Awaitable[None]], *, stops: bool) -> None:
        """Take items from `waiting` and work on them, some at a time. With `stops`, the rest is left if the endpoint is
        away."""

        async def run() -> None:
            while waiting and not (stops and self.is_away):
                await work(waiting.popleft())

        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(min(WIDTH, len(waiting))):
                    group.create_task(run())
        except ExceptionGroup as errors:
            raise errors.exceptions[0] from None

    async def _deliver(self, owed: Owed) -> None:
        """Deliver a user's messages until one does not arrive."""
        async with aclosing(self._outbox.messages(self.endpoint, owed)) as messages:
            async for message in messages:
                tried = await self._attempt(message)
                if tried is None:
                    return
                await self._store.record_attempts([tried])
                if tried.state == "pending":
                    return

    async def _attempt(self, message: Delivery) -> Delivery | None:
        """Send a message; None if its user was deleted since it was read: to a slow endpoint that may be an hour."""
        if message.type != USER_DELETED and await self._tombstones.find((message.user_id,)):
            return None
        return await self._attempts.attempt(self.endpoint, message)

    async def _retry(self, pending: list[Delivery]) -> None:
        """Retry a user's messages; once they arrive or are given up, continue with the later ones."""
        for delivery in pending:
            tried = await self._attempt(delivery)
            if tried is None:
                continue
            if tried.state == "pending":
                await self._store.record_attempts([tried])
                return
            await self._resume(tried)

    async def _resume(self, tried: Delivery) -> None:
        """Store the result of a message that blocked its user, and deliver the later ones.

        The user stays blocked until all are delivered: if this process ends, the next one finds the user by that.
        """
        owed = await self._outbox.owed_after(self.endpoint, tried)
        async with aclosing(self._outbox.messages(self.endpoint, owed)) as messages:
            async for message in messages:
                now = self._clock()
                await self._store.record_attempts([replace(message, next_at=now, at=now), tried])
                sent = await self._attempt(message)
                if sent is None:
                    break
                tried = sent
                if tried.state == "pending":
                    break
        await self._store.record_attempts([tried])
