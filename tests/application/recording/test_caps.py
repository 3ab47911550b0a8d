"""Caps and once keys in the ledger: over several handles at once, on each store, proven and rebuilt."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from laurels import EventConflict, InvalidEvent, LearningEvent
from laurels.application.maintenance.rebuild import rebuild
from laurels.application.maintenance.verification import verify
from laurels.application.recording.commands import RecordedEntry
from laurels.application.service import Service
from laurels.bootstrap import open_service
from laurels.testing.builders import small_rulebook
from laurels.testing.clocks import SettableClock
from tests.application.outage.test_spooling_recorder import opened

CAPPED = small_rulebook(
    event_types={
        "run": {"points": 5},
        "talk": {"points": 10, "max_per_day": 3},
        "walk": {"points": 4, "max_points_per_day": 10},
        "sit": {"points": 1, "cooldown": 60},
    }
)
START = datetime(2026, 3, 14, 12, tzinfo=UTC)


@pytest.fixture(params=["store_url", "mongodb_url"])
async def two(request: pytest.FixtureRequest, clock: SettableClock) -> AsyncIterator[list[Service]]:
    """Two that know nothing of each other, on one database."""
    url = request.getfixturevalue(request.param)
    async with AsyncExitStack() as stack:
        yield [
            await stack.enter_async_context(
                open_service(url, rulebook=CAPPED, clock=clock, projection_interval=3_600, publish=False)
            )
            for _ in range(2)
        ]


async def assert_sound(both: list[Service]) -> None:
    """Assert that the ledger proves itself, as projected and after it is projected anew."""
    for each in both:
        await each.projector.flush()
    laurels, rulebook = both[0], CAPPED
    found = await verify(laurels.store, rulebook)
    assert (found.differences, found.behind) == ([], 0)
    before = await laurels.store.snapshots.projected(["ada"])
    await rebuild(laurels.store, rulebook)
    assert await laurels.store.snapshots.projected(["ada"]) == before
    assert (await verify(laurels.store, rulebook)).is_clean


async def test_of_32_clients_with_one_key_one_is_paid(two: list[Service]) -> None:
    results = await asyncio.gather(
        *(two[number % 2].record("ada", "run", event_id=f"e{number}", once_key="task-1") for number in range(32))
    )
    outcomes = Counter((each.body.outcome.points, each.body.outcome.unpaid) for each in results)
    assert outcomes == {(5, None): 1, (0, "once"): 31}
    dashboard = await two[0].learners.dashboard("ada")
    assert (dashboard.total_events, dashboard.event_stats["run"].points) == (32, 5)
    await assert_sound(two)


async def test_of_32_clients_on_a_capped_day_three_are_paid(two: list[Service]) -> None:
    results = await asyncio.gather(
        *(two[number % 2].record("ada", "talk", event_id=f"e{number}") for number in range(32))
    )
    outcomes = Counter((each.body.outcome.points, each.body.outcome.unpaid) for each in results)
    assert outcomes == {(10, None): 3, (0, "daily-cap"): 29}
    await assert_sound(two)


async def test_what_was_decided_stays_and_is_told_again(two: list[Service]) -> None:
    one, other = two
    # Each in turn goes on from what the other wrote, and from its own snapshot after a rebuild.
    for number in range(6):
        laurels = two[number % 2]
        for kind in ("talk", "walk", "sit"):
            at = START - timedelta(minutes=number)
            await laurels.record("ada", kind, event_id=f"{kind}-{number}", timestamp=at, once_key=f"{kind}-{number}")
        await laurels.projector.flush()
    stats = (await one.learners.dashboard("ada")).event_stats
    assert {name: (each.count, each.points) for name, each in stats.items()} == {
        "talk": (6, 30),
        "walk": (6, 10),
        "sit": (6, 6),
    }
    capped = [each async for each in other.learners.events("ada") if each.event_type == "walk"]
    assert [(each.points, each.unpaid) for each in capped[1:4]] == [
        (4, capped[0].unpaid),
        (2, "daily-cap"),
        (0, "daily-cap"),
    ]
    again = await other.record("ada", "walk", event_id="walk-5", once_key="walk-5")
    assert again.is_replay
    assert again.body.outcome.unpaid == "daily-cap"
    # Held back, its thing may be paid for on another day; what was paid for may not.
    later = START - timedelta(days=3)
    assert (await one.record("ada", "walk", timestamp=later, once_key="walk-5")).body.outcome.points == 4
    assert (await one.record("ada", "walk", timestamp=later, once_key="walk-0")).body.outcome.unpaid == "once"
    await assert_sound(two)


async def test_the_key_is_part_of_what_an_event_id_stands_for(laurels: Service) -> None:
    await laurels.record("ada", "run", event_id="e1", once_key="a")
    assert (await laurels.record("ada", "run", event_id="e1", once_key="a")).is_replay
    for other in (None, "b"):
        with pytest.raises(EventConflict):
            await laurels.record("ada", "run", event_id="e1", once_key=other)


@pytest.mark.parametrize("key", ["", "x" * 101, "a\nb", "\u202e"])
async def test_a_key_is_an_id(laurels: Service, key: str) -> None:
    with pytest.raises(InvalidEvent, match="onceKey"):
        await laurels.record("ada", "run", once_key=key)


async def test_a_key_goes_through_the_spool(store_url: str, clock: SettableClock, tmp_path: Path) -> None:
    async with opened(store_url, clock, tmp_path / "spool") as setting:
        await setting.queue("ada", "first")
        for event_id in ("a", "b"):
            await setting.service.accept_event(
                LearningEvent(user_id="ada", event_type="run", event_id=event_id, once_key="task")
            )
        await setting.drained()
        replays = await setting.service.record_many(
            [LearningEvent(user_id="ada", event_type="run", event_id=each, once_key="task") for each in ("a", "b")]
        )
        assert all(isinstance(each, RecordedEntry) and each.is_replay for each in replays)
        unpaid = [each.body.outcome.unpaid for each in replays if isinstance(each, RecordedEntry)]
        assert unpaid == [None, "once"]
