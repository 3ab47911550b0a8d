"""The published rulebook: one for all processes, switched while they run, and what follows a publication."""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from msgspec.structs import replace

from laurels import LearningEvent
from laurels.application.maintenance.jobs import LEASE_MS, JobRunner
from laurels.application.maintenance.publishing import Publications, publish
from laurels.application.maintenance.verification import verify
from laurels.application.ports.jobs import Job
from laurels.application.service import Service
from laurels.bootstrap import open_service, open_store
from laurels.domain.periods import Timeframe
from laurels.domain.rules.rulebook import Rulebook
from laurels.errors import InvalidEvent, OtherRulebook, RulebookError
from laurels.rulebooks.loader import parse_rulebook
from laurels.testing.builders import small_rulebook
from laurels.testing.clocks import SettableClock
from tests.waiting import until

NEW = small_rulebook()
OLD = Rulebook(replace(NEW.data, badges=[badge for badge in NEW.data.badges if badge.id not in ("third", "streak")]))
START = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def old() -> Rulebook:
    return OLD


async def record(laurels: Service, user_id: str, count: int, *, first: int = 0) -> None:
    for number in range(first, first + count):
        await laurels.record_event(
            LearningEvent(
                user_id=user_id, event_type="run", event_id=f"e{number}", timestamp=START + timedelta(days=number)
            )
        )


async def until_version(version: int, *processes: Service) -> None:
    await until(lambda: all(each.rules.version == version for each in processes))


async def assert_clean(laurels: Service, *others: Service) -> None:
    for each in (laurels, *others):
        await each.projector.flush()
    found = await verify(laurels.store, laurels.rulebook)
    assert (found.differences, found.behind) == ([], 0)


class TestBeginning:
    async def test_the_first_server_publishes_and_others_go_by_it(self, two: tuple[Service, Service]) -> None:
        one, other = two
        assert other.rulebook.digest == one.rulebook.digest == OLD.digest
        assert (one.rules.version, other.rules.version) == (1, 1)

    async def test_another_one_is_refused_and_nothing_is_changed(self, url: str, two: tuple[Service, Service]) -> None:
        with pytest.raises(OtherRulebook, match=r"version 1 of the rulebook 'small'.*laurels rulebook publish"):
            async with open_service(url, rulebook=NEW):
                pass
        assert await two[0].store.rulebook.version() == 1

    async def test_a_library_publishes_nothing_by_itself(self, store_url: str) -> None:
        async with open_service(store_url, rulebook=OLD) as laurels:
            assert await laurels.store.rulebook.newest() is None
        async with open_service(store_url, rulebook=NEW) as laurels:
            assert laurels.rulebook.digest == NEW.digest

    async def test_one_that_cannot_be_read_is_told_before_anything_begins(self, url: str, clock: SettableClock) -> None:
        store = await open_store(url)
        published = await publish(store, OLD, clock)
        await store.rulebook.add(replace(published, version=2, content=b'{"name": 7}'))
        await store.close()
        with pytest.raises(RulebookError, match="cannot read the rulebook in force"):
            async with open_service(url):
                pass

    async def test_who_publishes_the_same_gets_the_version_in_force(self, url: str, clock: SettableClock) -> None:
        store = await open_store(url)
        made = await asyncio.gather(*(publish(store, OLD, clock) for _ in range(4)))
        assert [each.version for each in made] == [1, 1, 1, 1]
        assert (await publish(store, NEW, clock)).version == 2
        assert (await publish(store, OLD, clock)).version == 3
        await store.close()


