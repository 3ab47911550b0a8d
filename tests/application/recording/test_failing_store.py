"""A store that fails in the middle: what callers are told, and what holds afterwards."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from itertools import chain
from typing import Any, cast

import apsw
import pytest

from laurels import StoreUnavailable
from laurels.application.maintenance.publishing import InForce
from laurels.application.maintenance.verification import verify
from laurels.application.ports.store import Store
from laurels.application.recording.commands import RecordedEntry
from laurels.application.service import Service
from laurels.bootstrap import open_service, open_store
from laurels.domain.ledger.entries import Entry
from laurels.storage.sqlite import SQLiteStore
from laurels.testing.builders import learning_event, small_rulebook
from laurels.testing.clocks import SettableClock


async def limit_pages(laurels: Service, pages: int) -> None:
    """Let the database grow to so many pages and no further, as on a full disk. Never below its present size."""
    store = laurels.store
    assert isinstance(store, SQLiteStore)

    def limit(connection: apsw.Connection) -> None:
        connection.execute(f"PRAGMA max_page_count = {pages}")

    for pool in (store._database.writer, store._database.projector):  # the limit belongs to each connection
        await pool.run(limit)


class FaultyLedger:
    """The ledger of a faulty store."""

    def __init__(self, store: FaultyStore) -> None:
        self.store = store

    def __getattr__(self, name: str) -> Any:
        return getattr(self.store.real.ledger, name)

    async def append(self, entries: Sequence[Entry]) -> frozenset[str]:
        return await self.store.append(entries)


class FaultyStore:
    """A store whose next appends go wrong in a given way; all else is the real one's."""

    def __init__(self, real: Store) -> None:
        self.real = real
        self.ledger = FaultyLedger(self)
        self.faults: list[Callable[[Sequence[Entry]], Awaitable[frozenset[str]]]] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self.real, name)

    async def append(self, entries: Sequence[Entry]) -> frozenset[str]:
        return await (self.faults.pop(0) if self.faults else self.real.ledger.append)(entries)

    async def fails(self, _entries: Sequence[Entry]) -> frozenset[str]:
        raise StoreUnavailable("Gone.")

    async def loses_the_answer(self, entries: Sequence[Entry]) -> frozenset[str]:
        await self.real.ledger.append(entries)
        raise StoreUnavailable("Gone before it could say that all is well.")


@pytest.fixture
async def faulty(store_url: str) -> Any:
    store = FaultyStore(await open_store(store_url))
    yield store
    await store.real.close()


def service(store: FaultyStore, clock: SettableClock) -> Service:
    return Service(
        cast("Store", store),
        InForce(small_rulebook(), 0),
        clock,
        max_backdate_days=None,
        cache_weight=10**6,
        projection_interval=3600,
        rarity_minimum=50,
    )


