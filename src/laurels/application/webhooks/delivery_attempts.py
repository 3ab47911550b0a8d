"""Attempts to deliver messages to one endpoint: signed, counted, and retried at growing intervals.

The number of failures in a row decides when an endpoint counts as away.
"""

from __future__ import annotations

import logging
import random
from typing import Protocol

from msgspec import Struct
from msgspec.structs import replace

from laurels.application.ports.clock import Clock
from laurels.application.ports.webhooks import WebhookStore
from laurels.domain.webhooks import ATTEMPTS, DELAYS, Delivery, Endpoint, headers_of, is_delivered

logger = logging.getLogger(__name__)

# After this many failures in a row an endpoint counts as away.
AWAY_AFTER = 5
# Milliseconds between two probes of an endpoint that is away.
PROBE_INTERVAL = 60_000


class Answer(Struct, frozen=True):
    """The response: its status, or why there was no valid one."""

    status: int | None = None
    error: str | None = None


class Sender(Protocol):
    """Sends messages to addresses that other people chose."""

    async def send(self, url: str, headers: dict[str, str], body: bytes) -> Answer:
        """Post `body`. Raises nothing."""
        ...


class DeliveryCounts(Struct):
    """Attempts of one process since its start: messages that arrived, attempts that failed, messages given up."""

    delivered: int = 0
    failed: int = 0
    given_up: int = 0


class DeliveryAttempts:
    """Sends to one endpoint, and tracks whether it accepts messages."""

    def __init__(self, store: WebhookStore, clock: Clock, sender: Sender, counts: DeliveryCounts) -> None:
        self._store = store
        self._clock = clock
        self._sender = sender
        self._counts = counts
        self._probed_at = 0
        # Failures in a row.
        self.failures = 0

    @property
    def is_away(self) -> bool:
        """Whether the endpoint accepted none of the last messages."""
        return self.failures >= AWAY_AFTER

    @property
    def may_probe(self) -> bool:
        """Whether it is time to probe an endpoint that is away."""
        return not 0 <= self._clock() - self._probed_at < PROBE_INTERVAL

    async def attempt(self, endpoint: Endpoint, delivery: Delivery) -> Delivery:
        """Send a message. Returns the delivery with the result of the attempt, not yet stored. Raises StoreError."""
        now = self._clock()
        headers = headers_of(delivery.id, delivery.body, endpoint.secrets_at(now), now)
        answer = await self._sender.send(endpoint.url, headers, delivery.body.encode())
        now = self._clock()
        attempts = delivery.attempts + 1
        tried = replace(delivery, attempts=attempts, at=now, status=answer.status, error=answer.error)
        if answer.error is None and is_delivered(answer.status):
            self._counts.delivered += 1
            was_away, self.failures = self.is_away, 0
            if was_away:
                await self._store.retry_now(endpoint.id, now=now)
            return replace(tried, state="done")
        self.failures += 1
        self._counts.failed += 1
        if self.is_away:
            self._probed_at = now
        if self.failures == AWAY_AFTER:
            logger.warning("webhook %s does not take messages: %s", endpoint.id, answer.error or answer.status)
        if attempts >= ATTEMPTS:
            self._counts.given_up += 1
            return replace(tried, state="dead")
        pause = DELAYS[attempts - 1] * 1_000
        # Spread out, so that retries do not come at the same moment.
        jitter = random.uniform(0.9, 1.1)  # noqa: S311  no secret depends on it
        return replace(tried, state="pending", next_at=now + int(pause * jitter))
