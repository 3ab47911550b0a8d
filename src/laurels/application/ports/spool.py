"""The spool: a journal on the local disk for events that the store cannot take now."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Literal, Protocol

from msgspec import Struct

from laurels.domain.events import LearningEvent


class Spooled(Struct, frozen=True):
    """An event that was accepted while the store could not take it.

    Its `event_id` is always set, so recording it twice makes one entry. `arrived_at` (milliseconds) is when it
    happened where the event has no timestamp. `position` counts the arrivals in the spool; 0 before it is in it.
    """

    event: LearningEvent
    arrived_at: int
    position: int = 0


class SetAside(Struct, frozen=True):
    """A spooled event that could not be recorded, and why not."""

    spooled: Spooled
    reason: str


class SpoolStats(Struct, frozen=True, rename="camel"):
    """What a spool holds now, and what went through it since it was made.

    `bytes` is what the waiting events and those set aside take, of `limit` at the most; `oldest_at` (milliseconds)
    is when the first of the waiting events arrived. `queued` and `drained` only grow.
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

    A call raises StoreUnavailable when the disk does not play along.
    """

    @property
    def is_empty(self) -> bool:
        """Whether no event of any process waits here. Costs nothing; what a process was told is queued is seen."""
        ...

    async def append(self, events: Sequence[Spooled]) -> list[Spooled | None]:
        """Keep events, in order, all or none. At the return they survive the end of the process and of the power.

        An event is not kept where one of the same user and id is here already, waiting or set aside: the result has
        that one in its place, and None for an event that was kept. Raises StoreUnavailable when they do not fit within
        the limit.
        """
        ...

    async def events_of(self, user_id: str) -> tuple[list[Spooled], list[SetAside]]:
        """A user's events that wait, and those that were set aside, in order of arrival."""
        ...

    async def set_aside_users(self) -> list[str]:
        """Whose events were set aside, each once."""
        ...

    async def forget(self, user_ids: Collection[str]) -> int:
        """Delete what is held of users, waiting or set aside; how many events that were."""
        ...

    async def waiting_of(self, user_ids: Collection[str]) -> frozenset[str]:
        """Those of the users who have events waiting."""
        ...

    async def first(self, limit: int) -> list[Spooled]:
        """The events that have waited longest, in order of arrival. They stay."""
        ...

    async def complete(self, drained: Sequence[Spooled], set_aside: Sequence[SetAside]) -> None:
        """Take out what the ledger has acknowledged, and move what it never will to one side."""
        ...

    def take_turn(self) -> bool:
        """Become the one that drains, unless another process is; a process that dies gives its turn back."""
        ...

    def end_turn(self) -> None:
        """Let another process drain."""
        ...

    async def stats(self) -> SpoolStats:
        """What it holds and what went through it."""
        ...

    async def check(self) -> SpoolCheck:
        """Whether it would take an event now. Raises nothing."""
        ...

    async def close(self) -> None:
        """Finish what was asked for and give the files back. What waits stays on disk."""
        ...
