"""Two processes on one store, whose rules change while they run."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest

from laurels.application.maintenance import following, jobs
from laurels.application.service import Service
from laurels.bootstrap import open_service
from laurels.domain.rules.rulebook import Rulebook
from laurels.testing.clocks import SettableClock


@pytest.fixture(params=["store_url", "mongodb_url"])
def url(request: pytest.FixtureRequest) -> str:
    return request.getfixturevalue(request.param)


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    # In tests nobody waits for seconds; every process is this one.
    monkeypatch.setattr(following, "INTERVAL", 0.02)
    monkeypatch.setattr(jobs, "EVERYWHERE_AFTER", 0.2)


@pytest.fixture
async def two(url: str, old: Rulebook, clock: SettableClock) -> AsyncIterator[tuple[Service, Service]]:
    """Two processes, as it were, on a store that runs the rulebook that the test module gives as `old`."""
    async with AsyncExitStack() as stack:
        one = await stack.enter_async_context(
            open_service(url, rulebook=old, clock=clock, projection_interval=3_600, publish=True)
        )
        other = await stack.enter_async_context(open_service(url, clock=clock, projection_interval=3_600))
        yield one, other
