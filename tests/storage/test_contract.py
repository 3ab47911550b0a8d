"""Every store passes the one contract suite."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from laurels.application.ports.store import Store
from laurels.bootstrap import open_store as open_store_at
from laurels.testing.store_contract import (
    BoardContract,
    CountContract,
    HandleContract,
    KeyContract,
    LedgerContract,
    LimitContract,
    OpenStore,
    SnapshotContract,
    TombstoneContract,
    WatchContract,
    WebhookContract,
)

# One line per store: the fixture that gives the URL of an empty database.
STORES = {
    "sqlite": "store_url",
    "mongodb": "mongodb_url",
    "mongodb replica set": "one_node_url",
    "mongodb three nodes": "three_nodes_url",
}


@pytest.fixture(params=STORES)
async def open_store(request: pytest.FixtureRequest) -> AsyncIterator[OpenStore]:
    url: str = request.getfixturevalue(STORES[request.param])
    opened: list[Store] = []

    async def open_another() -> Store:
        opened.append(await open_store_at(url))
        return opened[-1]

    yield open_another
    for store in opened:
        await store.close()


class TestLedger(LedgerContract):
    """Appending, and asking what the ledger holds."""


class TestSnapshots(SnapshotContract):
    """Snapshots and cards."""


class TestBoards(BoardContract):
    """The boards and their order."""


class TestCounts(CountContract):
    """Ranks and totals."""


class TestHandles(HandleContract):
    """From check to close."""


class TestWatching(WatchContract):
    """Being told that somebody wrote."""


class TestKeys(KeyContract):
    """API keys."""


class TestLimits(LimitContract):
    """Token buckets."""


class TestTombstones(TombstoneContract):
    """Deleting users."""


class TestWebhooks(WebhookContract):
    """Endpoints, their places and their deliveries."""
