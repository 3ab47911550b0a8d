"""What a process has done so far, in plain numbers: cheap to keep, read by whoever shows them."""

from __future__ import annotations

from bisect import bisect_left

from laurels.application.background import Observers
from laurels.application.recording.commands import Recorded
from laurels.application.recording.migration_commands import Differing
from laurels.errors import EventConflict

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
SIZES = (1.0, 2.0, 5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 500.0, 1_000.0)


class Histogram:
    """How often a value fell between two bounds. `counts` has one more number than `bounds`, for what lies beyond the
    last; a value equal to a bound counts below it."""

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0.0

    def observe(self, value: float) -> None:
        """Count a value in."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value


class RecorderStats:
    """What one recorder has done. The events only grow; those that were queued are recorded later, and count then,
    too. `is_store_away`: the last commit found the store unavailable."""

    __slots__ = (
        "commit_seconds",
        "commit_size",
        "commits_failed",
        "conflicts",
        "faults",
        "invalid",
        "is_store_away",
        "on_committed",
        "queued",
        "recorded",
        "replayed",
    )

    def __init__(self) -> None:
        self.recorded = 0
        self.replayed = 0
        self.conflicts = 0
        self.invalid = 0
        self.faults = 0
        self.queued = 0
        self.commit_size = Histogram(SIZES)
        self.commit_seconds = Histogram(SECONDS)
        self.commits_failed = 0
        self.is_store_away = False
        # Told of the size and the seconds of each commit.
        self.on_committed: Observers[[int, float]] = Observers("commits")

    def answered(self, result: object) -> None:
        """Count in what became of an event; other results count for nothing."""
        if isinstance(result, Recorded):
            if result.is_replay:
                self.replayed += 1
            else:
                self.recorded += 1
        elif isinstance(result, Differing):
            self.replayed += 1
        elif isinstance(result, EventConflict):
            self.conflicts += 1

    def committed(self, size: int, seconds: float) -> None:
        """Count a commit in that took so many commands and so long."""
        self.commit_size.observe(size)
        self.commit_seconds.observe(seconds)
        if self.on_committed:
            self.on_committed.tell(size, seconds)
