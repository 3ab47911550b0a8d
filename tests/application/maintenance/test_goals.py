"""Goals of learners, with two processes on each store: entries that are shown everywhere and proven by `verify`."""

from __future__ import annotations

from datetime import UTC, date, datetime

import msgspec
import pytest
from msgspec import UNSET

from laurels.application.live.messages import messages_of as streamed
from laurels.application.queries.learners.history import history
from laurels.application.service import Service
from laurels.application.webhooks.messages import messages_of
from laurels.domain.ledger.entries import EventRecorded
from laurels.domain.rules.rulebook import Rulebook
from laurels.domain.webhooks import GOAL_MET, Endpoint
from laurels.errors import InvalidProfile
from laurels.testing.builders import small_rulebook
from laurels.testing.clocks import SettableClock
from tests.application.maintenance.soundness import assert_sound, learn

RULES = small_rulebook()


@pytest.fixture
def old() -> Rulebook:
    return RULES


@pytest.fixture
def clock() -> SettableClock:
    # A Thursday.
    return SettableClock(datetime(2026, 3, 5, 12, tzinfo=UTC))


async def told(laurels: Service, user_id: str) -> list[tuple[str, str]]:
    """The goals that webhooks and streams tell of, in order: both of the same ones, and each once."""
    endpoint = Endpoint(id="e", url="https://x.example/", types=frozenset({GOAL_MET}), secret="whsec_x", created_at=0)
    sent, shown = [], []
    for entry in await laurels.store.ledger.entries(user_id, after=0, limit=100):
        sent += [msgspec.json.decode(each.body)["data"] for each in messages_of(endpoint, entry, RULES)]
        shown += [msgspec.json.decode(each.data) for each in streamed(entry, RULES) if each.kind == "goal"]
    assert [{name: data[name] for name in data if name not in ("userId", "eventId")} for data in sent] == shown
    return [(data["goalId"], data["from"]) for data in sent]


async def test_a_goal_is_an_entry_and_its_days_are_judged_wherever_one_looks(
    two: tuple[Service, Service], clock: SettableClock
) -> None:
    one, other = two
    user = await one.change_profile("ada", {"goals": {"eventsPerDay": 1, "pointsPerWeek": 25}})
    assert user.goals == {"eventsPerDay": 1, "pointsPerWeek": 25}
    # Of another process, and only one of them.
    assert (await other.change_profile("ada", {"goals": {"pointsPerWeek": 30}})).goals == {
        "eventsPerDay": 1,
        "pointsPerWeek": 30,
    }
    with pytest.raises(InvalidProfile, match="eventsPerDay"):
        await one.change_profile("ada", {"goals": {"eventsPerDay": 0}})
    # The fourth day was before the goal, but in its week.
    await learn(one, "ada", 4, 5)
    clock.set(datetime(2026, 3, 6, 12, tzinfo=UTC))
    await learn(other, "ada", 6)
    [daily, weekly] = (await one.learners.dashboard("ada")).goals or []
    assert (daily.goal_id, daily.target, daily.current, daily.is_met, daily.first) == (
        "eventsPerDay",
        1,
        1,
        True,
        date(2026, 3, 6),
    )
    assert (weekly.goal_id, weekly.current, weekly.first, weekly.last) == (
        "pointsPerWeek",
        30,
        date(2026, 3, 2),
        date(2026, 3, 8),
    )
    [daily_record, _] = (await other.learners.goals("ada")).goals
    assert (daily_record.met_count, daily_record.run) == (2, 2)
    assert await told(one, "ada") == [
        ("eventsPerDay", "2026-03-05"),
        ("eventsPerDay", "2026-03-06"),
        ("pointsPerWeek", "2026-03-02"),
    ]
    await one.corrections.retract("ada", "ada-5", reason="A mistake.")
    [daily_record, weekly_record] = (await other.learners.goals("ada")).goals
    assert (daily_record.met_count, daily_record.run) == (1, 1)
    assert weekly_record.present
    assert (weekly_record.present.current, weekly_record.present.is_met) == (20, False)
    assert (await one.change_profile("ada", {"goals": {"eventsPerDay": None}})).goals == {"pointsPerWeek": 30}
    shown = [line async for line in history(one.store, RULES, "ada", 100)]
    assert [line.goals for line in shown if line.goals is not UNSET] == [
        {"eventsPerDay": None},
        {"pointsPerWeek": 30},
        {"eventsPerDay": 1, "pointsPerWeek": 25},
    ]
    assert b'"pointsPerWeek":30' in b"".join([piece async for piece in await other.personal_data("ada")])
    await assert_sound(one, other)


async def test_a_merge_takes_over_the_goals_that_the_other_user_never_had(two: tuple[Service, Service]) -> None:
    one, other = two
    await one.change_profile("old", {"goals": {"eventsPerDay": 2, "pointsPerWeek": 10}})
    await learn(one, "old", 4, 5)
    await other.change_profile("ada", {"goals": {"eventsPerDay": 1}})
    await other.merging.merge("old", "ada", reason="One person.")
    [daily, weekly] = (await one.learners.goals("ada")).goals
    assert daily.present
    assert (daily.present.target, daily.met_count) == (1, 1)
    assert weekly.present
    assert (weekly.present.target, weekly.present.current, weekly.met_count) == (10, 20, 1)
    assert (await one.learners.goals("old")).goals == []
    await assert_sound(one, other)


async def test_without_goals_an_answer_says_nothing_of_them(two: tuple[Service, Service]) -> None:
    one, _other = two
    await learn(one, "ada", 5)
    assert (await one.learners.dashboard("ada")).goals is UNSET
    assert (await one.learners.goals("ada")).goals == []
    [entry] = await one.store.ledger.entries("ada", after=0, limit=9)
    assert isinstance(entry.body, EventRecorded)
    assert b"goals" not in msgspec.json.encode(entry.body)
