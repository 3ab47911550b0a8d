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
    ImportContract,
    JobContract,
    KeyContract,
    LedgerContract,
    LimitContract,
    OpenStore,
    RulebookContract,
    SecretContract,
    SnapshotContract,
    TombstoneContract,
    WatchContract,
    WebhookContract,
)
from tests.mongod import Deployment

# One line per store: the deployment that has a database of it; None for a file of each test's own.
STORES = {
    "sqlite": None,
    "mongodb": "mongodb_alone",
    "mongodb replica set": "mongodb_one_node",
    "mongodb three nodes": "mongodb_three_nodes",
}
# By deployment, the database that its tests have one after another: making its indexes takes longer than a test.
_databases: dict[str, str] = {}


# One node is told of writes and counts a majority as three do, and the failures of nodes have tests of their own: alone
# and on three nodes it is proved where there is time for it.
_SELDOM = ("mongodb", "mongodb three nodes")


@pytest.fixture(params=[pytest.param(name, marks=pytest.mark.long) if name in _SELDOM else name for name in STORES])
async def open_store(request: pytest.FixtureRequest, store_url: str) -> AsyncIterator[OpenStore]:
    opened: list[Store] = []
    name = STORES[request.param]
    url = store_url
    if name is not None:
        deployment: Deployment = request.getfixturevalue(name)
        database = _databases.setdefault(name, deployment.fresh())
        deployment.empty(database)
        url = deployment.url(database)

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


class TestImports(ImportContract):
    """Imported lines."""


class TestKeys(KeyContract):
    """API keys."""


class TestRulebooks(RulebookContract):
    """The published rulebook and its versions."""


class TestJobs(JobContract):
    """Long work."""


class TestLimits(LimitContract):
    """Token buckets."""


class TestSecrets(SecretContract):
    """The service's own keys."""


class TestTombstones(TombstoneContract):
    """Deleting users."""


class TestWebhooks(WebhookContract):
    """Endpoints, their places and their deliveries."""
