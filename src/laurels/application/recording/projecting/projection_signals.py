"""Signals between the recorder and the projector of one process."""

from __future__ import annotations

import asyncio


class ProjectionSignals:
    """`settled` is held while progress in memory is ahead of the ledger: its holder sees committed progress only.

    The recorder sets `committed` after each commit, and `crowded` when memory is full of users with pending
    projections; the projector sets `projected` when some of them can be forgotten again.
    """

    def __init__(self) -> None:
        self.settled = asyncio.Lock()
        self.committed = asyncio.Event()
        self.crowded = asyncio.Event()
        self.projected = asyncio.Event()
