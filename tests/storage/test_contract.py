"""Every store passes the one contract suite."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from laurels.application.ports import Store
from laurels.storage.sqlite import SQLiteStore
from laurels.testing.store_contract import (
    BoardContract,
    HandleContract,
    LedgerContract,
    OpenStore,
    ProjectionContract,
)


def sqlite(folder: Path) -> Callable[[], Awaitable[Store]]:
    """Handles on one fresh file."""
    return lambda: SQLiteStore.open(folder / "laurels.db")


# One line per store: from a folder of the test's own to a function that opens a handle.
STORES = {"sqlite": sqlite}


@pytest.fixture(params=STORES)
async def open_store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[OpenStore]:
    open_one = STORES[request.param](tmp_path)
    opened: list[Store] = []

    async def open_another() -> Store:
        opened.append(await open_one())
        return opened[-1]

    yield open_another
    for store in opened:
        await store.close()


class TestLedger(LedgerContract):
    """Appending, and asking what the ledger holds."""


class TestProjections(ProjectionContract):
    """Snapshots and cards."""


class TestBoards(BoardContract):
    """The boards and their order."""


class TestHandles(HandleContract):
    """From check to close."""
