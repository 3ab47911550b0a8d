"""What the recorder and the projector of one process tell each other."""

from __future__ import annotations

import asyncio


class ProjectionSignals:
    """`settled` is held while progress in memory is ahead of the ledger: who takes it sees committed progress only.

    The recorder sets `committed` after each commit, and `crowded` when memory is full of users who wait for their
    projection; the projector sets `projected` when some of them can be forgotten again.
    """

    def __init__(self) -> None:
        self.settled = asyncio.Lock()
        self.committed = asyncio.Event()
        self.crowded = asyncio.Event()
        self.projected = asyncio.Event()
