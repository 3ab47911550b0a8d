"""Numbers of what a process has done: each answer counts once, each value between its bounds."""

from __future__ import annotations

import pytest

from laurels.application.recording.commands import QueuedEvent, RecordedEntry
from laurels.application.recording.migration_commands import TotalsMismatch
from laurels.application.recording.stats import SECONDS, SIZES, Histogram, RecorderStats
from laurels.domain.ledger.entries import EventRecorded
from laurels.errors import EventConflict, StoreUnavailable
from laurels.testing.builders import NOON, event_entry, learning_event


class TestHistogram:
    @pytest.mark.parametrize(
        ("value", "place"), [(0, 0), (-5, 0), (1, 0), (1.5, 1), (2, 1), (5, 2), (5.0001, 3), (float("inf"), 3)]
    )
    def test_a_value_counts_below_the_bound_that_it_does_not_pass(self, value: float, place: int) -> None:
        histogram = Histogram((1, 2, 5))
        histogram.observe(value)
        assert histogram.counts == [int(place == each) for each in range(4)]

    def test_the_total_is_the_sum_of_all_values(self) -> None:
        histogram = Histogram((1.0,))
        for value in (0.5, 2, 100):
            histogram.observe(value)
        assert (histogram.total, histogram.counts) == (102.5, [1, 2])

    def test_without_bounds_all_are_beyond(self) -> None:
        histogram = Histogram(())
        histogram.observe(5)
        assert histogram.counts == [1]

    @pytest.mark.parametrize("bounds", [SECONDS, SIZES])
    def test_the_bounds_that_are_used_rise(self, bounds: tuple[float, ...]) -> None:
        assert list(bounds) == sorted(set(bounds))


class TestAnswers:
    def test_each_counts_as_what_became_of_the_event(self) -> None:
        stats, entry = RecorderStats(), event_entry()
        assert isinstance(entry.body, EventRecorded)
        for result in (
            *[RecordedEntry(entry, is_replay=False)] * 3,
            *[RecordedEntry(entry, is_replay=True)] * 2,
            TotalsMismatch(entry.body),
            EventConflict("ada", "e1"),
        ):
            stats.answered(result)
        assert (stats.recorded, stats.replayed, stats.conflicts) == (3, 3, 1)

    @pytest.mark.parametrize("result", [None, StoreUnavailable("away"), QueuedEvent(learning_event(), NOON), "ada"])
    def test_whatever_is_no_event_of_the_ledger_counts_for_nothing(self, result: object) -> None:
        stats = RecorderStats()
        stats.answered(result)
        assert (stats.recorded, stats.replayed, stats.conflicts, stats.queued, stats.faults) == (0, 0, 0, 0, 0)


class TestCommits:
    def test_their_sizes_and_seconds_are_counted_and_told(self) -> None:
        stats, told = RecorderStats(), list[tuple[int, float]]()
        stats.committed(3, 0.01)
        stats.on_committed.subscribe(lambda size, seconds: told.append((size, seconds)))
        stats.committed(2_000, 99.0)
        assert (stats.commit_size.total, stats.commit_size.counts[-1]) == (2_003, 1)
        assert (sum(stats.commit_seconds.counts), stats.commit_seconds.counts[-1]) == (2, 1)
        assert told == [(2_000, 99.0)]

    def test_of_the_last_minute_is_what_was_recorded_just_now(self) -> None:
        stats = RecorderStats()
        assert stats.last_minute == 0
        for _ in range(5):
            stats.answered(RecordedEntry(event_entry(), is_replay=False))
            stats.committed(1, 0.01)
        assert stats.last_minute == 5
