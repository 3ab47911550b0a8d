"""Attempts to deliver messages to one endpoint: signed, counted, and tried again ever more seldom."""

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

# After so many failures in a row an endpoint is taken to be away.
AWAY_AFTER = 5
# Milliseconds between two questions whether it is back.
PROBE_INTERVAL = 60_000


class Answer(Struct, frozen=True):
    """What came back: the status of an answer, or why there was none that counts."""

    status: int | None = None
    error: str | None = None


class Sender(Protocol):
    """Sends messages to addresses of strangers."""

    async def send(self, url: str, headers: dict[str, str], body: bytes) -> Answer:
        """Post `body`. Raises nothing."""
        ...


class DeliveryCounts(Struct):
    """Attempts of one process since its start: messages that arrived, attempts that failed, messages given up."""

    delivered: int = 0
    failed: int = 0
    given_up: int = 0


class DeliveryAttempts:
    """Sends to one endpoint, and knows whether it takes messages."""

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
        """Whether the endpoint took none of the last messages."""
        return self.failures >= AWAY_AFTER

    @property
    def may_probe(self) -> bool:
        """Whether it is time to ask an endpoint that is away whether it is back."""
        return not 0 <= self._clock() - self._probed_at < PROBE_INTERVAL

    async def attempt(self, endpoint: Endpoint, delivery: Delivery) -> Delivery:
        """Send a message; what has become of it, which is kept nowhere yet. Raises StoreError."""
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
                await self._store.hasten(endpoint.id, now=now)
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
        # Not all at the same moment.
        jitter = random.uniform(0.9, 1.1)  # noqa: S311  no secret depends on it
        return replace(tried, state="pending", next_at=now + int(pause * jitter))
