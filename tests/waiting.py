"""Waiting for what another task does."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

SOON = 30
# Seconds. What has a limit of a few is there by then on any machine, and what has none is not: clients wait longer.
FAR = 25.0


async def until(holds: Callable[[], bool]) -> None:
    """Return when it holds; fails where that takes too long."""
    async with asyncio.timeout(SOON):
        while not holds():  # noqa: ASYNC110  what is waited for has no event
            await asyncio.sleep(0.001)


def wait_until(holds: Callable[[], bool]) -> None:
    """The same where nothing else runs in this thread."""
    deadline = time.monotonic() + SOON
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)
