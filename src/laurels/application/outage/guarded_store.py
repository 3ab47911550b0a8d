"""A store that may be away: opened as soon as possible, with a time limit on reads.

No caller waits for a store that is known to be away, neither at the start of a process nor later. Background work
(appending, projecting, watching, delivering) has its own way to wait, so those calls pass through unchanged.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, cast

from laurels.application.outage.availability import Availability
from laurels.application.ports.boards import BoardStore
from laurels.application.ports.imports import ImportStore
from laurels.application.ports.jobs import JobStore
from laurels.application.ports.keys import KeyStore
from laurels.application.ports.ledger import LedgerStore
from laurels.application.ports.limits import LimitStore
from laurels.application.ports.rulebook import RulebookStore
from laurels.application.ports.secrets import SecretStore
from laurels.application.ports.snapshots import SnapshotStore
from laurels.application.ports.store import Store
from laurels.application.ports.tombstones import TombstoneStore
from laurels.application.ports.webhooks import WebhookStore
from laurels.errors import StoreUnavailable

# The calls that a request waits for, by concern. `purge` is not among them: it may take long, and the deletion
# continues even if the caller gives up.
LIMITED: dict[str, frozenset[str]] = {
    "ledger": frozenset({"read", "entries"}),
    "snapshots": frozenset(),
    "boards": frozenset(
        {
            "cards",
            "standings",
            "standings_of",
            "standing",
            "ranking",
            "count",
            "counts_above",
            "version",
            "horizon",
            "first_holders",
            "latest_holders",
        },
    ),
    "rulebook": frozenset({"newest", "version", "add", "versions", "get"}),
    "jobs": frozenset({"add", "get", "last"}),
    "imports": frozenset(),
    "keys": frozenset({"add", "revoke", "all", "version", "touch"}),
    "limits": frozenset({"take"}),
    "secrets": frozenset({"keys", "rotate"}),
    "tombstones": frozenset({"mark_deleted", "find", "open_ids", "close"}),
    "webhooks": frozenset({"add", "replace", "remove", "all", "deliveries", "backlogs", "revive", "remind", "forget"}),
}


class GuardedStore:
    """`Store` over the one that `open_store` opens; closing this one closes that one.

    `check` opens the store if it is not open yet. Calls in `LIMITED` take `availability.limit` seconds at most.
    """

    def __init__(self, open_store: Callable[[], Awaitable[Store]], availability: Availability) -> None:
        self._open_store = open_store
        self._availability = availability
        self._opened: Store | None = None
        self.ledger = cast("LedgerStore", _GuardedConcern(self, "ledger"))
        self.snapshots = cast("SnapshotStore", _GuardedConcern(self, "snapshots"))
        self.boards = cast("BoardStore", _GuardedConcern(self, "boards"))
        self.rulebook = cast("RulebookStore", _GuardedConcern(self, "rulebook"))
        self.jobs = cast("JobStore", _GuardedConcern(self, "jobs"))
        self.imports = cast("ImportStore", _GuardedConcern(self, "imports"))
        self.keys = cast("KeyStore", _GuardedConcern(self, "keys"))
        self.limits = cast("LimitStore", _GuardedConcern(self, "limits"))
        self.secrets = cast("SecretStore", _GuardedConcern(self, "secrets"))
        self.tombstones = cast("TombstoneStore", _GuardedConcern(self, "tombstones"))
        self.webhooks = cast("WebhookStore", _GuardedConcern(self, "webhooks"))

    @property
    def is_remote(self) -> bool:
        return self._opened is not None and self._opened.is_remote

    @property
    def mark(self) -> object | None:
        return None if self._opened is None else self._opened.mark

    async def check(self) -> None:
        if self._opened is None:
            self._opened = await self._open_store()
        else:
            await self._opened.check()

    async def close(self) -> None:
        """Close the store. A store that hangs gets no more time than a reader would give it."""
        if self._opened is not None:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._availability.limit):
                    await self._opened.close()

    @property
    def opened(self) -> Store:
        """The wrapped store. Raises StoreUnavailable before it is open."""
        if self._opened is None:
            raise StoreUnavailable(
                "The database could not be reached yet; try again when it is there. The server's log has the cause."
            )
        return self._opened

    async def limit(self, call: Callable[[], Awaitable[Any]]) -> Any:
        """The result of a call, within the time limit. Raises StoreUnavailable at once while the store is away."""
        if not self._availability.is_available:
            raise StoreUnavailable("The database is away; try again in a moment.")
        try:
            async with asyncio.timeout(self._availability.limit):
                return await call()
        except TimeoutError as error:
            self._availability.request_check()
            raise StoreUnavailable("The database did not answer in time; try again in a moment.") from error
        except StoreUnavailable:
            self._availability.request_check()
            raise


class _GuardedConcern:
    """One concern of the wrapped store: each of its calls finds the store open, or raises StoreUnavailable."""

    def __init__(self, guard: GuardedStore, concern: str) -> None:
        self._guard = guard
        self._concern = concern

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            return getattr(getattr(self._guard.opened, self._concern), name)(*args, **kwargs)

        async def limited(*args: Any, **kwargs: Any) -> Any:
            return await self._guard.limit(lambda: call(*args, **kwargs))

        chosen = limited if name in LIMITED[self._concern] else call
        # The next access then needs no lookup.
        setattr(self, name, chosen)
        return chosen
