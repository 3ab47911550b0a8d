"""A correction of a learner with a long history reads it as rarely as it can, and others get their turns meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from laurels import LearningEvent
from laurels.application.recording import refolding
from laurels.application.service import Service
from laurels.bootstrap import open_service
from laurels.domain.ledger.entries import Entry, EventRetracted
from laurels.testing.clocks import SettableClock
from tests.application.maintenance.test_corrections import RULES

COUNT = 300


@pytest.fixture
async def laurels(store_url: str, clock: SettableClock) -> AsyncIterator[Service]:
    async with open_service(store_url, rulebook=RULES, clock=clock, projection_interval=3600) as opened:
        yield opened


async def learner_of(laurels: Service, count: int) -> str:
    """A learner with so many events, who is projected."""
    await laurels.record_many(
        [LearningEvent(user_id="ada", event_type="run", event_id=str(number)) for number in range(count)]
    )
    await laurels.projector.flush()
    return "ada"


@pytest.mark.parametrize(
    ("count", "revoked", "times"),
    [
        # To find what earlier corrections say, and to fold the rest without the event.
        (COUNT, set[str](), 2),
        # And once more without the badges that go with it.
        (3, {"runs_3", "points_30"}, 3),
    ],
)
async def test_a_retraction_reads_the_ledger_as_rarely_as_it_can(
    laurels: Service, monkeypatch: pytest.MonkeyPatch, count: int, revoked: set[str], times: int
) -> None:
    user_id = await learner_of(laurels, count)
    before = (await laurels.learners.progress(user_id)).total_points
    read = 0
    entries = laurels.store.ledger.entries

    async def counted(*args: Any, **options: Any) -> list[Entry]:
        nonlocal read
        found = await entries(*args, **options)
        read += len(found)
        return found

    monkeypatch.setattr(laurels.store.ledger, "entries", counted)
    done = await laurels.corrections.retract(user_id, "0", reason="A script.")
    assert read == times * count
    assert isinstance(done.body, EventRetracted)
    assert {each.badge_id for each in done.body.revoked} == revoked
    assert done.progress.seq == count + 1
    taken = 5 + sum(each.points for each in done.body.revoked)
    assert done.progress.total_points == done.body.total_points == before - taken
    assert await laurels.learners.progress(user_id) == done.progress


async def test_others_get_their_turns(laurels: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    user_id = await learner_of(laurels, COUNT)
    # As if each entry took long.
    monkeypatch.setattr(refolding, "_TURN", -1.0)
    monkeypatch.setattr(refolding, "_STEP", 1)
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    task = asyncio.create_task(other())
    await laurels.corrections.retract(user_id, "7", reason="A script.")
    task.cancel()
    assert turns >= 2 * COUNT
