"""Waiting for what another task does."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

SOON = 10


async def until(holds: Callable[[], bool]) -> None:
    """Return when it holds; fails where that takes too long."""
    async with asyncio.timeout(SOON):
        while not holds():  # noqa: ASYNC110  what is waited for has no event
            await asyncio.sleep(0.001)
