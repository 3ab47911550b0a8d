"""Two processes on one store, whose rules change while they run."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest

from laurels.application.service import Service
from laurels.bootstrap import open_service
from laurels.domain.rules.rulebook import Rulebook
from laurels.testing.clocks import SettableClock

# Seconds: in tests nobody waits for long.
RULEBOOK_INTERVAL = 0.05


@pytest.fixture(params=["store_url", "mongodb_url"])
def url(request: pytest.FixtureRequest) -> str:
    return request.getfixturevalue(request.param)


@pytest.fixture
async def two(url: str, old: Rulebook, clock: SettableClock) -> AsyncIterator[tuple[Service, Service]]:
    """Two processes, as it were, on a store that runs the rulebook that the test module gives as `old`."""
    async with AsyncExitStack() as stack:
        one = await stack.enter_async_context(
            open_service(
                url,
                rulebook=old,
                clock=clock,
                projection_interval=3_600,
                rulebook_interval=RULEBOOK_INTERVAL,
                publish=True,
            )
        )
        other = await stack.enter_async_context(
            open_service(url, clock=clock, projection_interval=3_600, rulebook_interval=RULEBOOK_INTERVAL)
        )
        yield one, other
