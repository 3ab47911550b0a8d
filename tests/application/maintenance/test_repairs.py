"""Repairs and planned pauses, with two processes on each store: each an entry, shown everywhere, proven by `verify`."""

from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime

import pytest
from msgspec import UNSET

from laurels import RepairRefused, UnknownUser
from laurels.application.live.messages import messages_of as streamed
from laurels.application.maintenance.publishing import Publications
from laurels.application.queries.views import PauseView, RepairableView
from laurels.application.service import Service
from laurels.application.webhooks.messages import messages_of
from laurels.domain.ledger.entries import StreakRepaired
from laurels.domain.rules.rulebook import Rulebook
from laurels.domain.webhooks import TYPES, Endpoint
from laurels.errors import InvalidInput, InvalidProfile
from laurels.rulebooks.loader import parse_rulebook
from laurels.testing.builders import small_rulebook
from laurels.testing.clocks import SettableClock
from tests.application.maintenance.soundness import assert_sound, learn

REPAIR = {"repair": {"within": 3, "price": 2}, "own_pauses": {"days": 3}}
RULES = small_rulebook(streak=REPAIR)


@pytest.fixture
def old() -> Rulebook:
    return RULES


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock(datetime(2026, 3, 5, 12, tzinfo=UTC))


def march(day: int) -> date:
    return date(2026, 3, day)


async def test_a_day_is_repaired_once_and_told_of_everywhere(two: tuple[Service, Service]) -> None:
    one, other = two
    await learn(one, "ada", 1, 2, 4, 5)
    before = await other.learners.dashboard("ada")
    assert before.daily_streak == 2
    assert before.streak
    assert before.streak.repair == RepairableView(price=2, days=["2026-03-03"])
    made = await asyncio.gather(*(each.repairs.repair("ada", march(3), caller="ada") for each in (one, other) * 3))
    assert sorted(each.is_replay for each in made) == [False] + [True] * 5
    after = await other.learners.dashboard("ada")
    assert (after.daily_streak, after.longest_streak) == (4, 4)
    assert after.streak
    assert not after.streak.repair
    gained = sum(award.points for each in made for award in each.awards)
    assert after.user.total_points == before.user.total_points - 2 + gained
    assert [day.state for day in (await one.learners.activity("ada")).days if day.date == "2026-03-03"] == ["repaired"]

    entries = await one.store.ledger.entries("ada", after=0, limit=100)
    [entry] = [each for each in entries if isinstance(each.body, StreakRepaired)]
    endpoint = Endpoint(id="e", url="https://x.example/", types=frozenset(TYPES), secret="whsec_x", created_at=0)
    assert [each.type for each in messages_of(endpoint, entry, RULES)][-1] == "streak.repaired"
    assert b'"dailyStreak":4' in streamed(entry, RULES)[-1].data
    assert b'"repair"' in b"".join([piece async for piece in await one.personal_data("ada")])
    await assert_sound(one, other)

    # The day comes after all, on the other process: the price with it.
    await learn(other, "ada", 3)
    assert (await one.learners.progress("ada")).spent == 0
    await one.corrections.retract("ada", "ada-3", reason="A mistake.")
    assert (await other.learners.progress("ada")).spent == 2
    await assert_sound(one, other)


async def test_what_cannot_be_repaired_is_refused_and_changes_nothing(two: tuple[Service, Service]) -> None:
    one, _other = two
    await learn(one, "ada", 1)
    seq = (await one.learners.progress("ada")).seq
    for day in (1, 5, 9):
        with pytest.raises(RepairRefused):
            await one.repairs.repair("ada", march(day))
    with pytest.raises(UnknownUser):
        await one.repairs.repair("nobody", march(3))
    with pytest.raises(InvalidInput):
        await one.repairs.repair("", march(3), reason=" ")
    assert (await one.learners.progress("ada")).seq == seq
    assert await one.store.ledger.entries("nobody", after=0, limit=1) == []


async def test_points_counted_anew_undo_the_repair_that_they_had_paid_for(two: tuple[Service, Service]) -> None:
    one, other = two
    await learn(one, "ada", 1, 2, 4, 5)
    await one.repairs.repair("ada", march(3))
    unpaid = small_rulebook(streak=REPAIR, event_types={"talk": {"points": 0}, "run": {"points": 0}})
    publications = Publications(one.store, one.clock, parse_rulebook)
    await publications.publish(unpaid, by=None, backfill=True, notify="none", repoint=True)
    await one.jobs.work()
    progress = await one.learners.progress("ada")
    # The badge that the longer streak had brought stays.
    assert (progress.repairs, progress.spent, progress.total_points) == ([], 0, 30)
    assert (await one.learners.dashboard("ada")).daily_streak == 2
    await one.rules.look()
    await other.rules.look()
    await assert_sound(one, other)


async def test_a_merge_takes_repairs_over(two: tuple[Service, Service]) -> None:
    one, other = two
    await learn(one, "old", 1, 2, 4, 5)
    await one.repairs.repair("old", march(3))
    paid = (await one.learners.progress("old")).total_points
    await learn(other, "ada", 5)
    alone = (await one.learners.progress("ada")).total_points
    await other.merging.merge("old", "ada", reason="One person.")
    progress = await one.learners.progress("ada")
    assert [each.first for each in progress.repairs] == [march(3).toordinal()]
    assert progress.spent == 2
    assert (await one.learners.dashboard("ada")).daily_streak == 4
    assert progress.total_points <= paid + alone
    await assert_sound(one, other)


async def test_a_planned_pause_keeps_the_streak_and_moves_with_a_merge(
    two: tuple[Service, Service], clock: SettableClock
) -> None:
    one, other = two
    await learn(one, "old", 4, 5)
    plan = [{"from": "2026-03-06", "until": "2026-03-07"}]
    planned = (await one.change_profile("old", {"pauses": plan})).pauses
    assert planned == [PauseView(from_day="2026-03-06", until="2026-03-07")]
    for wrong in ([{"from": "2026-03-05", "until": "2026-03-05"}], [{"from": "2026-04-05", "until": "2026-04-09"}]):
        with pytest.raises(InvalidProfile, match="pauses"):
            await other.change_profile("old", {"pauses": wrong})
    clock.set(datetime(2026, 3, 8, 12, tzinfo=UTC))
    # What has begun stays, sent or not.
    assert (await other.change_profile("old", {"pauses": []})).pauses == planned
    await learn(one, "old", 8)
    assert (await other.learners.dashboard("old")).daily_streak == 3
    assert [day.state for day in (await one.learners.activity("old")).days] == [UNSET, UNSET, "paused", "paused", UNSET]
    await learn(one, "ada", 8)
    await one.merging.merge("old", "ada", reason="One person.")
    assert (await other.learners.dashboard("ada")).daily_streak == 3
    await assert_sound(one, other)
