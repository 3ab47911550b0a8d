"""The claim of one process to deliver for an endpoint, together with the endpoint's place in the ledger.

Several processes may deliver webhooks; the claim keeps two of them from delivering for the same endpoint.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from laurels.application.ports.clock import Clock
from laurels.application.ports.ledger import Written
from laurels.application.ports.webhooks import WebhookStore

# Milliseconds for which a process claims an endpoint; it renews the claim after a third of that.
LEASE = 15_000
# Milliseconds until the ledger is searched for entries that became visible late.
LOOK_BACK = 60_000


class Lease:
    """Only one process at a time holds an endpoint. A process that ends without releasing it holds it for up to `LEASE`
    milliseconds more."""

    def __init__(self, endpoint_id: str, store: WebhookStore, clock: Clock, owner: str) -> None:
        self._endpoint_id = endpoint_id
        self._store = store
        self._clock = clock
        self._owner = owner
        self._claimed_at: int | None = None
        self._stored = ""
        self._looked_back_at = 0
        # The mark in the ledger after which this process looks for new entries.
        self.place = ""

    async def hold(self, work: Callable[[], Coroutine[Any, Any, bool]]) -> bool:
        """Run `work` while this process holds the endpoint, and stop it when it does not. Returns the result of `work`,
        or False.

        Raises the errors of `work`, and StoreError.
        """
        if not await self._claim():
            return False
        task = asyncio.create_task(work(), name="laurels-webhook-round")
        try:
            while not (await asyncio.wait({task}, timeout=LEASE / 3_000))[0]:
                if not await self._claim():
                    break
        finally:
            task.cancel()
            await asyncio.wait({task})
        return not task.cancelled() and task.result()

    async def give_back(self) -> None:
        """Let another process deliver at once."""
        if self._claimed_at is not None:
            now = self._clock()
            await self._store.claim(self._endpoint_id, self._owner, now=now, until=now)
            self._claimed_at = None

    async def move(self, done: Written) -> None:
        """Move the place past a page that was found there: its messages were all delivered, or are stored as
        deliveries."""
        if done.safe != self._stored:
            await self._store.keep_place(self._endpoint_id, done.safe)
        self.place, self._stored = done.next, done.safe

    async def _claim(self) -> bool:
        now = self._clock()
        if self._claimed_at is not None and 0 <= now - self._claimed_at < LEASE / 3:
            return True
        stored = await self._store.claim(self._endpoint_id, self._owner, now=now, until=now + LEASE)
        if stored is None:
            # The process that holds the endpoint moves the place.
            self._claimed_at = None
            return False
        is_new = self._claimed_at is None or now - self._claimed_at >= LEASE
        self._claimed_at, self._stored = now, stored
        if is_new or not 0 <= now - self._looked_back_at < LOOK_BACK:
            self.place, self._looked_back_at = stored, now
        return True
