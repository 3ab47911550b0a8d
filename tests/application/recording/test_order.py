"""What does not depend on the order of arrival, and what no batching can change."""

from __future__ import annotations

import random
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from laurels import LearningEvent, load_rulebook
from laurels.application.maintenance.verification import verify
from laurels.application.recording.commands import RecordedEntry
from laurels.application.service import Service
from laurels.bootstrap import open_service
from laurels.domain.progress import Progress
from laurels.testing.builders import learning_event, small_rulebook
from laurels.testing.clocks import SettableClock

LANGUAGES = ("python", "rust", "go", "c", "sql", None)
KINDS = ("code_run", "ai_debug", "session_join", "visualize", "challenge_complete", "tutorial_complete")


def some_events(clock: SettableClock, seed: int, count: int = 240) -> list[LearningEvent]:
    """Events of one user, in and out of order, dense enough to bring streaks and dozens of badges."""
    draw = random.Random(seed)
    events: list[LearningEvent] = []
    for number in range(count):
        metadata: dict[str, Any] = {"codeLength": draw.choice((10, 150, 700)), "sessionDuration": draw.randrange(9_000)}
        if language := draw.choice(LANGUAGES):
            metadata["language"] = language
        if not draw.randrange(3):
            metadata["role"] = "mentor"
        at = clock.moment - timedelta(days=draw.randrange(60), minutes=draw.randrange(1_440))
        events.append(learning_event("ada", draw.choice(KINDS), event_id=f"e{number}", at=at, **metadata))
    return events


async def progress_after(
    folder: Path, clock: SettableClock, events: list[LearningEvent], draw: random.Random
) -> Progress:
    """The progress once all events are recorded on a fresh database, in batches of any size and by turns."""
    url = f"sqlite:///{folder / f'{draw.random()}.db'}"
    waiting = list(events)
    rulebook = load_rulebook("coding")
    while waiting:
        # Each round is a process of its own: what it knows comes from the database.
        async with open_service(url, rulebook=rulebook, clock=clock, projection_interval=3600) as laurels:
            for _ in range(draw.randrange(1, 6)):
                size = draw.choice((1, 2, 7, 60))
                results = await laurels.record_many(waiting[:size])
                assert all(isinstance(result, RecordedEntry) and not result.is_replay for result in results)
                del waiting[:size]
                if draw.randrange(2):
                    await laurels.projector.flush()
    async with open_service(url, rulebook=rulebook, clock=clock) as laurels:
        assert (await verify(laurels.store, rulebook)).is_clean
        return await laurels.learners.progress("ada")


def without_order(progress: Progress) -> dict[str, Any]:
    """All of a progress that may not depend on the order of arrival.

    Only `created_at`, which is that of the first entry, and `earned_at` know the order, and with the latter the day on
    which the boards count a badge's points.
    """
    # A set has no order, and lists what it holds by hashes that differ from process to process.
    seen: dict[str, Any] = msgspec.to_builtins(progress, order="deterministic")
    del seen["createdAt"]
    badge_points: dict[int, int] = {}
    for award in progress.awards.values():
        day = award.earned_at // 86_400_000 + 719_163
        badge_points[day] = badge_points.get(day, 0) + award.points
    seen["awards"] = {badge_id: award.points for badge_id, award in progress.awards.items()}
    seen["boardDays"] = {
        day: (held.points - badge_points.get(day, 0), held.events) for day, held in progress.board_days.items()
    }
    return seen


class TestOrderOfArrival:
    """The same events in another order."""

    @pytest.mark.parametrize("seed", range(6))
    async def test_any_order_and_batching_leads_to_the_same_progress(
        self, tmp_path: Path, clock: SettableClock, seed: int
    ) -> None:
        draw = random.Random(seed)
        events = some_events(clock, seed)
        expected = await progress_after(tmp_path, clock, events, draw)
        assert len(expected.awards) > 20
        shuffled = draw.sample(events, len(events))
        sorted_by_time = sorted(events, key=lambda event: event.timestamp or clock.moment)
        for order in (shuffled, sorted_by_time, sorted_by_time[::-1]):
            found = await progress_after(tmp_path, clock, order, draw)
            assert without_order(found) == without_order(expected)

    async def test_a_late_event_can_join_two_streaks(self, laurels: Service, clock: SettableClock) -> None:
        for days in (0, 2, 1):
            recorded = await laurels.record("ada", "run", timestamp=clock.moment - timedelta(days=days))
        assert recorded.body.daily_streak == 3
        dashboard = await laurels.learners.dashboard("ada")
        assert (dashboard.daily_streak, dashboard.longest_streak) == (3, 3)
        # Earned at the event that completed it, not at the newest one.
        [streak] = [badge for badge in dashboard.badges if badge.badge_id == "streak"]
        assert streak.earned_at == "2026-03-13T12:00:00.000Z"


class TestBatching:
    """The same events in the same order, cut up in another way."""

    async def test_batches_processes_and_flushes_leave_no_trace(self, tmp_path: Path, clock: SettableClock) -> None:
        events = some_events(clock, 99)
        rulebook = load_rulebook("coding")
        async with open_service(f"sqlite:///{tmp_path / 'at once.db'}", rulebook=rulebook, clock=clock) as laurels:
            await laurels.record_many(events)
            at_once = await laurels.learners.progress("ada")
        for seed in range(4):
            assert await progress_after(tmp_path, clock, events, random.Random(seed)) == at_once

    async def test_turns_between_two_handles_leave_no_trace(self, store_url: str, clock: SettableClock) -> None:
        rulebook = small_rulebook()
        events = [learning_event("ada", ("run", "talk")[n % 3 == 0], event_id=f"e{n}") for n in range(60)]
        async with (
            open_service(store_url, rulebook=rulebook, clock=clock, projection_interval=0.01) as one,
            open_service(store_url, rulebook=rulebook, clock=clock, projection_interval=0.01) as other,
            open_service(f"{store_url}.alone", rulebook=rulebook, clock=clock) as alone,
        ):
            for number, event in enumerate(events):
                await (one, other)[number % 2].record_event(event)
                await alone.record_event(event)
            by_one = await one.learners.progress("ada")
            assert by_one == await other.learners.progress("ada")
            assert by_one == await alone.learners.progress("ada")
