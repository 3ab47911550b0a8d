"""What is told because time has passed: streaks that were lost, periods that have ended."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from laurels.application.service import Service
from laurels.application.webhooks.webhook_service import Dispatcher, Webhooks
from laurels.bootstrap import open_service, open_store
from laurels.domain.webhooks import BADGE_AWARDED, BOARD_CLOSED, STREAK_EXTENDED, STREAK_LOST, STREAK_REPAIRED
from laurels.testing.builders import small_rulebook
from laurels.testing.clocks import SettableClock
from tests.webhooks.receiver import Receiver

Hire = Callable[[], Awaitable[Dispatcher]]
DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)
# A Thursday.
NOON = datetime(2026, 10, 29, 12, tzinfo=UTC)


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock(NOON)


def told(receiver: Receiver, message_type: str = STREAK_LOST) -> list[dict[str, Any]]:
    """What was told of a type, each message once, without what is about the message."""
    by_id = dict(zip(receiver.ids, receiver.messages, strict=True))
    return [message["data"] for message in by_id.values() if message["type"] == message_type]


async def days_of(laurels: Service, clock: SettableClock, user: str, days: int) -> None:
    """Be active now and on the days before, as if it had been recorded then; it is now again afterwards."""
    now = clock.moment
    for ago in range(days - 1, -1, -1):
        clock.set(now - ago * DAY)
        await laurels.record(user, "talk")


async def test_a_streak_is_lost_at_the_local_midnight_after_a_day_without_an_event(
    laurels: Service, webhooks: Webhooks, hire: Hire, receiver: Receiver, clock: SettableClock
) -> None:
    clock.set(NOON - 5 * DAY)
    await webhooks.add(receiver.url, [STREAK_LOST])
    dispatcher = await hire()
    clock.set(NOON)
    await laurels.change_profile("ada", {"timeZone": "Asia/Tokyo"})
    await days_of(laurels, clock, "ada", 3)
    await dispatcher.work()
    # Tokyo is nine hours ahead: its 30th ends at 15:00 UTC.
    clock.set(datetime(2026, 10, 30, 14, 59, 59, tzinfo=UTC))
    await dispatcher.work()
    assert receiver.requests == []
    clock.advance(timedelta(seconds=1))
    await dispatcher.work()
    [message] = receiver.messages
    assert message == {
        "type": STREAK_LOST,
        "timestamp": "2026-10-30T15:00:00.000Z",
        "data": {"userId": "ada", "dailyStreak": 3, "lastDay": "2026-10-29"},
    }
    clock.advance(3 * DAY)
    await dispatcher.work()
    await (await hire()).work()
    assert len(receiver.requests) == 1


async def test_a_streak_that_goes_on_and_a_single_day_are_not_told(
    laurels: Service, webhooks: Webhooks, hire: Hire, receiver: Receiver, clock: SettableClock
) -> None:
    await webhooks.add(receiver.url, [STREAK_LOST, STREAK_EXTENDED])
    dispatcher = await hire()
    await laurels.record("bob", "talk")
    for _ in range(4):
        await laurels.record("ada", "talk")
        await dispatcher.work()
        clock.advance(DAY + timedelta(hours=2))
        await dispatcher.work()
    assert told(receiver) == []
    clock.advance(DAY)
    await dispatcher.work()
    assert told(receiver) == [{"userId": "ada", "dailyStreak": 4, "lastDay": "2026-11-01"}]
    # Begun anew, and lost again.
    await laurels.record("ada", "talk")
    clock.advance(DAY)
    await laurels.record("ada", "talk")
    await dispatcher.work()
    clock.advance(2 * DAY)
    await dispatcher.work()
    assert [data["dailyStreak"] for data in told(receiver)] == [4, 2]


async def test_a_late_event_that_mends_a_streak_is_told_and_its_loss_anew(
    laurels: Service, webhooks: Webhooks, hire: Hire, receiver: Receiver, clock: SettableClock
) -> None:
    clock.set(NOON - 2 * DAY)
    await webhooks.add(receiver.url, [STREAK_LOST, STREAK_EXTENDED])
    dispatcher = await hire()
    clock.set(NOON)
    await days_of(laurels, clock, "ada", 2)
    clock.advance(2 * DAY)
    await dispatcher.work()
    # From the day that was missed, sent by a device that had been offline.
    await laurels.record("ada", "talk", timestamp=NOON + DAY)
    await dispatcher.work()
    clock.advance(DAY)
    await dispatcher.work()
    assert [(message["type"], message["data"]["dailyStreak"]) for message in receiver.messages] == [
        (STREAK_EXTENDED, 2), (STREAK_LOST, 2), (STREAK_EXTENDED, 3), (STREAK_LOST, 3),
    ]  # fmt: skip


async def test_a_move_to_another_zone_moves_the_end_of_the_day(
    laurels: Service, webhooks: Webhooks, hire: Hire, receiver: Receiver, clock: SettableClock
) -> None:
    clock.set(NOON - DAY)
    await webhooks.add(receiver.url, [STREAK_LOST])
    dispatcher = await hire()
    for user in ("east", "west"):
        clock.set(NOON)
        await days_of(laurels, clock, user, 2)
    await dispatcher.work()
    clock.advance(timedelta(hours=6))
    await laurels.change_profile("east", {"timeZone": "Asia/Tokyo"})
    await laurels.change_profile("west", {"timeZone": "America/Los_Angeles"})
    seen: dict[str, datetime] = {}
    while clock.moment < NOON + 3 * DAY:
        await dispatcher.work()
        for data in told(receiver):
            seen.setdefault(data["userId"], clock.moment)
        clock.advance(timedelta(hours=1))
    assert seen == {
        "east": datetime(2026, 10, 30, 15, tzinfo=UTC),
        "west": datetime(2026, 10, 31, 7, tzinfo=UTC),
    }


async def test_a_loss_waits_behind_what_did_not_arrive(
    laurels: Service, webhooks: Webhooks, hire: Hire, receiver: Receiver, clock: SettableClock
) -> None:
    await webhooks.add(receiver.url, [STREAK_LOST, STREAK_EXTENDED])
    dispatcher = await hire()
    receiver.answers = lambda message: 500 if message["data"]["userId"] == "ada" else 204
    for user in ("ada", "bob"):
        clock.set(NOON)
        await laurels.record(user, "talk")
    clock.advance(DAY)
    for user in ("ada", "bob"):
        await laurels.record(user, "talk")
    for _ in range(12):
        await dispatcher.work()
        clock.advance(timedelta(hours=4))
    assert told(receiver) == [{"userId": "bob", "dailyStreak": 2, "lastDay": "2026-10-30"}]
    receiver.answers = lambda _message: 204
    clock.advance(2 * DAY)
    await dispatcher.work()
    clock.advance(10 * MINUTE)
    await dispatcher.work()
    of_ada = [message["type"] for message in receiver.messages if message["data"]["userId"] == "ada"]
    assert of_ada[-2:] == [STREAK_EXTENDED, STREAK_LOST]
    assert of_ada.count(STREAK_LOST) == 1


async def test_what_was_lost_while_nobody_delivered_is_told_and_what_was_long_lost_is_not(
    laurels: Service, webhooks: Webhooks, hire: Hire, receiver: Receiver, clock: SettableClock
) -> None:
    clock.set(NOON - 3 * DAY)
    await webhooks.add(receiver.url, [STREAK_LOST])
    clock.set(NOON)
    await days_of(laurels, clock, "ada", 2)
    for ago in (400, 399, 398):
        await laurels.record("old", "talk", timestamp=NOON - ago * DAY)
    clock.advance(6 * DAY)
    await (await hire()).work()
    assert told(receiver) == [{"userId": "ada", "dailyStreak": 2, "lastDay": "2026-10-29"}]


async def test_a_deleted_user_is_not_told_of(
    laurels: Service, webhooks: Webhooks, hire: Hire, receiver: Receiver, clock: SettableClock
) -> None:
    clock.set(NOON - DAY)
    endpoint = await webhooks.add(receiver.url, [STREAK_LOST])
    dispatcher = await hire()
    for user in ("ada", "bob"):
        clock.set(NOON)
        await days_of(laurels, clock, user, 2)
    await dispatcher.work()
    await laurels.delete_user("ada")
    clock.advance(2 * DAY)
    assert list(await laurels.store.webhooks.due_reminders(endpoint.id, now=clock(), limit=9)) == ["bob"]
    await dispatcher.work()
    assert [data["userId"] for data in told(receiver)] == ["bob"]


async def test_periods_that_end_are_told_a_minute_later_once(
    laurels: Service, webhooks: Webhooks, hire: Hire, receiver: Receiver, clock: SettableClock
) -> None:
    endpoint = await webhooks.add(receiver.url, [BOARD_CLOSED])
    await webhooks.add(receiver.url, [BADGE_AWARDED])
    dispatchers = [await hire(), await hire()]
    await laurels.record("ada", "talk")
    await laurels.record("bob", "talk")
    await laurels.projector.flush()
    seen: list[tuple[str, str, int]] = []
    while clock.moment < datetime(2026, 11, 2, 6, tzinfo=UTC):
        for dispatcher in dispatchers:
            await dispatcher.work()
        for message in receiver.messages[len(seen) :]:
            assert clock.moment - datetime.fromisoformat(message["timestamp"]) == MINUTE
            seen.append((message["data"]["timeframe"], message["data"]["period"], message["data"]["total"]))
        clock.advance(MINUTE if clock.moment.hour == 0 and clock.moment.minute < 3 else timedelta(hours=1))
        if clock.moment.minute > 3 or (clock.moment.minute and clock.moment.hour):
            clock.set(clock.moment.replace(minute=0))
    assert seen == [
        ("daily", "2026-10-29", 2),
        ("daily", "2026-10-30", 0),
        ("daily", "2026-10-31", 0),
        ("monthly", "2026-10", 2),
        ("daily", "2026-11-01", 0),
        ("weekly", "2026-W44", 2),
    ]
    assert len(set(receiver.ids)) == len(receiver.ids)
    assert {kept.type for kept in await webhooks.deliveries(endpoint.id)} == {BOARD_CLOSED}


async def test_periods_that_ended_while_nothing_arrived_are_told_in_order(
    laurels: Service, webhooks: Webhooks, hire: Hire, receiver: Receiver, clock: SettableClock
) -> None:
    await webhooks.add(receiver.url, [BOARD_CLOSED])
    await laurels.record("ada", "talk")
    clock.advance(3 * DAY)
    dispatcher = await hire()
    receiver.answers = lambda _message: 500
    await dispatcher.work()
    clock.advance(DAY)
    await dispatcher.work()
    receiver.answers = lambda _message: 204
    for _ in range(3):
        clock.advance(timedelta(hours=3))
        await dispatcher.work()
        await (await hire()).work()
    periods = [data["period"] for data in told(receiver, BOARD_CLOSED)]
    assert periods == ["2026-10-29", "2026-10-30", "2026-10-31", "2026-10", "2026-11-01", "2026-W44"]


async def test_the_end_of_a_period_follows_the_zone_of_the_boards(
    url: str, webhooks: Webhooks, sender: Any, receiver: Receiver, clock: SettableClock
) -> None:
    await webhooks.add(receiver.url, [BOARD_CLOSED])
    store = await open_store(url)
    try:
        rulebook = small_rulebook(boards={"zone": "America/New_York"})
        dispatcher = Dispatcher(store, rulebook, clock, sender)
        # Midnight is at 04:00 UTC there, and at 05:00 from the first of November on.
        for at, count in (((30, 4, 0), 0), ((30, 4, 1), 1), ((31, 4, 1), 2)):
            clock.set(datetime(2026, 10, at[0], *at[1:], tzinfo=UTC))
            await dispatcher.work()
            assert len(receiver.requests) == count
        clock.set(datetime(2026, 11, 2, 5, 0, tzinfo=UTC))
        await dispatcher.work()
        assert receiver.messages[-1]["data"]["period"] == "2026-10"
        clock.advance(MINUTE)
        await dispatcher.work()
        assert [message["data"]["period"] for message in receiver.messages[-2:]] == ["2026-11-01", "2026-W44"]
    finally:
        await store.close()


async def test_a_streak_with_freezes_is_lost_when_none_is_left(
    url: str, webhooks: Webhooks, sender: Any, receiver: Receiver, clock: SettableClock
) -> None:
    await webhooks.add(receiver.url, [STREAK_LOST])
    rulebook = small_rulebook(streak={"freezes": {"initial": 1}, "grace": 2})
    store = await open_store(url)
    async with open_service(url, rulebook=rulebook, clock=clock, projection_interval=3_600) as laurels:
        try:
            dispatcher = Dispatcher(store, rulebook, clock, sender)
            await days_of(laurels, clock, "ada", 2)
            await dispatcher.work()
            # The 30th is frozen; the 31st ends at two in the night.
            clock.set(datetime(2026, 11, 1, 1, 59, tzinfo=UTC))
            await dispatcher.work()
            assert receiver.requests == []
            clock.advance(MINUTE)
            await dispatcher.work()
            assert told(receiver) == [{"userId": "ada", "dailyStreak": 2, "lastDay": "2026-10-29"}]
        finally:
            await store.close()


async def test_a_streak_that_was_repaired_is_told_of_and_its_loss_anew(
    url: str, webhooks: Webhooks, sender: Any, receiver: Receiver, clock: SettableClock
) -> None:
    await webhooks.add(receiver.url, [STREAK_LOST, STREAK_REPAIRED])
    rulebook = small_rulebook(streak={"repair": {"within": 2, "price": 3}})
    store = await open_store(url)
    async with open_service(url, rulebook=rulebook, clock=clock, projection_interval=3_600) as laurels:
        try:
            dispatcher = Dispatcher(store, rulebook, clock, sender)
            await days_of(laurels, clock, "ada", 2)
            await dispatcher.work()
            clock.advance(2 * DAY)
            await dispatcher.work()
            await laurels.repairs.repair("ada", (NOON + DAY).date())
            await dispatcher.work()
            clock.advance(DAY)
            await dispatcher.work()
            loss = {"userId": "ada", "dailyStreak": 2, "lastDay": "2026-10-29"}
            repair = {"userId": "ada", "eventId": None, "day": "2026-10-30", "points": -3, "dailyStreak": 2}
            assert (told(receiver), told(receiver, STREAK_REPAIRED)) == ([loss, loss], [repair])
        finally:
            await store.close()
