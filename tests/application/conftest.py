"""A Laurels to talk to, on a clock that the test holds."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from laurels.application.service import Service
from laurels.bootstrap import open_service
from laurels.testing.builders import small_rulebook
from laurels.testing.clocks import SettableClock


@pytest.fixture
def clock() -> SettableClock:
    """Saturday, 14 March 2026, 12:00 UTC."""
    return SettableClock(datetime(2026, 3, 14, 12, tzinfo=UTC))


@pytest.fixture
async def laurels(store_url: str, clock: SettableClock) -> AsyncIterator[Service]:
    """A Laurels with the small rulebook on a fresh database, which projects only when told to flush."""
    async with open_service(store_url, rulebook=small_rulebook(), clock=clock, projection_interval=3600) as laurels:
        yield laurels