class TestSwitching:
    async def test_every_process_goes_by_the_next_version_and_loses_nothing(self, two: tuple[Service, Service]) -> None:
        one, other = two
        await record(one, "ada", 2)
        await record(other, "bob", 2)
        stop = asyncio.Event()
        recorded = 0

        async def go_on(laurels: Service, user_id: str) -> None:
            nonlocal recorded
            while not stop.is_set():
                await laurels.record(user_id, "run")
                recorded += 1
                await laurels.learners.dashboard(user_id)

        writers = [asyncio.create_task(go_on(laurels, user_id)) for laurels in two for user_id in ("ada", "bob", "cem")]
        await asyncio.sleep(0.1)
        await publish(one.store, NEW, one.clock)
        await until_version(2, one, other)
        await asyncio.sleep(0.1)
        stop.set()
        await asyncio.gather(*writers)
        assert (one.rulebook.digest, other.rulebook.digest) == (NEW.digest, NEW.digest)
        total = 0
        for user_id in ("ada", "bob", "cem"):
            seen = [await laurels.learners.dashboard(user_id) for laurels in two]
            assert seen[0].total_events == seen[1].total_events
            total += seen[0].total_events
        # Who met it before is for a backfill; who meets it now gets it, whichever process records it.
        for laurels, user_id in ((one, "dan"), (other, "eve")):
            await record(laurels, user_id, 3)
            assert "third" in {badge.badge_id for badge in (await laurels.learners.dashboard(user_id)).badges}
        assert total == recorded + 4
        await assert_clean(one, other)

    async def test_a_type_that_is_gone_is_refused_from_then_on(self, two: tuple[Service, Service]) -> None:
        one, _ = two
        await one.record("ada", "talk")
        types = {name: rule for name, rule in OLD.data.event_types.items() if name != "talk"}
        kept = [badge for badge in OLD.data.badges if b'"talk"' not in msgspec.json.encode(badge)]
        await publish(one.store, Rulebook(replace(OLD.data, event_types=types, badges=kept)), one.clock)
        await until_version(2, one)
        with pytest.raises(InvalidEvent, match="eventType"):
            await one.record("ada", "talk")
        await one.record("ada", "run")
        assert (await one.learners.dashboard("ada")).total_events == 2

    async def test_one_that_cannot_be_read_leaves_the_last_good_one(
        self, two: tuple[Service, Service], caplog: pytest.LogCaptureFixture
    ) -> None:
        one, other = two
        newest = await one.store.rulebook.newest()
        assert newest is not None
        with caplog.at_level(logging.ERROR):
            await one.store.rulebook.add(replace(newest, version=2, content=b"no JSON"))
            await until(lambda: one.rules.unreadable == other.rules.unreadable == 2)
        assert one.rulebook.digest == OLD.digest
        assert len([each for each in caplog.records if "cannot be read" in each.message]) == 2
        await record(one, "ada", 3)
        await publish(one.store, NEW, one.clock)
        await until_version(3, one, other)
        assert one.rules.unreadable is None

    async def test_boards_follow_though_nothing_was_projected_before(self, two: tuple[Service, Service]) -> None:
        one, other = two
        await record(one, "ada", 2)
        assert len(one.recorder.cache.pending) == 1
        await publish(one.store, NEW, one.clock)
        await until_version(2, one)
        await one.projector.flush()
        page = await other.leaderboards.page(Timeframe.ALL_TIME)
        assert [row.user_id for row in page.leaderboard] == ["ada"]
        await assert_clean(one, other)


class TestJobs:
    async def test_a_backfill_awards_once_whoever_does_it_while_events_come(self, two: tuple[Service, Service]) -> None:
        one, other = two
        for user_id in ("ada", "bob", "cem"):
            await record(one, user_id, 4 if user_id != "cem" else 2)
        # With snapshots most ledgers need not be read.
        await one.projector.flush()
        publications = Publications(one.store, one.clock, parse_rulebook)
        shown = await publications.preview(NEW)
        published, job = await publications.publish(NEW, by="maintainer", backfill=True, notify="none")
        assert job is not None
        done = await asyncio.gather(one.jobs.work(), other.jobs.work(), record(one, "dan", 3))
        assert [each is None for each in done[:2]].count(True) == 1
        [ended] = [each for each in done[:2] if each is not None]
        assert (ended.state, ended.version, ended.created_by) == ("done", published.version, "maintainer")
        assert await publications.job(job.id) == ended
        # Dan met it under the old rules or under the new ones; he holds it either way.
        assert "third" in (await one.learners.progress("dan")).awards
        for badge in shown.badges:
            assert 0 <= ended.awards.get(badge.badge_id, 0) - badge.would_earn <= 1
        award = (await other.learners.progress("ada")).awards["third"]
        assert award.earned_at == int((START + timedelta(days=2)).timestamp() * 1000)
        await assert_clean(one, other)

    async def test_another_process_goes_on_where_one_was_killed(
        self, two: tuple[Service, Service], clock: SettableClock
    ) -> None:
        one, other = two
        killed = JobRunner(one.store, one.rulebook, clock, one.recorder, one.rules, users=2)
        learners = [f"user-{number}" for number in range(7)]
        for number, user_id in enumerate(learners):
            await record(one, user_id, 3)
            if number == 4:
                # The others have no snapshot.
                await one.projector.flush()
        publications = Publications(one.store, one.clock, parse_rulebook)
        _, job = await publications.publish(NEW, by=None, backfill=True, notify="none")
        assert job is not None
        pages: list[Job] = []
        began = asyncio.Event()

        def on_page(now: Job) -> None:
            pages.append(now)
            began.set()

        working = asyncio.create_task(killed.work(on_page=on_page))
        await began.wait()
        working.cancel()
        assert await other.jobs.work() is None
        clock.advance(timedelta(milliseconds=LEASE_MS))
        ended = await other.jobs.work()
        assert ended is not None
        assert (ended.state, ended.learners) == ("done", len(learners))
        for user_id in learners:
            assert "third" in (await other.learners.progress(user_id)).awards
        await assert_clean(one, other)

    async def test_a_job_of_a_version_that_is_not_in_force_any_more_is_left(self, two: tuple[Service, Service]) -> None:
        one, _ = two
        await record(one, "ada", 3)
        publications = Publications(one.store, one.clock, parse_rulebook)
        _, job = await publications.publish(NEW, by=None, backfill=True, notify="none")
        await publish(one.store, OLD, one.clock)
        ended = await one.jobs.work()
        assert job is not None
        assert ended is not None
        assert (ended.id, ended.state, ended.awards) == (job.id, "replaced", {})
        assert "third" not in (await one.learners.progress("ada")).awards
