"""From what is recorded to what a receiver gets: signed, at least once, in order for each user."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest
from standardwebhooks.webhooks import WebhookVerificationError

from laurels.application.service import Service
from laurels.application.webhooks.delivery_attempts import AWAY_AFTER
from laurels.application.webhooks.endpoint_worker import WIDTH
from laurels.application.webhooks.lease import LEASE
from laurels.application.webhooks.outbox import PAGE
from laurels.application.webhooks.webhook_service import Dispatcher, Webhooks
from laurels.domain.webhooks import (
    ATTEMPTS,
    BADGE_AWARDED,
    DELAYS,
    LEVEL_REACHED,
    STREAK_EXTENDED,
    TYPES,
    USER_DELETED,
    USER_MERGED,
)
from laurels.errors import InvalidInput, UnknownWebhook
from laurels.http.webhook_sender import WebhookSender
from laurels.testing.builders import learning_event
from laurels.testing.clocks import SettableClock
from tests.webhooks.receiver import Receiver

Hire = Callable[[], Awaitable[Dispatcher]]
DAY = timedelta(days=1)
# More than a pause with its jitter.
LATER = [timedelta(seconds=delay * 1.2) for delay in DELAYS]


async def third_runs(laurels: Service, *users: str) -> None:
    """Each user's first three runs: two badges each."""
    await laurels.record_many([learning_event(user) for _ in range(3) for user in users])


def badges_of(receiver: Receiver, user_id: str, *, once: bool = True) -> list[str]:
    """A user's badges in the order in which they were told; each message once, as a receiver would count it."""
    seen: set[str] = set()
    told: list[str] = []
    for message_id, message in zip(receiver.ids, receiver.messages, strict=True):
        if message["data"].get("userId") == user_id and not (once and message_id in seen):
            told.append(message["data"]["badge"]["badgeId"])
        seen.add(message_id)
    return told


async def test_a_badge_is_told_signed(
    laurels: Service, webhooks: Webhooks, hire: Hire, receiver: Receiver, clock: SettableClock
) -> None:
    await third_runs(laurels, "before")
    clock.advance(timedelta(milliseconds=1))
    endpoint = await webhooks.add(receiver.url)
    recorded = await laurels.record("ada", "run", event_id="run-1")
    dispatcher = await hire()
    await dispatcher.work()
    message = receiver.verify(endpoint.secret)
    assert message == {
        "type": "badge.awarded",
        "timestamp": message["timestamp"],
        "data": {
            "userId": "ada",
            "eventId": "run-1",
            "badge": {
                "badgeId": "first",
                "name": "First",
                "description": "The badge first.",
                "icon": "*",
                "category": "milestone",
                "rarity": "common",
                "points": 10,
                "earnedAt": message["timestamp"],
            },
        },
    }
    assert recorded.entry.recorded_at == clock()
    headers, _ = receiver.requests[0]
    assert headers["content-type"] == "application/json"
    with pytest.raises(WebhookVerificationError):
        receiver.verify("whsec_c29tZXRoaW5nIGVsc2U=")
    await dispatcher.work()
    assert len(receiver.requests) == 1
    [kept] = await webhooks.deliveries(endpoint.id)
    assert (kept.state, kept.status, kept.attempts, kept.body) == ("done", 204, 1, "")


async def test_levels_and_streaks_are_told_when_they_grow(
    laurels: Service, webhooks: Webhooks, hire: Hire, receiver: Receiver, clock: SettableClock
) -> None:
    await webhooks.add(receiver.url, [LEVEL_REACHED, STREAK_EXTENDED])
    dispatcher = await hire()
    for day in range(4):
        await laurels.record_many([learning_event(event_type="talk"), learning_event(event_type="talk")])
        await laurels.change_profile("ada", {"displayName": f"Ada {day}"})
        # Sometimes at once, sometimes by a dispatcher that has seen nothing before.
        if day != 1:
            await (dispatcher if day == 0 else await hire()).work()
            clock.advance(timedelta(seconds=20))
        clock.advance(DAY - timedelta(seconds=20) * (day != 1))
    # One more on a day that was told of, for one who has seen nothing before.
    clock.advance(-DAY)
    await laurels.record("ada", "talk")
    await (await hire()).work()
    clock.advance(4 * DAY)
    await laurels.record("ada", "talk")
    await (await hire()).work()
    told = [(message["type"], message["data"]) for message in receiver.messages]
    streaks = [data["dailyStreak"] for kind, data in told if kind == STREAK_EXTENDED]
    assert streaks == [2, 3, 4]
    levels = [(data["level"], data["totalPoints"]) for kind, data in told if kind == LEVEL_REACHED]
    assert [level for level, _ in levels] == [2]
    assert {kind for kind, _ in told} == {LEVEL_REACHED, STREAK_EXTENDED}


