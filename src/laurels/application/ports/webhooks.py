"""Webhooks: their endpoints, how far each endpoint has been told, and which messages did not arrive yet.

What a user is owed stands in the ledger; only what failed is kept beside it, so that nothing is written while an event
is recorded. Each sentence here is held by a test of `laurels.testing.contracts.webhooks`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

from msgspec import Struct

from laurels.domain.webhooks import Delivery, Endpoint, State

LOG = 100
"""How many delivered messages are remembered of each endpoint."""


class Cursor(Struct, frozen=True):
    """How far an endpoint has been told of a user: part `part` of entry `seq`, and all before. `is_blocked`: a message
    waits to be tried again, and later ones behind it."""

    seq: int = 0
    part: int = 0
    is_blocked: bool = False


class FailedAttempt(Struct, frozen=True):
    """The last attempt to deliver a message that did not arrive: when it was, the attempts by then, the status of the
    answer where there was one, and why it failed. `is_given_up`: it is not tried again."""

    at: int
    type: str
    attempts: int
    status: int | None
    error: str | None
    is_given_up: bool


class Backlog(Struct, frozen=True):
    """What did not arrive at an endpoint: how many messages wait to be tried again and how many were given up, and of
    each of these the one that was tried last, the later first."""

    waiting: int = 0
    given_up: int = 0
    failed: list[FailedAttempt] = []


class WebhookStore(Protocol):
    """Endpoints, their places in the ledger and their deliveries."""

    async def add(self, endpoint: Endpoint) -> None:
        """Keep an endpoint. Its place is the present end of the ledger, or a little before."""
        ...

    async def replace(self, endpoint: Endpoint) -> bool:
        """Keep an endpoint instead of the one with its id, whose place stays. False: there is none."""
        ...

    async def remove(self, endpoint_id: str) -> bool:
        """Forget an endpoint and all that is kept for it. False: there is none."""
        ...

    async def all(self) -> list[Endpoint]:
        """Every endpoint, in the order in which they were made, then by id."""
        ...

    async def version(self) -> int:
        """A version that changes on every `add`, `replace` and `remove` that any store on this database returned
        from, and stays the same while nothing changes."""
        ...

    async def claim(self, endpoint_id: str, owner: str, *, now: int, until: int) -> str | None:
        """Become, or stay, the one owner who delivers for an endpoint until the instant `until`; its place, which is
        a mark for `LedgerStore.written_since`.

        None where another owner's claim has not ended at `now`, or there is no such endpoint. An `until` that is not
        after `now` gives the claim back.
        """
        ...

    async def keep_place(self, endpoint_id: str, mark: str) -> None:
        """Keep up to where an endpoint has been told, or what it is owed is kept as deliveries."""
        ...

    async def cursors(self, endpoint_id: str, user_ids: Collection[str]) -> dict[str, Cursor]:
        """How far an endpoint has been told of users. A user of whom nothing is kept is left out."""
        ...

    async def record_attempts(self, deliveries: Sequence[Delivery]) -> None:
        """Keep what became of messages for one endpoint, in order. Those that arrived or were given up move the
        cursors of their users forward, never back. Bodies of those that arrived are removed, and all but the last
        `LOG` of them. Nothing is kept for an endpoint that is gone."""
        ...

    async def due(self, endpoint_id: str, *, now: int, limit: int) -> list[Delivery]:
        """Messages to be tried again by now, the longest due first."""
        ...

    async def hasten(self, endpoint_id: str, *, now: int) -> None:
        """Make due now what waits to be tried again later."""
        ...

    async def deliveries(self, endpoint_id: str, *, state: State | None = None, limit: int = 100) -> list[Delivery]:
        """What became of messages, the last attempt first."""
        ...

    async def backlogs(self) -> dict[str, Backlog]:
        """What did not arrive at each endpoint, by its id, all from one read; an endpoint to which everything arrived
        is left out. Takes time by the number of such messages, but reads none of their bodies."""
        ...

    async def revive(self, endpoint_id: str, message_id: str | None, *, now: int) -> int:
        """Make one message that was given up due again, or all of them, with all attempts before them; how many."""
        ...

    async def remind(self, endpoint_id: str, reminders: Mapping[str, int | None]) -> None:
        """Keep for an endpoint the instant at which each of some users is to be looked at, instead of what was kept;
        None: not any more. Nothing is kept for an endpoint that is gone."""
        ...

    async def due_reminders(self, endpoint_id: str, *, now: int, limit: int) -> dict[str, int]:
        """The users to be looked at by now, each with the instant since when, the longest due first."""
        ...

    async def forget(self, user_id: str) -> None:
        """Forget everything that is kept for all endpoints about a user, except that they were deleted."""
        ...
