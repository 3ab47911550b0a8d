"""A `Laurels` on a fresh database, on a clock that the test holds."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from laurels import Laurels
from laurels.testing.clocks import SettableClock


@pytest.fixture
def clock() -> SettableClock:
    """Saturday, 14 March 2026, 12:00 UTC."""
    return SettableClock(datetime(2026, 3, 14, 12, tzinfo=UTC))


@pytest.fixture
async def laurels(store_url: str, clock: SettableClock) -> AsyncIterator[Laurels]:
    """A Laurels with the coding rulebook, whose boards follow when it is flushed."""
    async with Laurels.open(store_url, clock=clock, projection_interval=3_600) as opened:
        yield opened
