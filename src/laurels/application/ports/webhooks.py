"""Webhooks: the endpoints, how far each one has come in the ledger, and the messages that did not arrive yet.

Pending messages are read from the ledger; only failed ones are stored beside it, so that recording an event writes
nothing here. Each sentence here is checked by a test of `laurels.testing.contracts.webhooks`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

from msgspec import Struct

from laurels.domain.webhooks import Delivery, Endpoint, State

LOG = 100
"""The number of delivered messages that are remembered for each endpoint."""


class Cursor(Struct, frozen=True):
    """How far an endpoint has come with a user: part `part` of entry `seq`, and everything before. `is_blocked`: a
    message waits for a retry, and later ones behind it."""

    seq: int = 0
    part: int = 0
    is_blocked: bool = False


class FailedAttempt(Struct, frozen=True):
    """The last attempt to deliver a message that did not arrive: its time, the number of attempts so far, the status of
    the response if there was one, and why it failed. `is_given_up`: it is not retried."""

    at: int
    type: str
    attempts: int
    status: int | None
    error: str | None
    is_given_up: bool


class Backlog(Struct, frozen=True):
    """The messages that did not arrive at an endpoint: how many wait for a retry, how many were given up, and the
    latest attempt of each kind."""

    waiting: int = 0
    given_up: int = 0
    failed: list[FailedAttempt] = []


class WebhookStore(Protocol):
    """Endpoints, their places in the ledger and their deliveries."""

    async def add(self, endpoint: Endpoint) -> None:
        """Store an endpoint. Its place is the present end of the ledger, or a little before."""
        ...

    async def replace(self, endpoint: Endpoint) -> bool:
        """Replace the endpoint with the same id; its place stays. False if there is none."""
        ...

    async def remove(self, endpoint_id: str) -> bool:
        """Delete an endpoint and all its data. False if there is none."""
        ...

    async def all(self) -> list[Endpoint]:
        """Every endpoint, in order of creation, then by id."""
        ...

    async def version(self) -> int:
        """A version that changes on every `add`, `replace` and `remove` that any store on this database returned
        from, and stays the same while nothing changes."""
        ...

    async def claim(self, endpoint_id: str, owner: str, *, now: int, until: int) -> str | None:
        """Become, or stay, the only owner who delivers for an endpoint until the instant `until`. Returns its place, a
        mark for `LedgerStore.written_since`.

        None if another owner's claim has not ended at `now`, or there is no such endpoint. An `until` that is not after
        `now` releases the claim.
        """
        ...

    async def keep_place(self, endpoint_id: str, mark: str) -> None:
        """Store the place of an endpoint: messages before it were delivered, or are stored as deliveries."""
        ...

    async def cursors(self, endpoint_id: str, user_ids: Collection[str]) -> dict[str, Cursor]:
        """How far an endpoint has come with users. A user without a cursor is left out."""
        ...

    async def record_attempts(self, deliveries: Sequence[Delivery]) -> None:
        """Store the results of messages for one endpoint, in order. Those that arrived or were given up move the
        cursors of their users forward, never back. Bodies of those that arrived are deleted, and so are all but the
        last `LOG` of them. Nothing is stored for a removed endpoint, or of a deleted user but that they were
        deleted."""
        ...

    async def due(self, endpoint_id: str, *, now: int, limit: int) -> list[Delivery]:
        """Messages due for a retry, the longest due first."""
        ...

    async def retry_now(self, endpoint_id: str, *, now: int) -> None:
        """Make messages due now that wait for a later retry."""
        ...

    async def deliveries(self, endpoint_id: str, *, state: State | None = None, limit: int = 100) -> list[Delivery]:
        """Messages with their results, the last attempt first."""
        ...

    async def backlogs(self) -> dict[str, Backlog]:
        """The messages that did not arrive, by endpoint id, all from one read; an endpoint without such messages is
        left out. The time grows with the number of such messages, but none of their bodies are read."""
        ...

    async def revive(self, endpoint_id: str, message_id: str | None, *, now: int) -> int:
        """Make one message that was given up due again, or all of them, with their earlier attempts. Returns their
        number."""
        ...

    async def remind(self, endpoint_id: str, reminders: Mapping[str, int | None]) -> None:
        """Store for an endpoint the instant at which each user is to be looked at, replacing the stored one; None
        deletes it. Nothing is stored for a removed endpoint or of a deleted user."""
        ...

    async def due_reminders(self, endpoint_id: str, *, now: int, limit: int) -> dict[str, int]:
        """The users that are due now, each with the instant since when, the longest due first."""
        ...

    async def forget(self, user_id: str) -> None:
        """Delete all data that endpoints hold about a user, except the message that they were deleted."""
        ...
