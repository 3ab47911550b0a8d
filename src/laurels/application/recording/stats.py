"""The counters of a process since its start, in plain numbers: cheap to keep, and read by metrics and pages."""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from time import monotonic

from laurels.application.background import Observers
from laurels.application.recording.commands import RecordedEntry
from laurels.application.recording.migration_commands import TotalsMismatch
from laurels.errors import EventConflict

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
SIZES = (1.0, 2.0, 5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 500.0, 1_000.0)

_MINUTE = 60


class Histogram:
    """How often a value fell between two bounds. `counts` has one more number than `bounds`, for values beyond the
    last; a value equal to a bound counts below it."""

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0.0

    def observe(self, value: float) -> None:
        """Count a value."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value


class RecorderStats:
    """The counters of one recorder. The event counters only grow; queued events are recorded later, and count again
    then. `is_store_away`: the last commit found the store unavailable."""

    __slots__ = (
        "_by_second",
        "commit_seconds",
        "commit_size",
        "commits_failed",
        "conflicts",
        "faults",
        "invalid",
        "is_store_away",
        "on_committed",
        "on_failed",
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
        # The total of recorded events at the end of each of the last seconds with a commit: when full, it covers over a
        # minute.
        self._by_second: deque[tuple[int, int]] = deque(maxlen=_MINUTE + 2)
        # Called with the size and the seconds of each commit.
        self.on_committed: Observers[[int, float]] = Observers("commits")
        # Called with the error of a failed commit and, for a fault, the name of the command that met it.
        self.on_failed: Observers[[Exception, str]] = Observers("failed commits")

    def answered(self, result: object) -> None:
        """Count the result of an event; other results are ignored."""
        if isinstance(result, RecordedEntry):
            if result.is_replay:
                self.replayed += 1
            else:
                self.recorded += 1
        elif isinstance(result, TotalsMismatch):
            self.replayed += 1
        elif isinstance(result, EventConflict):
            self.conflicts += 1

    @property
    def last_minute(self) -> int:
        """How many events were recorded in the last minute, or a second more."""
        begin = int(monotonic()) - _MINUTE
        return self.recorded - max((recorded for second, recorded in self._by_second if second < begin), default=0)

    def committed(self, size: int, seconds: float) -> None:
        """Count a commit of this many commands and seconds."""
        self.commit_size.observe(size)
        self.commit_seconds.observe(seconds)
        second = int(monotonic())
        if self._by_second and self._by_second[-1][0] == second:
            self._by_second.pop()
        self._by_second.append((second, self.recorded))
        if self.on_committed:
            self.on_committed.tell(size, seconds)
