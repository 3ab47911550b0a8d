"""Reads that come together are one question to the store, and each tells what was acknowledged before it was asked."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import timedelta

import pytest

from laurels.application.ports.ledger import Loaded
from laurels.application.queries.learners.read_batcher import ReadBatcher
from laurels.application.service import Service
from laurels.errors import StoreError, StoreUnavailable, UnknownUser
from laurels.testing.clocks import SettableClock

Heads = Mapping[str, int | None]


@pytest.fixture
def questions(laurels: Service, monkeypatch: pytest.MonkeyPatch) -> list[Heads]:
    """The `known_seqs` of every question that the store is asked from now on."""
    asked: list[Heads] = []
    read = laurels.store.ledger.read

    async def listening(known_seqs: Heads, version: str) -> Loaded:
        asked.append(dict(known_seqs))
        return await read(known_seqs, version)

    monkeypatch.setattr(laurels.store.ledger, "read", listening)
    return asked


async def test_many_who_ask_at_once_share_a_few_questions(laurels: Service, questions: list[Heads]) -> None:
    people = [f"user-{number}" for number in range(40)]
    for user_id in people:
        await laurels.record(user_id, "talk")
    dashboards = await asyncio.gather(*(laurels.learners.dashboard(user_id) for user_id in people * 3))
    assert [dashboard.user.user_id for dashboard in dashboards] == people * 3
    assert all(dashboard.total_events == 1 for dashboard in dashboards)
    assert len(questions) <= 10


async def test_an_event_that_was_acknowledged_is_always_seen(laurels: Service) -> None:
    seen: list[bool] = []

    async def learn(user_id: str) -> None:
        for count in range(1, 30):
            await laurels.record(user_id, "talk")
            seen.append((await laurels.learners.dashboard(user_id)).total_events == count)

    await asyncio.gather(*(learn(f"user-{number}") for number in range(8)))
    assert len(seen) == 8 * 29
    assert all(seen)


async def test_one_who_is_unknown_is_nobody_elses_error(laurels: Service) -> None:
    await laurels.record("ada", "talk")
    found = await asyncio.gather(
        *(laurels.learners.dashboard(user_id) for user_id in ("ada", "nobody", "ada")), return_exceptions=True
    )
    assert isinstance(found[1], UnknownUser)
    assert found[0] == found[2]


async def test_who_asks_twice_is_answered_from_the_earlier_place(laurels: Service, questions: list[Heads]) -> None:
    for _ in range(4):
        await laurels.record("ada", "talk")
    reading = ReadBatcher(laurels.store, laurels.rulebook)
    busy = [asyncio.create_task(reading.read(f"other-{number}", None)) for number in range(2)]
    await asyncio.sleep(0)
    found = await asyncio.gather(reading.read("ada", 3), reading.read("ada", 1), *busy)
    assert questions[-1] == {"ada": 1}
    assert [entry.seq for entry in found[0].later["ada"]] == [2, 3, 4]


async def test_a_store_that_fails_is_told_to_all_and_asked_again(
    laurels: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    await laurels.record("ada", "talk")

    async def failing(known_seqs: Heads, version: str) -> Loaded:
        raise StoreUnavailable("a test says so")

    with monkeypatch.context() as patched:
        patched.setattr(laurels.store.ledger, "read", failing)
        found = await asyncio.gather(*(laurels.learners.dashboard("ada") for _ in range(9)), return_exceptions=True)
        assert all(isinstance(each, StoreError) for each in found)
    assert (await laurels.learners.dashboard("ada")).total_events == 1


async def test_who_stops_waiting_holds_up_nobody(laurels: Service) -> None:
    await laurels.record("ada", "talk")
    asked = [asyncio.create_task(laurels.learners.dashboard("ada")) for _ in range(6)]
    await asyncio.sleep(0)
    for task in asked[:3]:
        task.cancel()
    assert [(await task).total_events for task in asked[3:]] == [1, 1, 1]


async def test_a_dashboard_shown_before_changes_with_time_alone(laurels: Service, clock: SettableClock) -> None:
    await laurels.record("ada", "run")
    shown = await laurels.learners.dashboard("ada")
    assert (shown.daily_streak, [badge.badge_id for badge in shown.new_badges]) == (1, ["first"])
    assert await laurels.learners.dashboard("ada") is shown
    clock.set(clock.moment + timedelta(hours=20))
    assert (await laurels.learners.dashboard("ada")).new_badges == shown.new_badges
    clock.set(clock.moment + timedelta(hours=5))
    later = await laurels.learners.dashboard("ada")
    assert (later.daily_streak, later.new_badges) == (1, [])
    clock.set(clock.moment + timedelta(days=9))
    assert ((await laurels.learners.dashboard("ada")).daily_streak, later.total_events) == (0, 1)
    await laurels.change_profile("ada", {"displayName": "Ada"})
    assert (await laurels.learners.dashboard("ada")).user.display_name == "Ada"
