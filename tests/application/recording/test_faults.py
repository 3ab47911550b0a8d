"""A fault of Laurels itself while it records: it is called that, and costs its own callers alone."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from laurels import InternalFault, LearningEvent, Rulebook
from laurels.application.maintenance.verification import verify
from laurels.application.ports.spool import Spool
from laurels.application.recording.commands import QueuedEvent, RecordedEntry
from laurels.application.service import Service
from laurels.bootstrap import open_service
from laurels.domain.ledger.entries import Entry
from laurels.testing.builders import learning_event, small_rulebook
from laurels.testing.clocks import SettableClock


def faulty_rulebook() -> Rulebook:
    """The small rulebook, with a measure that breaks while it counts an event that says so in its metadata."""
    rulebook = small_rulebook()

    def observe(progress: Any, metadata: Mapping[str, Any], moment: Any, reached: Any) -> None:
        del progress, moment, reached
        if metadata.get("fault"):
            raise ZeroDivisionError("a measure divides by nothing")

    rulebook.measure_updates["run"].append(observe)
    return rulebook


def bad(user_id: str, event_id: str = "bad") -> LearningEvent:
    return learning_event(user_id, event_id=event_id, fault=True)


async def drained(spool: Spool) -> None:
    async with asyncio.timeout(10):
        stats = await spool.stats()
        while stats.drained + stats.set_aside < stats.queued:
            await asyncio.sleep(0.01)
            stats = await spool.stats()


def kinds(results: Sequence[object]) -> list[type]:
    return [type(result) for result in results]


@pytest.fixture
async def laurels(store_url: str, clock: SettableClock) -> Any:
    async with open_service(store_url, rulebook=faulty_rulebook(), clock=clock, projection_interval=3600) as laurels:
        yield laurels


class TestOneEventThatBreaksTheEngine:
    async def test_its_caller_gets_an_internal_fault_and_the_log_a_traceback(
        self, laurels: Service, caplog: pytest.LogCaptureFixture
    ) -> None:
        with pytest.raises(InternalFault) as raised:
            await laurels.record_event(bad("ada"))
        assert isinstance(raised.value.__cause__, ZeroDivisionError)
        [logged] = [record for record in caplog.records if record.exc_info]
        assert "divides by nothing" in caplog.text
        assert "Traceback" in caplog.text
        assert "ada" not in logged.getMessage()

    async def test_others_of_the_batch_are_recorded_those_of_the_same_user_included(self, laurels: Service) -> None:
        events = [learning_event(f"user {n % 3}", event_id=f"e{n}") for n in range(30)]
        events[10:10] = [bad("user 1"), bad("user 2", "worse")]
        results = await laurels.record_many(events)
        assert kinds(results) == [RecordedEntry] * 10 + [InternalFault] * 2 + [RecordedEntry] * 20
        assert not any(isinstance(result, RecordedEntry) and result.is_replay for result in results)
        for user in ("user 0", "user 1", "user 2"):
            entries = await laurels.store.ledger.entries(user)
            ids = [f"e{n}" for n in range(30) if f"user {n % 3}" == user]
            assert [entry.event_id for entry in entries] == ids
        found = await verify(laurels.store, small_rulebook())
        assert (found.is_clean, found.events) == (True, 30)

    async def test_events_without_an_id_are_recorded_once_beside_it(self, laurels: Service) -> None:
        results = await laurels.record_many([learning_event("ada"), bad("bob"), learning_event("ada")])
        assert kinds(results) == [RecordedEntry, InternalFault, RecordedEntry]
        assert [entry.seq for entry in await laurels.store.ledger.entries("ada")] == [1, 2]

    async def test_who_comes_after_it_is_served(self, laurels: Service) -> None:
        calls = [laurels.record_event(event) for event in (bad("ada"), learning_event("ada"), learning_event("bob"))]
        results = await asyncio.gather(*calls, return_exceptions=True)
        assert kinds(results) == [InternalFault, RecordedEntry, RecordedEntry]
        recorded = await laurels.record("ada", "run")
        assert (recorded.entry.seq, recorded.body.outcome.total_points) == (2, 20)

    async def test_of_a_batch_that_breaks_altogether_every_caller_is_told(self, laurels: Service) -> None:
        results = await laurels.record_many([bad(f"user {n}") for n in range(17)])
        assert kinds(results) == [InternalFault] * 17
        assert laurels.recorder.stats.faults == 17

    async def test_it_is_no_outage_and_is_never_queued(
        self, store_url: str, clock: SettableClock, tmp_path: Path
    ) -> None:
        rulebook = faulty_rulebook()
        async with open_service(store_url, rulebook=rulebook, clock=clock, spool=tmp_path / "spool") as laurels:
            results = await laurels.accept_many([learning_event("ada", event_id="1"), bad("ada")])
            assert kinds(results) == [RecordedEntry, InternalFault]
            assert laurels.fallback is not None
            assert laurels.fallback.availability.is_available
            assert laurels.fallback.spool.is_empty

    async def test_in_the_spool_it_is_set_aside_and_holds_up_nobody(
        self, store_url: str, clock: SettableClock, tmp_path: Path
    ) -> None:
        rulebook = faulty_rulebook()
        async with open_service(store_url, rulebook=rulebook, clock=clock, spool=tmp_path / "spool") as laurels:
            assert laurels.fallback is not None
            laurels.fallback.availability.mark_down("a test says so")
            events = [learning_event("ada", event_id="1"), bad("ada"), learning_event("ada", event_id="2")]
            assert kinds(await laurels.accept_many(events)) == [QueuedEvent] * 3
            await drained(laurels.fallback.spool)
            _, [aside] = await laurels.fallback.spool.events_of("ada")
            assert aside.spooled.event.event_id == "bad"
            assert "fault" in aside.reason
            assert [entry.event_id for entry in await laurels.store.ledger.entries("ada")] == ["1", "2"]


class TestObserversThatRaise:
    async def test_neither_a_commit_nor_another_observer_is_stopped(
        self, laurels: Service, caplog: pytest.LogCaptureFixture
    ) -> None:
        seen: list[int] = []

        def raises(*_: object) -> None:
            raise ZeroDivisionError

        def counts(entries: Sequence[Entry]) -> None:
            seen.append(len(entries))

        laurels.recorder.stats.on_committed.subscribe(raises)
        laurels.recorder.committer.on_commit.subscribe(raises)
        laurels.recorder.committer.on_commit.subscribe(counts)
        for _ in range(3):
            async with asyncio.timeout(5):
                await laurels.record("ada", "run")
        assert seen == [1, 1, 1]
        assert laurels.recorder.committer.task.health == "ok"
        assert "an observer of commits failed" in caplog.text


class TestACommitterThatHasEnded:
    """It should never happen; who waits for it is told all the same."""

    async def test_who_waits_and_who_comes_later_gets_an_internal_fault(self, laurels: Service) -> None:
        [committer] = [task for task in asyncio.all_tasks() if task.get_name() == "laurels-committer"]
        # Asks the store first, so that the end comes while the caller waits.
        calls = [asyncio.create_task(laurels.record("ada", "run")) for _ in range(3)]
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        committer.cancel()
        async with asyncio.timeout(5):
            results = await asyncio.gather(*calls, return_exceptions=True)
        assert kinds(results) == [InternalFault] * 3
        assert laurels.recorder.committer.task.health == "dead"
        with pytest.raises(InternalFault, match="Restart"):
            await laurels.record("ada", "run")