async def test_an_import_of_many_is_told_whole(
    laurels: Service, webhooks: Webhooks, hire: Hire, receiver: Receiver
) -> None:
    await webhooks.add(receiver.url, ["badge.awarded"])
    users = [f"user {n}" for n in range(60)]
    await third_runs(laurels, *users)
    # One of whom there is more than a page.
    await laurels.record_many([learning_event("many") for _ in range(2 * PAGE)])
    await (await hire()).work()
    assert all(badges_of(receiver, user, once=False) == ["first", "third"] for user in users)
    assert badges_of(receiver, "many", once=False) == ["first", "third", "century"]


async def test_what_fails_for_a_day_waits_in_order_and_arrives(
    laurels: Service, webhooks: Webhooks, hire: Hire, receiver: Receiver, clock: SettableClock
) -> None:
    endpoint = await webhooks.add(receiver.url, ["badge.awarded"])
    dispatcher = await hire()
    receiver.answers = lambda message: 500 if message["data"]["userId"] == "ada" else 204
    await third_runs(laurels, "ada", "bob")
    hours = 0
    while hours < 24:
        await dispatcher.work()
        clock.advance(timedelta(hours=1))
        hours += 1
    # Only her first message was tried, ever more seldom; nobody else was held up.
    assert badges_of(receiver, "ada") == ["first"]
    assert 5 < len(badges_of(receiver, "ada", once=False)) < ATTEMPTS
    assert badges_of(receiver, "bob", once=False) == ["first", "third"]
    await laurels.record_many([learning_event("ada", "talk") for _ in range(9)])
    receiver.answers = lambda _message: 200
    clock.advance(timedelta(hours=60))
    await (await hire()).work()
    assert badges_of(receiver, "ada") == ["first", "third", "century"]
    assert {each.state for each in await webhooks.deliveries(endpoint.id)} == {"done"}


async def test_what_is_given_up_is_listed_and_can_be_replayed(
    laurels: Service, webhooks: Webhooks, hire: Hire, receiver: Receiver, clock: SettableClock
) -> None:
    endpoint = await webhooks.add(receiver.url, ["badge.awarded"])
    dispatcher = await hire()
    receiver.answers = lambda message: 500 if message["data"]["badge"]["badgeId"] == "first" else 204
    await third_runs(laurels, "ada")
    started = clock()
    for pause in [*LATER, timedelta(0)]:
        await dispatcher.work()
        clock.advance(pause)
    assert timedelta(days=3) < timedelta(milliseconds=clock() - started) < timedelta(days=4)
    [dead] = await webhooks.deliveries(endpoint.id, state="dead")
    assert (dead.attempts, dead.status, dead.error) == (ATTEMPTS, 500, "answered 500")
    assert badges_of(receiver, "ada", once=False) == ["first"] * ATTEMPTS + ["third"]
    assert len(set(receiver.ids)) == 2
    receiver.answers = lambda _message: 204
    assert await webhooks.replay(endpoint.id, "msg_unknown") == 0
    assert await webhooks.replay(endpoint.id, dead.id) == 1
    await dispatcher.work()
    assert receiver.ids[-1] == dead.id
    assert await webhooks.deliveries(endpoint.id, state="dead") == []


async def test_an_endpoint_that_is_away_is_left_alone_and_loses_nothing(
    laurels: Service, webhooks: Webhooks, hire: Hire, receiver: Receiver, clock: SettableClock
) -> None:
    await webhooks.add(receiver.url, ["badge.awarded"])
    dispatcher = await hire()
    receiver.answers = lambda _message: 503
    users = [f"user {n}" for n in range(80)]
    await third_runs(laurels, *users)
    await dispatcher.work()
    first = len(receiver.requests)
    assert first < 2 * WIDTH
    await dispatcher.work()
    assert len(receiver.requests) == first
    clock.advance(timedelta(minutes=2))
    await dispatcher.work()
    # Those that are due, and one more to ask.
    assert len(receiver.requests) <= 2 * first + 1
    receiver.answers = lambda _message: 204
    clock.advance(timedelta(minutes=2))
    for _ in range(3):
        await dispatcher.work()
    assert all(badges_of(receiver, user) == ["first", "third"] for user in users)


async def test_whoever_is_stopped_in_the_middle_is_followed_by_another(
    laurels: Service, webhooks: Webhooks, hire: Hire, receiver: Receiver, clock: SettableClock
) -> None:
    await webhooks.add(receiver.url, ["badge.awarded"])
    users = [f"user {n}" for n in range(60)]
    await third_runs(laurels, *users)
    for stop_after in (5, 40, 90):
        dispatcher = await hire()
        working = asyncio.create_task(dispatcher.work())
        await asyncio.to_thread(receiver.wait_for, stop_after)
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)
        clock.advance(timedelta(milliseconds=LEASE))
    await (await hire()).work()
    for user in users:
        assert badges_of(receiver, user) == ["first", "third"]
    assert len(receiver.requests) <= 2 * len(users) + 3 * WIDTH


