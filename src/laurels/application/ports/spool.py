"""The spool: a journal on the local disk for events that the store cannot take now.

With it an event can be acknowledged although the database is away.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Literal, Protocol

from msgspec import Struct

from laurels.domain.events import LearningEvent


class Spooled(Struct, frozen=True):
    """An event that was accepted while the store could not take it.

    Its `event_id` is always set, so recording it twice makes one entry. `arrived_at` (milliseconds) is when it happened
    if the event has no timestamp. `position` counts the arrivals in the spool; 0 before it is in it.
    """

    event: LearningEvent
    arrived_at: int
    position: int = 0


class SetAside(Struct, frozen=True):
    """A spooled event that could not be recorded, and why not."""

    spooled: Spooled
    reason: str


class SpoolStats(Struct, frozen=True, rename="camel"):
    """The present contents of a spool, and the totals since it was made.

    `bytes` is the size of the waiting events and those set aside, at most `limit`; `oldest_at` (milliseconds) is when
    the first of the waiting events arrived. `queued` and `drained` only grow.
    """

    waiting: int
    set_aside: int
    bytes: int
    limit: int
    oldest_at: int | None
    queued: int
    drained: int


SpoolCheck = Literal["ok", "full", "unavailable"]


class Spool(Protocol):
    """A journal on the local disk for events that the store cannot take now, shared by the processes of a machine.

    A call raises StoreUnavailable if the disk fails.
    """

    @property
    def is_empty(self) -> bool:
        """Whether no event of any process waits here. Costs nothing; events that this process queued are always
        seen."""
        ...

    async def append(self, events: Sequence[Spooled]) -> list[Spooled | None]:
        """Store events, in order, all or none. When this returns they survive the end of the process and a power
        failure.

        An event is not stored if one of the same user and id is here already, waiting or set aside. The result then has
        that one in its place, and None for an event that was stored. Raises StoreUnavailable if they exceed the limit.
        """
        ...

    async def events_of(self, user_id: str) -> tuple[list[Spooled], list[SetAside]]:
        """A user's waiting events and those set aside, in order of arrival."""
        ...

    async def set_aside_users(self) -> list[str]:
        """The users with events set aside, each once."""
        ...

    async def forget(self, user_ids: Collection[str]) -> int:
        """Delete all events of users, waiting or set aside. Returns the number deleted."""
        ...

    async def waiting_of(self, user_ids: Collection[str]) -> frozenset[str]:
        """The given users with waiting events."""
        ...

    async def first(self, limit: int) -> list[Spooled]:
        """The events that have waited longest, in order of arrival. They stay."""
        ...

    async def complete(self, drained: Sequence[Spooled], set_aside: Sequence[SetAside]) -> None:
        """Remove the events that the ledger has acknowledged, and set aside those that it never will."""
        ...

    def take_turn(self) -> bool:
        """Become the process that drains, unless another one is; a process that dies releases its turn."""
        ...

    def end_turn(self) -> None:
        """Let another process drain."""
        ...

    async def stats(self) -> SpoolStats:
        """The contents and the totals of the spool."""
        ...

    async def check(self) -> SpoolCheck:
        """Whether it would accept an event now. Raises nothing."""
        ...

    async def close(self) -> None:
        """Finish pending calls and release the files. Waiting events stay on disk."""
        ...