class TestFullDisk:
    """The file cannot grow."""

    async def test_callers_are_told_and_nothing_acknowledged_is_lost(self, laurels: Service, store_url: str) -> None:
        acknowledged: set[tuple[str, str]] = set()

        async def call(user_id: str) -> list[str]:
            refused: list[str] = []
            for number in range(60):
                try:
                    await laurels.record(user_id, "run", {"text": "x" * 400}, event_id=f"e{number}")
                    acknowledged.add((user_id, f"e{number}"))
                except StoreUnavailable as error:
                    refused.append(str(error))
            return refused

        await limit_pages(laurels, 100)
        users = [f"user {n}" for n in range(16)]
        refused = [*chain(*await asyncio.gather(*(call(user_id) for user_id in users)))]
        assert refused
        assert all("disk" in said and "full" in said for said in refused)
        assert acknowledged
        found = await verify(laurels.store, laurels.rulebook)
        assert (found.is_clean, found.events) == (True, len(acknowledged))
        # Reads go on, and show what was acknowledged.
        for user_id in users:
            own = sum(user == user_id for user, _ in acknowledged)
            if own:
                assert (await laurels.learners.progress(user_id)).events == own

        # Space again: the same events go in, once.
        await limit_pages(laurels, 1_000_000)
        assert await asyncio.gather(*(call(user_id) for user_id in users)) == [[]] * len(users)
        await laurels.projector.flush()
        found = await verify(laurels.store, laurels.rulebook)
        assert (found.is_clean, found.events, found.behind) == (True, 16 * 60, 0)

    async def test_projections_that_found_no_space_are_made_later(self, laurels: Service) -> None:
        await laurels.record_many([learning_event(f"user {n}") for n in range(300)])
        await limit_pages(laurels, 1)
        with pytest.raises(StoreUnavailable):
            await laurels.projector.flush()
        assert (await verify(laurels.store, laurels.rulebook)).is_clean
        await limit_pages(laurels, 1_000_000)
        await laurels.projector.flush()
        found = await verify(laurels.store, laurels.rulebook)
        assert (found.is_clean, found.behind) == (True, 0)

    async def test_a_process_may_end_while_the_disk_is_full(
        self, store_url: str, clock: SettableClock, caplog: pytest.LogCaptureFixture
    ) -> None:
        rulebook = small_rulebook()
        async with open_service(store_url, rulebook=rulebook, clock=clock, projection_interval=3600) as laurels:
            await laurels.record_many([learning_event(f"user {n}") for n in range(300)])
            await limit_pages(laurels, 1)
        assert "could not be brought up to date" in caplog.text
        clock.now += 1
        async with open_service(store_url, rulebook=rulebook, clock=clock) as laurels:
            await laurels.projector.catch_up(before=clock())
            found = await verify(laurels.store, rulebook)
        assert (found.is_clean, found.events, found.behind) == (True, 300, 0)


class TestFaults:
    """An append that goes wrong."""

    async def test_an_append_that_failed_left_no_trace_in_memory(
        self, faulty: FaultyStore, clock: SettableClock
    ) -> None:
        laurels = service(faulty, clock)
        await laurels.record("ada", "run")
        faulty.faults = [faulty.fails]
        with pytest.raises(StoreUnavailable):
            await laurels.record("ada", "talk", event_id="e1")
        recorded = await laurels.record("ada", "run")
        assert (recorded.entry.seq, recorded.body.outcome.total_points) == (2, 20)
        await laurels.close()
        assert (await verify(faulty.real, laurels.rulebook)).is_clean

    async def test_an_append_whose_answer_was_lost_is_found_by_the_retry(
        self, faulty: FaultyStore, clock: SettableClock
    ) -> None:
        laurels = service(faulty, clock)
        faulty.faults = [faulty.loses_the_answer]
        with pytest.raises(StoreUnavailable):
            await laurels.record("ada", "run", event_id="e1")
        again = await laurels.record("ada", "run", event_id="e1")
        assert (again.is_replay, again.entry.seq) == (True, 1)
        await laurels.close()
        found = await verify(faulty.real, laurels.rulebook)
        assert (found.is_clean, found.events, found.behind) == (True, 1, 0)

    async def test_of_a_failed_batch_every_caller_is_told(self, faulty: FaultyStore, clock: SettableClock) -> None:
        laurels = service(faulty, clock)
        faulty.faults = [faulty.loses_the_answer]
        results = await laurels.record_many([learning_event(f"user {n % 5}", event_id=f"e{n}") for n in range(20)])
        assert [type(result) for result in results] == [StoreUnavailable] * 20
        results = await laurels.record_many([learning_event(f"user {n % 5}", event_id=f"e{n}") for n in range(25)])
        told = [isinstance(result, RecordedEntry) and result.is_replay for result in results]
        assert told == [True] * 20 + [False] * 5
        await laurels.close()
        assert (await verify(faulty.real, laurels.rulebook)).events == 25

    async def test_a_failed_profile_change_is_told_and_leaves_no_trace(
        self, faulty: FaultyStore, clock: SettableClock
    ) -> None:
        laurels = service(faulty, clock)
        faulty.faults = [faulty.fails]
        with pytest.raises(StoreUnavailable):
            await laurels.change_profile("ada", {"displayName": "Ada"})
        user = await laurels.change_profile("ada", {"photoURL": "https://example.org/a.png"})
        assert (user.has_name, user.photo_url) == (False, "https://example.org/a.png")
        await laurels.close()
