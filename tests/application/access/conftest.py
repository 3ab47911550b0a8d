"""A store to ask for tokens, secrets and keys."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from laurels.storage.sqlite.store import SQLiteStore


@pytest.fixture
async def store(database: Path) -> AsyncIterator[SQLiteStore]:
    """A fresh SQLite store, which a test may close."""
    opened = await SQLiteStore.open(database)
    yield opened
    await opened.close()
