"""Following without a server: who tells whom, and that it costs nothing while nobody follows."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest

from laurels.application.live.board_feeds import BoardChannel, BoardFeed
from laurels.application.live.feeds import (
    KEPT,
    PAGE,
    READS,
    Backlog,
    Feed,
    Signal,
    UserChannel,
    UserFeed,
)
from laurels.application.live.messages import Message, StreamPosition
from laurels.application.service import Service
from laurels.bootstrap import open_service
from laurels.errors import InvalidQuery
from laurels.testing.builders import learning_event, small_rulebook

SOON = 30.0


@pytest.fixture
async def laurels(store_url: str) -> AsyncIterator[Service]:
    async with open_service(store_url, rulebook=small_rulebook(), projection_interval=0.01) as laurels:
        yield laurels


@pytest.fixture
async def elsewhere(store_url: str, laurels: Service) -> AsyncIterator[Service]:
    """Another process, as far as the database knows."""
    async with open_service(store_url, rulebook=small_rulebook(), projection_interval=60, batch=10_000) as other:
        yield other


async def take(feed: Feed, last_id: str) -> list[Message]:
    """What a feed gives up to the message with an id."""
    taken: list[Message] = []
    async with asyncio.timeout(SOON):
        while not taken or taken[-1].id != last_id:
            taken += await feed.take(SOON)
    return taken


def seqs(messages: Sequence[Message]) -> list[int]:
    return [int(message.id) for message in messages if "." not in message.id]


async def record(laurels: Service, count: int) -> None:
    for _ in range(count):
        await laurels.record("ada", "talk")


async def test_what_this_process_records_is_told_at_once(laurels: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    async def silent() -> AsyncIterator[None]:
        await asyncio.Event().wait()
        yield

    # The store tells nothing of what was written, so that it is the recorder that tells.
    monkeypatch.setattr(laurels.store.ledger, "watch", silent)
    feed = laurels.live.follow_user("ada")
    await take(feed, "0")
    await asyncio.sleep(0.1)
    for seq in range(1, 4):
        await record(laurels, 1)
        assert seqs(await take(feed, str(seq))) == [seq]
    feed.close()


async def test_what_two_processes_record_in_turn_comes_in_order(laurels: Service, elsewhere: Service) -> None:
    feed = laurels.live.follow_user("ada")
    await take(feed, "0")
    taken = asyncio.create_task(take(feed, "30"))
    for number in range(10):
        await record(elsewhere if number % 2 else laurels, 3)
    assert seqs(await taken) == list(range(1, 31))
    feed.close()


@pytest.mark.parametrize("missed", [1, KEPT, KEPT + 1, PAGE, PAGE + 1, 3 * PAGE])
async def test_who_takes_late_gets_all(laurels: Service, missed: int) -> None:
    feed = laurels.live.follow_user("ada", last_id="0")
    await record(laurels, 1)
    await take(feed, "1")
    await laurels.record_many([learning_event(event_type="talk") for _ in range(missed)])
    assert seqs(await take(feed, str(missed + 1))) == list(range(2, missed + 2))
    assert await feed.take(0.05) == []
    feed.close()


async def test_more_than_one_look_returns_comes_all_the_same(laurels: Service, elsewhere: Service) -> None:
    feed = laurels.live.follow_user("ada")
    await take(feed, "0")
    await elsewhere.record_many([learning_event(event_type="talk") for _ in range(5_000)])
    assert seqs(await take(feed, "5000")) == list(range(1, 5_001))
    feed.close()


@pytest.mark.parametrize("turns", range(1, 6))
async def test_who_is_about_to_wait_learns_of_the_end(laurels: Service, turns: int) -> None:
    feed = laurels.live.follow_user("nobody", last_id="0")
    taking = asyncio.create_task(feed.take(3_600))
    # By then it reads the ledger, and finds nothing that it could give.
    for _ in range(turns):
        await asyncio.sleep(0)
    feed.close()
    async with asyncio.timeout(SOON):
        assert await taking == []


async def test_nothing_runs_while_nobody_follows(laurels: Service) -> None:
    def watching() -> set[str]:
        return {task.get_name() for task in asyncio.all_tasks()} & {"laurels-watch", "laurels-boards"}

    assert (watching(), bool(laurels.recorder.committer.on_commit)) == (set(), False)
    feeds = [
        laurels.live.follow_user("ada"),
        laurels.live.follow_user("ada"),
        laurels.live.follow_user("bob"),
        await laurels.live.follow_board(),
    ]
    assert watching() == {"laurels-watch", "laurels-boards"}
    assert laurels.recorder.committer.on_commit
    feeds.pop().close()
    await asyncio.sleep(0)
    assert watching() == {"laurels-watch"}
    for feed in feeds:
        feed.close()
        feed.close()
    await asyncio.sleep(0.1)
    assert (watching(), bool(laurels.recorder.committer.on_commit), laurels.live.followers) == (set(), False, 0)


async def test_at_the_end_everybody_who_waits_is_told_and_who_comes_later_too(laurels: Service) -> None:
    feeds = [laurels.live.follow_user("ada", last_id="0"), await laurels.live.follow_board()]
    await feeds[1].take(SOON)
    waiting = [asyncio.create_task(feed.take(60)) for feed in feeds]
    await asyncio.sleep(0.05)
    laurels.live.end()
    async with asyncio.timeout(SOON):
        assert await asyncio.gather(*waiting) == [[], []]
    late = laurels.live.follow_user("ada")
    assert late.is_ended
    assert await late.take(60) == []


def user_feed(laurels: Service, users: UserChannel, backlog: Backlog) -> UserFeed:
    """All messages of ada."""
    return UserFeed(
        "ada",
        StreamPosition(0),
        users,
        backlog=backlog,
        learners=laurels.learners,
        rulebook=small_rulebook(),
        clock=laurels.clock,
        on_close=lambda: None,
    )


class Counted(Signal):
    """Counts how often anybody begins to wait for it."""

    waits = 0

    async def wait(self, woken: asyncio.Event, until: float) -> bool:
        self.waits += 1
        return await super().wait(woken, until)


@pytest.mark.parametrize("followed", ["learner", "board"])
async def test_whose_stream_ends_wakes_nobody_else(laurels: Service, followed: str) -> None:
    signal = Counted()

    def follow() -> Feed:
        if followed == "board":
            return BoardFeed("", boards, on_close=lambda: None)
        return user_feed(laurels, users, Backlog(laurels.store))

    boards, users = BoardChannel(), UserChannel()
    boards.signal = users.signal = signal
    feeds = [follow() for _ in range(20)]
    taking = [asyncio.create_task(feed.take(SOON)) for feed in feeds]
    while signal.waits < len(feeds):  # noqa: ASYNC110  nobody tells when they all wait
        await asyncio.sleep(0.001)
    for feed, task in zip(feeds, taking, strict=True):
        feed.close()
        async with asyncio.timeout(SOON):
            assert await task == []
    assert signal.waits == len(feeds)


async def test_few_of_many_who_are_behind_read_at_once(laurels: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    await laurels.record_many([learning_event(event_type="talk") for _ in range(3 * PAGE)])
    entries = laurels.store.ledger.entries
    now = most = 0

    async def counted(*args: Any, **options: Any) -> Any:
        nonlocal now, most
        now += 1
        most = max(most, now)
        try:
            return await entries(*args, **options)
        finally:
            now -= 1

    monkeypatch.setattr(laurels.store.ledger, "entries", counted)
    feeds = [laurels.live.follow_user("ada", last_id="0") for _ in range(20)]
    for taken in await asyncio.gather(*(take(feed, str(3 * PAGE)) for feed in feeds)):
        assert seqs(taken) == list(range(1, 3 * PAGE + 1))
    for feed in feeds:
        feed.close()
    assert most <= READS


async def test_who_has_to_wait_for_a_read_is_given_a_heartbeat_and_later_all(
    laurels: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    await record(laurels, 3)
    entries = laurels.store.ledger.entries
    goes_on = asyncio.Event()
    hanging_ones = 0

    async def hanging(*args: Any, **options: Any) -> Any:
        nonlocal hanging_ones
        hanging_ones += 1
        await goes_on.wait()
        return await entries(*args, **options)

    monkeypatch.setattr(laurels.store.ledger, "entries", hanging)
    users, backlog = UserChannel(), Backlog(laurels.store, patience=0.01)
    feed = user_feed(laurels, users, backlog)
    reading = [asyncio.create_task(backlog.entries(f"other {n}", after=0, limit=PAGE)) for n in range(READS)]
    async with asyncio.timeout(SOON):
        while hanging_ones < READS:  # noqa: ASYNC110  nobody tells
            await asyncio.sleep(0.001)
        assert await feed.take(0.05) == []
    goes_on.set()
    assert seqs(await take(feed, "3")) == [1, 2, 3]
    await asyncio.gather(*reading)
    feed.close()


async def test_one_learners_history_is_read_by_one_at_a_time_and_others_do_not_wait_for_it(
    laurels: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    await record(laurels, 3)
    entries = laurels.store.ledger.entries
    at_once = most_at_once = 0

    async def slow(user_id: str, **options: Any) -> Any:
        nonlocal at_once, most_at_once
        at_once += user_id == "ada"
        most_at_once = max(most_at_once, at_once)
        await asyncio.sleep(0.01)
        at_once -= user_id == "ada"
        return await entries(user_id, **options)

    monkeypatch.setattr(laurels.store.ledger, "entries", slow)
    backlog = Backlog(laurels.store, patience=SOON)
    many = [asyncio.create_task(backlog.entries("ada", after=0, limit=PAGE)) for _ in range(20)]
    for _ in range(READS):
        await backlog.entries("bob", after=0, limit=PAGE)
    # Without rests of ada's, hers would be over as well.
    assert sum(task.done() for task in many) < len(many)
    assert [len(found) for found in await asyncio.gather(*many)] == [3] * 20
    assert most_at_once == 1


async def test_an_id_that_cannot_be_one_is_refused(laurels: Service) -> None:
    for user_id, last_id in (("", None), ("a\nb", None), ("a" * 101, None), ("ada", "later"), ("ada", "١")):
        with pytest.raises(InvalidQuery):
            laurels.live.follow_user(user_id, last_id=last_id)
    assert laurels.live.followers == 0
