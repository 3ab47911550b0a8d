"""Between ledger and spool: what went both ways stands once, order is kept, and what never fits is set aside."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from laurels import EventConflict, InvalidEvent, LearningEvent, StoreUnavailable
from laurels.application.maintenance.publishing import InForce
from laurels.application.outage.availability import Availability
from laurels.application.outage.guarded_store import GuardedStore
from laurels.application.ports.store import Store
from laurels.application.recording.commands import QueuedEvent, RecordedEntry
from laurels.application.service import Fallback, Service
from laurels.bootstrap import open_store
from laurels.domain.ledger.entries import Entry, EventRecorded
from laurels.domain.webhooks import BADGE_AWARDED, TYPES, Endpoint
from laurels.storage.spool import FileSpool
from laurels.testing.builders import small_rulebook
from laurels.testing.clocks import SettableClock

Append = Callable[[Sequence[Entry]], Awaitable[frozenset[str]]]


class FaultyLedger:
    """The ledger of a faulty store."""

    def __init__(self, store: FaultyStore) -> None:
        self.store = store

    def __getattr__(self, name: str) -> Any:
        return getattr(self.store.real.ledger, name)

    async def append(self, entries: Sequence[Entry]) -> frozenset[str]:
        return await self.store.append(entries)


class FaultyStore:
    """A store whose next appends go wrong in a given way, and which never takes an event that is `poison`."""

    def __init__(self, real: Store) -> None:
        self.real = real
        self.ledger = FaultyLedger(self)
        self.faults: list[Append] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self.real, name)

    async def append(self, entries: Sequence[Entry]) -> frozenset[str]:
        if any(isinstance(each.body, EventRecorded) and "poison" in each.body.metadata for each in entries):
            raise StoreUnavailable("It does not like one of them.")
        return await (self.faults.pop(0) if self.faults else self.real.ledger.append)(entries)

    async def fails(self, _entries: Sequence[Entry]) -> frozenset[str]:
        raise StoreUnavailable("Gone.")

    async def loses_the_answer(self, entries: Sequence[Entry]) -> frozenset[str]:
        await self.real.ledger.append(entries)
        raise StoreUnavailable("Gone before it could say that all is well.")

    async def hangs(self, entries: Sequence[Entry]) -> frozenset[str]:
        await asyncio.sleep(0.6)
        return await self.real.ledger.append(entries)


class Setting:
    """A service with a fallback over a faulty store."""

    def __init__(self, service: Service, store: FaultyStore, spool: FileSpool) -> None:
        self.service = service
        self.store = store
        self.spool = spool

    async def accept(self, user: str, event_id: str | None = None, **metadata: Any) -> RecordedEntry | QueuedEvent:
        event = LearningEvent(user_id=user, event_type="run", event_id=event_id, metadata=metadata)
        return await self.service.accept_event(event)

    async def queue(self, user: str, event_id: str | None = None, **metadata: Any) -> QueuedEvent:
        """Accept an event at a moment when the store is taken for away."""
        assert self.service.fallback is not None
        self.service.fallback.availability.mark_down("a test says so")
        queued = await self.accept(user, event_id, **metadata)
        assert isinstance(queued, QueuedEvent)
        return queued

    async def drained(self) -> None:
        async with asyncio.timeout(10):
            stats = await self.spool.stats()
            while stats.drained + stats.set_aside < stats.queued:
                await asyncio.sleep(0.01)
                stats = await self.spool.stats()

    async def ledger(self, user: str) -> list[str | None]:
        return [entry.event_id for entry in await self.store.real.ledger.entries(user)]


@pytest.fixture
async def setting(store_url: str, clock: SettableClock, tmp_path: Path) -> AsyncIterator[Setting]:
    async with opened(store_url, clock, tmp_path / "spool") as setting:
        yield setting


def opened(
    store_url: str, clock: SettableClock, folder: Path, *, limit: float = 0.3
) -> AbstractAsyncContextManager[Setting]:
    return _opened(store_url, clock, folder, limit)


@asynccontextmanager
async def _opened(store_url: str, clock: SettableClock, folder: Path, limit: float) -> AsyncIterator[Setting]:
    store = FaultyStore(await open_store(store_url))
    availability = Availability(interval=0.05, limit=limit)

    async def the_store() -> Store:
        return store  # pyright: ignore[reportReturnType]  all that it lacks is the real one's

    guarded = GuardedStore(the_store, availability)
    spool = await FileSpool.open(folder, limit=100_000)
    await availability.start(guarded.check)
    service = Service(
        guarded,
        InForce(small_rulebook(), 0),
        clock,
        max_backdate_days=None,
        cache_weight=10**6,
        projection_interval=3600,
        rarity_minimum=50,
        fallback=Fallback(spool, availability, drain_pause=0.1),
    )
    yield Setting(service, store, spool)
    await service.close()
    await availability.close()
    await guarded.close()
    await spool.close()


@pytest.mark.parametrize("fault", ["fails", "loses_the_answer", "hangs"])
@pytest.mark.parametrize("event_id", ["mine", None])
async def test_an_event_whose_commit_gave_no_answer_is_recorded_once(
    setting: Setting, fault: str, event_id: str | None
) -> None:
    setting.store.faults.append(getattr(setting.store, fault))
    queued = await setting.accept("ada", event_id)
    assert isinstance(queued, QueuedEvent)
    await setting.drained()
    assert await setting.ledger("ada") == [queued.event.event_id]
    stats = await setting.spool.stats()
    assert (stats.queued, stats.drained, stats.set_aside, stats.bytes) == (1, 1, 0, 0)


async def test_what_arrived_before_the_outage_goes_before_what_arrived_in_it(setting: Setting) -> None:
    setting.store.faults.append(setting.store.hangs)
    first = asyncio.create_task(setting.accept("ada", "1"))
    await asyncio.sleep(0.05)
    more = [asyncio.create_task(setting.accept("ada", str(number))) for number in range(2, 6)]
    assert {type(each) for each in [await first, *await asyncio.gather(*more)]} == {QueuedEvent}
    assert isinstance(await setting.accept("ada", "6"), QueuedEvent)
    await setting.drained()
    assert await setting.ledger("ada") == ["1", "2", "3", "4", "5", "6"]


async def test_who_has_events_waiting_gets_in_line_and_others_do_not(setting: Setting, tmp_path: Path) -> None:
    other = await FileSpool.open(tmp_path / "spool", limit=100_000)
    # Another process has the turn and does not come round to draining.
    assert other.take_turn()
    setting.store.faults.append(setting.store.fails)
    assert isinstance(await setting.accept("ada", "1"), QueuedEvent)
    assert setting.service.fallback is not None
    await setting.service.fallback.availability.wait()
    assert isinstance(await setting.accept("ada", "2"), QueuedEvent)
    assert isinstance(await setting.accept("bob", "1"), RecordedEntry)
    [queued, recorded] = await setting.service.accept_many(
        [LearningEvent(user_id=user, event_type="run", event_id="3") for user in ("ada", "bob")]
    )
    assert (type(queued), type(recorded)) == (QueuedEvent, RecordedEntry)
    other.end_turn()
    await setting.drained()
    await other.close()
    assert await setting.ledger("ada") == ["1", "2", "3"]


async def test_an_event_that_the_store_never_takes_is_set_aside_and_holds_up_nobody(setting: Setting) -> None:
    events = [LearningEvent(user_id="ada", event_type="run", event_id=str(number)) for number in range(10)]
    events.insert(4, LearningEvent(user_id="ada", event_type="run", event_id="bad", metadata={"poison": True}))
    events.append(LearningEvent(user_id="bob", event_type="run", event_id="0"))
    assert {type(each) for each in await setting.service.accept_many(events)} == {QueuedEvent}
    await setting.drained()
    assert await setting.ledger("ada") == [str(number) for number in range(10)]
    assert await setting.ledger("bob") == ["0"]
    [aside] = await setting.spool.set_aside()
    assert (aside.spooled.event.event_id, "does not like" in aside.reason) == ("bad", True)


async def test_a_store_that_takes_nothing_though_it_is_there_sets_nothing_aside(setting: Setting) -> None:
    setting.store.faults += [setting.store.fails] * 12
    for user in ("ada", "bob"):
        await setting.accept(user, "1")
    await setting.drained()
    assert await setting.spool.set_aside() == []
    assert (await setting.ledger("ada"), await setting.ledger("bob")) == (["1"], ["1"])


async def test_a_conflict_found_while_draining_is_set_aside_with_its_reason(setting: Setting) -> None:
    assert isinstance(await setting.accept("ada", "1"), RecordedEntry)
    await setting.queue("ada", "1", other=1)
    await setting.drained()
    [aside] = await setting.spool.set_aside()
    assert aside.reason == str(EventConflict("ada", "1"))
    assert aside.spooled.event.metadata == {"other": 1}
    # Who asks for the event is shown the one that stands, and is told of the other one.
    state = await setting.service.event_state("ada", "1")
    assert (state.status, state.event.metadata) == ("recorded", {})
    assert "was set aside: Another event of this user, with other content," in str(state.reason)


async def test_what_is_set_aside_is_told_to_the_webhooks_that_asked_for_it(setting: Setting) -> None:
    webhooks = setting.store.real.webhooks
    for name, types in (("all", TYPES), ("badges", (BADGE_AWARDED,))):
        url = "https://a.example/"
        await webhooks.add(Endpoint(id=name, url=url, types=frozenset(types), secret="whsec_", created_at=0))
    await setting.accept("ada", "1")
    await setting.queue("ada", "1", other=1)
    await setting.drained()
    [told] = await webhooks.due("all", now=setting.service.clock(), limit=10)
    assert (told.type, told.user_id) == ("event.set_aside", "ada")
    assert json.loads(told.body)["data"] == {
        "userId": "ada",
        "eventId": "1",
        "reason": str(EventConflict("ada", "1")),
    }
    assert await webhooks.due("badges", now=setting.service.clock(), limit=10) == []


async def test_an_id_that_waits_here_is_queued_once_with_its_content_and_a_conflict_with_other(
    setting: Setting, clock: SettableClock
) -> None:
    first = await setting.queue("ada", "1", n=1)
    clock.advance(timedelta(seconds=5))
    assert await setting.queue("ada", "1", n=1) == first
    for other in (2, 1.0, True):
        with pytest.raises(EventConflict):
            await setting.queue("ada", "1", n=other)
    await setting.queue("bob", "1", n=2)
    stats = await setting.spool.stats()
    assert (stats.waiting, stats.queued) == (2, 2)
    await setting.drained()
    assert await setting.spool.set_aside() == []
    assert (await setting.ledger("ada"), await setting.ledger("bob")) == (["1"], ["1"])


async def test_what_was_set_aside_holds_its_id_as_well(setting: Setting) -> None:
    await setting.accept("ada", "1")
    await setting.queue("ada", "1", other=1)
    await setting.drained()
    assert (await setting.queue("ada", "1", other=1)).event.metadata == {"other": 1}
    with pytest.raises(EventConflict):
        await setting.queue("ada", "1", other=2)
    assert (await setting.spool.stats()).waiting == 0


async def test_one_batch_may_hold_an_id_twice(setting: Setting) -> None:
    assert setting.service.fallback is not None
    setting.service.fallback.availability.mark_down("a test says so")
    batch = [LearningEvent(user_id="ada", event_type="run", event_id="1", metadata={"n": n}) for n in (1, 1, 2)]
    same, again, other = await setting.service.accept_many(batch)
    assert isinstance(same, QueuedEvent)
    assert again == same
    assert isinstance(other, EventConflict)
    assert (await setting.spool.stats()).queued == 1


async def test_a_repetition_may_leave_the_timestamp_out_in_an_outage_too(setting: Setting) -> None:
    at = datetime(2026, 3, 1, tzinfo=UTC)
    await setting.service.accept_event(LearningEvent(user_id="ada", event_type="run", event_id="1", timestamp=at))
    await setting.queue("ada", "1")
    await setting.drained()
    assert await setting.spool.set_aside() == []
    assert len(await setting.ledger("ada")) == 1


async def test_an_event_happened_when_it_arrived_not_when_it_was_drained(
    setting: Setting, clock: SettableClock
) -> None:
    arrived = clock()
    assert (await setting.queue("ada")).at == arrived
    clock.advance(timedelta(days=3))
    await setting.drained()
    [entry] = await setting.store.real.ledger.entries("ada")
    assert isinstance(entry.body, EventRecorded)
    assert entry.body.at == arrived


async def test_what_is_wrong_is_told_at_once_in_an_outage_too(setting: Setting) -> None:
    await setting.queue("ada")
    assert setting.service.fallback is not None
    setting.service.fallback.availability.mark_down("a test says so")
    with pytest.raises(InvalidEvent):
        await setting.service.accept_event(LearningEvent(user_id="ada", event_type="nonsense"))


class TestHowFarBackACallerMayGo:
    """A caller may be held to less than the operator allows, whether the event is recorded or queued."""

    async def test_a_narrower_bound_is_kept_with_and_without_the_store(
        self, setting: Setting, clock: SettableClock, tmp_path: Path
    ) -> None:
        service = setting.service
        # Nothing is drained meanwhile: who has an event waiting has all that follow queued.
        other = await FileSpool.open(tmp_path / "spool", limit=100_000)
        assert other.take_turn()
        bound = clock() - 60_000
        old, new = (
            LearningEvent(user_id="ada", event_type="run", timestamp=clock.moment - timedelta(seconds=seconds))
            for seconds in (61, 60)
        )
        for is_away in (False, True):
            if is_away:
                await setting.queue("ada")
            with pytest.raises(InvalidEvent, match="timestamp"):
                await service.accept_event(old, earliest=bound)
            first, second, third = [
                *await service.accept_many([old, new], earliest=bound),
                await service.accept_event(old),
            ]
            assert isinstance(first, InvalidEvent)
            kind = QueuedEvent if is_away else RecordedEntry
            assert isinstance(second, kind)
            assert isinstance(third, kind)
        other.end_turn()
        await setting.drained()
        await other.close()
        assert len(await setting.ledger("ada")) == 5
        assert await setting.spool.set_aside() == []

    async def test_a_wider_bound_than_the_operators_counts_for_nothing(
        self, store_url: str, clock: SettableClock
    ) -> None:
        store = await open_store(store_url)
        service = Service(
            store,
            InForce(small_rulebook(), 0),
            clock,
            max_backdate_days=1,
            cache_weight=1_000,
            projection_interval=3_600,
            rarity_minimum=50,
        )
        old = LearningEvent(user_id="ada", event_type="run", timestamp=clock.moment - timedelta(days=2))
        with pytest.raises(InvalidEvent, match="timestamp"):
            await service.accept_event(old, earliest=0)
        await service.close()
        await store.close()
