"""The store: a ledger and its projections, one small port for each concern.

The docstrings of these ports are the contract. Each sentence is checked by a test of `laurels.testing.store_contract`,
which every store must pass. The ports speak in domain values; no driver's type or error crosses them (errors are
`laurels.errors.StoreError`).
"""

from __future__ import annotations

from typing import Protocol

from laurels.application.ports.boards import BoardStore
from laurels.application.ports.imports import ImportStore
from laurels.application.ports.jobs import JobStore
from laurels.application.ports.keys import KeyStore
from laurels.application.ports.ledger import LedgerStore
from laurels.application.ports.limits import LimitStore
from laurels.application.ports.rulebook import RulebookStore
from laurels.application.ports.secrets import SecretStore
from laurels.application.ports.snapshots import SnapshotStore
from laurels.application.ports.tombstones import TombstoneStore
from laurels.application.ports.webhooks import WebhookStore


class Store(Protocol):
    """A handle on one database.

    Ids are compared code point by code point: `ada` and `Ada` are two users. Instants keep their milliseconds.
    Several stores, in one process or in many, may work on one database at the same time.
    """

    @property
    def ledger(self) -> LedgerStore: ...
    @property
    def snapshots(self) -> SnapshotStore: ...
    @property
    def boards(self) -> BoardStore: ...
    @property
    def rulebook(self) -> RulebookStore: ...
    @property
    def jobs(self) -> JobStore: ...
    @property
    def imports(self) -> ImportStore: ...
    @property
    def keys(self) -> KeyStore: ...
    @property
    def limits(self) -> LimitStore: ...
    @property
    def secrets(self) -> SecretStore: ...
    @property
    def tombstones(self) -> TombstoneStore: ...
    @property
    def webhooks(self) -> WebhookStore: ...

    @property
    def mark(self) -> object | None:
        """Changes when this store has seen that another one wrote to the database; None: always ask.

        Two equal marks do not promise that nobody wrote in between, only that this store has not seen it; `append`
        refuses entries that are based on a stale `seq`.
        """
        ...

    @property
    def is_remote(self) -> bool:
        """Whether an append mostly waits for other machines: then fewer and larger ones take less of their time."""
        ...

    async def check(self) -> None:
        """Return when the store can read and write; raises StoreUnavailable otherwise."""
        ...

    async def close(self) -> None:
        """Release everything. Pending calls are finished first; a second call does nothing."""
        ...
