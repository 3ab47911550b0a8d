"""What webhooks need of a store: their endpoints, how far each has been told, and what did not arrive yet.

Part of `ports.Store`, and like it held sentence by sentence by tests of `laurels.testing.store_contract`. What a user
is owed stands in the ledger; only what failed is kept beside it, so that nothing is written while an event is recorded.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

from msgspec import Struct

from laurels.domain.webhooks import Delivery, Endpoint, State

LOG = 100
"""How many delivered messages are remembered of each endpoint."""


class Written(Struct, frozen=True):
    """Who got entries after a mark: the first and the last `seq` of each among what was found, by user id.

    `next`: the mark to go on from. `safe`: the one to go on from after a restart, or now and then: where the database
    shows entries in another order than it takes them, one may still come into sight before `next`, none before `safe`.
    """

    users: dict[str, tuple[int, int]]
    next: str
    safe: str
    is_all: bool


class Told(Struct, frozen=True):
    """How far an endpoint has been told of a user: part `part` of entry `seq`, and all before. `is_blocked`: a message
    waits to be tried again, and later ones behind it."""

    seq: int = 0
    part: int = 0
    is_blocked: bool = False


class WebhookStore(Protocol):
    """Endpoints, their places in the ledger and their deliveries."""

    async def add_webhook(self, endpoint: Endpoint) -> None:
        """Keep an endpoint. Its place is the present end of the ledger, or a little before."""
        ...

    async def replace_webhook(self, endpoint: Endpoint) -> bool:
        """Keep an endpoint in the place of the one with its id, whose place stays. False: there is none."""
        ...

    async def remove_webhook(self, endpoint_id: str) -> bool:
        """Forget an endpoint and all that is kept for it. False: there is none."""
        ...

    async def webhooks(self) -> list[Endpoint]:
        """Every endpoint, in the order of their making, then by id."""
        ...

    async def webhooks_version(self) -> int:
        """A number that is another one after each addition, replacement and removal that any store on this database
        returned from, and the same while nothing changes."""
        ...

    async def claim_webhook(self, endpoint_id: str, owner: str, *, now: int, until: int) -> str | None:
        """Become, or stay, the one who delivers for an endpoint until the instant `until`; its place (a mark).

        None where another owner's claim has not ended at `now`, or there is no such endpoint. An `until` that is not
        after `now` gives the claim back.
        """
        ...

    async def keep_place(self, endpoint_id: str, mark: str) -> None:
        """Keep up to where an endpoint has been told, or what it is owed is kept as deliveries."""
        ...

    async def written_since(self, mark: str, limit: int) -> Written:
        """Who got entries after a mark, from about `limit` of them, in the order of writing. Users may come again."""
        ...

    async def told(self, endpoint_id: str, user_ids: Collection[str]) -> dict[str, Told]:
        """How far an endpoint has been told of users; those of whom nothing is kept are left out."""
        ...

    async def settle(self, deliveries: Sequence[Delivery]) -> None:
        """Keep what became of messages for one endpoint, in order. Those that arrived or were given up move on how far
        it has been told of their users, never back. Bodies of those that arrived go, and all but the last `LOG` of
        them. Of an endpoint that is gone nothing is kept."""
        ...

    async def due_deliveries(self, endpoint_id: str, *, now: int, limit: int) -> list[Delivery]:
        """Messages to be tried again by now, the longest due first."""
        ...

    async def hasten_deliveries(self, endpoint_id: str, *, now: int) -> None:
        """Make due what waits to be tried again later."""
        ...

    async def deliveries(self, endpoint_id: str, *, state: State | None = None, limit: int = 100) -> list[Delivery]:
        """What became of messages, the last attempt first."""
        ...

    async def revive_deliveries(self, endpoint_id: str, message_id: str | None, *, now: int) -> int:
        """Make one message that was given up due again, or all of them, with all attempts before them; how many."""
        ...

    async def remind(self, endpoint_id: str, reminders: Mapping[str, int | None]) -> None:
        """Keep for an endpoint at which instant each of some users is to be looked at, in the place of what was kept;
        None: not any more. Of an endpoint that is gone nothing is kept."""
        ...

    async def due_reminders(self, endpoint_id: str, *, now: int, limit: int) -> dict[str, int]:
        """Who is to be looked at by now, and since when, the longest due first."""
        ...

    async def forget_deliveries(self, user_id: str) -> None:
        """Forget everything that is kept for all endpoints about a user, but that they were deleted."""
        ...