async def test_who_waited_is_not_forgotten_when_the_one_who_goes_on_with_them_is_stopped(
    laurels: Service, webhooks: Webhooks, hire: Hire, receiver: Receiver, clock: SettableClock
) -> None:
    await webhooks.add(receiver.url, ["badge.awarded"])
    receiver.answers = lambda message: 500 if message["data"]["userId"] == "ada" else 204
    dispatcher = await hire()
    await third_runs(laurels, "ada")
    await dispatcher.work()
    # By now the place has moved past all that she is owed.
    await third_runs(laurels, "bob")
    await dispatcher.work()
    assert badges_of(receiver, "ada", once=False) == ["first"]
    come = len(receiver.requests)

    def answer(message: dict[str, Any]) -> int:
        if message["data"]["badge"]["badgeId"] == "third":
            receiver.hangs.set()
        return 204

    receiver.answers = answer
    clock.advance(timedelta(minutes=1))
    working = asyncio.create_task(dispatcher.work())
    await asyncio.to_thread(receiver.wait_for, come + 2)
    working.cancel()
    await asyncio.gather(working, return_exceptions=True)
    receiver.hangs.clear()
    receiver.answers = lambda _message: 204
    clock.advance(timedelta(minutes=1))
    await (await hire()).work()
    assert badges_of(receiver, "ada", once=False) == ["first", "first", "third", "third"]
    assert badges_of(receiver, "ada") == ["first", "third"]


async def test_two_dispatchers_share_the_endpoints_and_double_nothing(
    laurels: Service, webhooks: Webhooks, hire: Hire, receiver: Receiver, clock: SettableClock
) -> None:
    for _ in range(3):
        await webhooks.add(receiver.url, ["badge.awarded"])
    one, other = await hire(), await hire()
    users = [f"user {n}" for n in range(10)]
    for user in users:
        await laurels.record(user, "run")
        await asyncio.gather(one.work(), other.work())
    assert len(receiver.ids) == len(set(receiver.ids)) == 3 * len(users)
    # One ends; the other goes on when its claim has run out.
    await laurels.record("late", "run")
    clock.advance(timedelta(milliseconds=LEASE))
    await other.work()
    assert len(receiver.ids) == len(set(receiver.ids)) == 3 * (len(users) + 1)


async def test_while_a_secret_is_replaced_both_sign(
    laurels: Service, sender: WebhookSender, hire: Hire, receiver: Receiver, clock: SettableClock
) -> None:
    webhooks = Webhooks(laurels.store.webhooks, clock, sender=sender, allow_private=True, rotation=3_000)
    old = await webhooks.add(receiver.url)
    new = await webhooks.rotate(old.id)
    assert new.secret != old.secret
    dispatcher = await hire()
    await laurels.record("ada", "run")
    await dispatcher.work()
    headers, _ = receiver.requests[-1]
    assert len(headers["webhook-signature"].split(" ")) == 2
    assert receiver.verify(new.secret) == receiver.verify(old.secret)
    clock.advance(timedelta(seconds=3))
    await laurels.record("bob", "run")
    await dispatcher.work()
    assert receiver.verify(new.secret)["data"]["userId"] == "bob"
    with pytest.raises(WebhookVerificationError):
        receiver.verify(old.secret)


@pytest.mark.parametrize("status", [204, 500])
async def test_who_is_deleted_while_an_endpoint_takes_its_time_is_told_of_no_more(
    laurels: Service, webhooks: Webhooks, hire: Hire, receiver: Receiver, status: int
) -> None:
    endpoint = await webhooks.add(receiver.url, [BADGE_AWARDED])
    await third_runs(laurels, "ada")
    has_come, may_answer = threading.Event(), threading.Event()

    def answer(_: Any) -> int:
        has_come.set()
        may_answer.wait(25)
        return status

    receiver.answers = answer
    dispatcher = await hire()
    working = asyncio.create_task(dispatcher.work())
    assert await asyncio.to_thread(has_come.wait, 25)
    await laurels.delete_user("ada")
    may_answer.set()
    await working
    await (await hire()).work()
    assert badges_of(receiver, "ada", once=False) == ["first"]
    assert await laurels.store.webhooks.deliveries(endpoint.id) == []
    assert await laurels.store.tombstones.leftovers() == {}


async def test_a_deletion_is_told_and_leaves_nothing_else(
    laurels: Service, webhooks: Webhooks, hire: Hire, receiver: Receiver, clock: SettableClock
) -> None:
    endpoint = await webhooks.add(receiver.url, [USER_DELETED])
    await webhooks.add(receiver.url, [LEVEL_REACHED])
    receiver.answers = lambda _message: 500
    dispatcher = await hire()
    await third_runs(laurels, "ada")
    await laurels.delete_user("ada")
    await dispatcher.work()
    [waiting] = await webhooks.deliveries(endpoint.id)
    assert (waiting.type, waiting.state, waiting.status) == (USER_DELETED, "pending", 500)
    receiver.answers = lambda _message: 204
    clock.advance(timedelta(minutes=1))
    await (await hire()).work()
    assert receiver.verify(endpoint.secret)["data"] == {"userId": "ada"}
    assert [message["type"] for message in receiver.messages] == [USER_DELETED] * 2
    assert len(set(receiver.ids)) == 1


async def test_a_merge_is_told_of_the_one_who_goes_and_its_badges_of_the_one_who_stays(
    laurels: Service, webhooks: Webhooks, hire: Hire, receiver: Receiver, clock: SettableClock
) -> None:
    await third_runs(laurels, "old")
    await laurels.record("ada", "talk")
    clock.advance(timedelta(milliseconds=1))
    endpoint = await webhooks.add(receiver.url, [USER_MERGED, BADGE_AWARDED])
    await laurels.merging.merge("old", "ada", reason="two sign-ups")
    await (await hire()).work()
    told = {message["type"]: message["data"] for message in receiver.messages}
    assert told[USER_MERGED] == {
        "userId": "old",
        "eventId": None,
        "into": "ada",
        "points": 35,
        "reason": "two sign-ups",
    }
    assert told[BADGE_AWARDED]["userId"] == "ada"
    assert receiver.verify(endpoint.secret)


async def test_what_cannot_be_an_endpoint_is_refused(webhooks: Webhooks, laurels: Service, sender: Any) -> None:
    strict = Webhooks(laurels.store.webhooks, laurels.clock, sender=sender)
    for url in ("http://a.example/", "https://127.0.0.1/", "https://[::1]/", "https://localhost/", "https://a:b@c.d/"):
        with pytest.raises(InvalidInput):
            await strict.add(url)
    for url in (
        "",
        "a.example",
        "ftp://a.example/",
        "https://",
        "https://a.example/#a",
        "https://a.example:x/",
        "https://ä.example/",
    ):
        with pytest.raises(InvalidInput):
            await webhooks.add(url)
    with pytest.raises(InvalidInput, match="nonsense"):
        await webhooks.add("https://a.example/", ["nonsense"])
    assert await webhooks.all() == []
    assert (await strict.add("https://a.example/")).types == frozenset(TYPES)
    for call in (webhooks.remove, webhooks.rotate, webhooks.test, webhooks.replay, webhooks.deliveries):
        with pytest.raises(UnknownWebhook):
            await call("wh_unknown")


async def test_one_who_was_away_is_asked_again_though_the_next_entries_tell_nothing(
    laurels: Service, webhooks: Webhooks, hire: Hire, receiver: Receiver, clock: SettableClock
) -> None:
    endpoint = await webhooks.add(receiver.url, ["badge.awarded"])
    dispatcher = await hire()
    receiver.answers = lambda _message: 500
    for n in range(AWAY_AFTER):
        await laurels.record(f"user {n}", "run")
    for later in (timedelta(0), *LATER):
        clock.advance(later)
        await dispatcher.work()
    assert {kept.state for kept in await webhooks.deliveries(endpoint.id)} == {"dead"}
    receiver.answers = lambda _message: 204
    for _ in range(2):
        await laurels.record_many([learning_event(f"quiet {n}", "talk") for n in range(PAGE)])
    await laurels.record("ada", "run")
    for _ in range(5):
        clock.advance(timedelta(minutes=1))
        await dispatcher.work()
    assert badges_of(receiver, "ada", once=False) == ["first"]


async def test_a_running_dispatcher_learns_of_endpoints_and_of_their_end(
    laurels: Service, webhooks: Webhooks, hire: Hire, receiver: Receiver
) -> None:
    dispatcher = await hire()
    dispatcher.start()
    await asyncio.sleep(0.05)
    endpoint = await webhooks.add(receiver.url)
    await laurels.record("ada", "run")
    await asyncio.to_thread(receiver.wait_for, 1)
    await webhooks.remove(endpoint.id)
    await asyncio.sleep(0.3)
    await laurels.record("bob", "run")
    await asyncio.sleep(0.3)
    await dispatcher.close()
    assert [message["data"]["userId"] for message in receiver.messages] == ["ada"]
