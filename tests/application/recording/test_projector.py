"""Projections follow the ledger, whoever wrote it and whatever died on the way."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Never

import pytest

from laurels import Settings, Timeframe
from laurels.application.maintenance.verification import verify
from laurels.application.ports.boards import Card
from laurels.application.ports.ledger import LATER_LIMIT
from laurels.application.ports.snapshots import Projection
from laurels.application.ports.store import Store
from laurels.application.recording.progress_cache import ProgressCache
from laurels.application.recording.projecting.projection_signals import ProjectionSignals
from laurels.application.recording.projecting.projector import Projector
from laurels.application.recording.projecting.standings import card_of, standings_of
from laurels.application.recording.recorder import Recorder
from laurels.application.service import Service
from laurels.bootstrap import open_service, open_store
from laurels.domain.boards.ranking import Standing
from laurels.domain.rules.board_retention import RetentionCutoff
from laurels.domain.rules.rulebook import Rulebook
from laurels.errors import StoreUnavailable
from laurels.testing.builders import learning_event, small_rulebook
from laurels.testing.clocks import SettableClock


async def record_and_die(
    url: str, rulebook: Rulebook, clock: SettableClock, users: dict[str, int], kind: str = "run"
) -> None:
    """What a process leaves that is killed before it projects: entries, and nothing made from them."""
    store = await open_store(url)
    recorder = Recorder(store, rulebook, clock, ProgressCache(store, rulebook, limit=10**6))
    events = [learning_event(user_id, kind) for user_id, count in users.items() for _ in range(count)]
    await recorder.record_many(events, earliest=0)
    await recorder.close()
    await store.close()


async def board(laurels: Service, timeframe: Timeframe = Timeframe.ALL_TIME) -> list[tuple[int, str, int]]:
    """Rank, user and points of each line of a board."""
    page = await laurels.leaderboards.page(timeframe, limit=100)
    return [(row.rank, row.user_id, row.points) for row in page.leaderboard]


async def until_projected(laurels: Service, *, seconds: float = 10) -> None:
    """Return when nobody is behind; a timeout fails the test."""
    async with asyncio.timeout(seconds):
        while await laurels.store.snapshots.behind(1, before=laurels.clock() + 1):  # noqa: ASYNC110  a store sends no event
            await asyncio.sleep(0.01)


class SteppedProjector(Projector):
    """Another projector of a service, that begins its next turn when `go` is set."""

    def __init__(self, laurels: Service) -> None:
        self.go = asyncio.Event()
        self.rests: list[float] = []
        self._resting = asyncio.Event()
        committer = laurels.recorder.committer
        super().__init__(
            laurels.store,
            laurels.rulebook,
            laurels.clock,
            laurels.recorder.cache,
            laurels.pruner,
            progress_lock=committer.progress_lock,
            interval=60,
            batch=1_000,
        )

    async def step(self) -> None:
        """Return when the turn is over; a timeout fails the test."""
        async with asyncio.timeout(25):
            await self._resting.wait()
        self._resting.clear()

    async def _rest(self, seconds: float, *, others_wait: bool) -> None:
        self.rests.append(seconds)
        self._resting.set()
        await self.go.wait()
        self.go.clear()


class TestFlush:
    """What this process recorded."""

    async def test_boards_and_cards_show_it_after_a_flush(self, laurels: Service, clock: SettableClock) -> None:
        await laurels.record("ada", "run")
        await laurels.record("bob", "talk")
        await laurels.record("bob", "talk", timestamp=clock.moment - timedelta(days=20))
        await laurels.projector.flush()
        assert await board(laurels) == [(1, "bob", 20), (2, "ada", 15)]
        assert await board(laurels, Timeframe.MONTHLY) == [(1, "ada", 15), (2, "bob", 10)]
        assert await laurels.store.snapshots.behind(10, before=clock() + 1) == []
        assert (await verify(laurels.store, laurels.rulebook)).behind == 0

    async def test_an_event_that_pays_nothing_does_not_change_when_the_points_were_reached(
        self, store_url: str, clock: SettableClock
    ) -> None:
        rulebook = small_rulebook(event_types={"run": {"points": 5}, "talk": {"points": 0}})
        async with open_service(store_url, rulebook=rulebook, clock=clock) as laurels:
            ran_at = clock() - 86_400_000
            await laurels.record("ada", "run", timestamp=clock.moment - timedelta(days=1))
            await laurels.record("ada", "talk")
            await laurels.projector.flush()
            for name in ("all", "2026-03", "2026-W11"):
                assert await laurels.store.boards.standing(name, "ada") == Standing("ada", 15, 2, ran_at)
            assert await laurels.store.boards.standing("2026-03-14", "ada") == Standing("ada", 0, 1, 0)

    async def test_reads_of_one_user_need_no_flush(self, laurels: Service) -> None:
        await laurels.record("ada", "run")
        assert (await laurels.learners.dashboard("ada")).total_events == 1
        await laurels.projector.flush()
        await laurels.record("ada", "run")
        assert (await laurels.learners.dashboard("ada")).total_events == 2

    async def test_it_happens_by_itself_within_the_interval(self, store_url: str) -> None:
        async with open_service(store_url, rulebook=small_rulebook(), projection_interval=0.01) as laurels:
            for number in range(3):
                await laurels.record("ada", "talk")
                await until_projected(laurels)
                assert await board(laurels) == [(1, "ada", 10 * (number + 1))]

    async def test_many_users_are_projected_in_parts_with_a_rest_after_each(self, laurels: Service) -> None:
        # It would take some of them for its own.
        laurels.projector.cancel()
        projector = SteppedProjector(laurels)
        await projector.step()
        await laurels.record_many([learning_event(f"user {n:03}", "run") for n in range(230)])
        left: list[int] = []
        for _ in range(3):
            projector.go.set()
            await projector.step()
            left.append(len(laurels.recorder.cache.pending))
            assert await laurels.store.boards.count("all") == 230 - left[-1]
            assert (projector.behind_seconds > 0) == (left[-1] > 0)
        await projector.close()
        assert left == [130, 30, 0]
        # Shares of an interval of a minute: of three parts, of two, and of one.
        assert projector.rests[1:] == [20.0, 30.0, 60.0]
        assert (await verify(laurels.store, laurels.rulebook)).is_clean

    async def test_a_profile_change_reaches_the_card(self, laurels: Service) -> None:
        await laurels.record("ada", "run")
        await laurels.projector.flush()
        await laurels.change_profile("ada", {"displayName": "Ada"})
        await laurels.projector.flush()
        assert (await laurels.store.boards.cards(["ada"]))["ada"].display_name == "Ada"

    async def test_a_flush_while_recording_goes_on_shows_no_more_than_was_acknowledged(self, laurels: Service) -> None:
        stop = False

        async def flush() -> None:
            while not stop:
                await laurels.projector.flush()
                found = await laurels.store.snapshots.projected(["ada"])
                entries = await laurels.store.ledger.entries("ada", limit=1_000)
                assert not found or (progress := found["ada"].progress) is None or progress.seq <= len(entries)
                await asyncio.sleep(0)

        flushing = asyncio.create_task(flush())
        await asyncio.gather(*(laurels.record("ada", "run") for _ in range(300)))
        stop = True
        await flushing
        await laurels.projector.flush()
        assert (await verify(laurels.store, laurels.rulebook)).is_clean


class TestHiding:
    """Who hides is on no board once that is answered, whatever happens between the entry and its projection."""

    async def names(self, laurels: Service) -> list[str | None]:
        return [user for _, user, _ in await board(laurels)]

    async def test_an_append_that_is_refused_meanwhile(
        self, laurels: Service, store_url: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        horizon, has_happened = laurels.pruner.horizon, False
        async with open_service(store_url, rulebook=laurels.rulebook, projection_interval=3600) as other:
            await asyncio.gather(*(laurels.record(user, "run") for user in ("ada", "bob")))
            await laurels.projector.flush()

            async def horizon_after_a_refusal() -> RetentionCutoff:
                nonlocal has_happened
                if not has_happened:
                    has_happened = True
                    await other.record("ada", "run")
                    await asyncio.gather(*(laurels.record(user, "run") for user in ("bob", "ada")))
                return await horizon()

            monkeypatch.setattr(laurels.pruner, "horizon", horizon_after_a_refusal)
            await laurels.change_profile("ada", {"visibility": "hidden"})
            assert has_happened
            assert await self.names(other) == ["bob"]

    async def test_a_commit_that_fails_meanwhile(self, laurels: Service, monkeypatch: pytest.MonkeyPatch) -> None:
        horizon, has_happened = laurels.pruner.horizon, False

        async def fail(_: object) -> Never:
            raise StoreUnavailable("away")

        async def horizon_after_a_failure() -> RetentionCutoff:
            nonlocal has_happened
            if not has_happened:
                has_happened = True
                with monkeypatch.context() as during:
                    during.setattr(laurels.store.ledger, "append", fail)
                    [failure] = await laurels.recorder.record_many([learning_event("ada", "run")], earliest=0)
                assert isinstance(failure, StoreUnavailable)
            return await horizon()

        await asyncio.gather(*(laurels.record(user, "run") for user in ("ada", "bob")))
        await laurels.projector.flush()
        monkeypatch.setattr(laurels.pruner, "horizon", horizon_after_a_failure)
        await laurels.change_profile("ada", {"visibility": "hidden"})
        assert has_happened
        assert await self.names(laurels) == ["bob"]


class TestCatchUp:
    """What a process left behind when it died."""

    async def test_the_next_start_projects_it(self, store_url: str, clock: SettableClock) -> None:
        rulebook = small_rulebook()
        # More users than one write takes.
        await record_and_die(store_url, rulebook, clock, {f"user {n:03}": 1 + n % 5 for n in range(230)})
        clock.advance(timedelta(seconds=1))
        async with open_service(store_url, rulebook=rulebook, clock=clock) as laurels:
            await until_projected(laurels)
            found = await verify(laurels.store, rulebook)
            lines = await board(laurels)
        assert (found.is_clean, found.behind, found.users) == (True, 0, 230)
        # The third run brings a badge of 10 on top of the first one's.
        assert lines[0] == (1, "user 004", 45)
        assert lines[46] == (47, "user 003", 40)

    async def test_boards_of_every_day_that_was_left_behind_are_right(
        self, store_url: str, clock: SettableClock
    ) -> None:
        rulebook = small_rulebook()
        for day in (1, 2, 20):
            clock.set(datetime(2026, 3, day, 12, tzinfo=UTC))
            await record_and_die(store_url, rulebook, clock, {"ada": day}, kind="talk")
        clock.advance(timedelta(seconds=1))
        async with open_service(store_url, rulebook=rulebook, clock=clock) as laurels:
            await until_projected(laurels)
            for period, points in (("2026-03-01", 10), ("2026-03-02", 20), ("2026-03-20", 225), ("2026-W10", 20)):
                page = await laurels.leaderboards.page(period=period)
                assert [(row.user_id, row.points) for row in page.leaderboard] == [("ada", points)]
            assert (await verify(laurels.store, rulebook)).is_clean

    async def test_a_process_that_goes_on_projects_what_another_left_behind(
        self, laurels: Service, store_url: str, clock: SettableClock
    ) -> None:
        # It holds ada's progress and has no way to know that it is out of date.
        for _ in range(5):
            await laurels.record("ada", "run")
        await record_and_die(store_url, laurels.rulebook, clock, {"ada": 2})
        async with asyncio.timeout(10):
            await laurels.projector.catch_up(before=clock() + 1)
        assert await board(laurels) == [(1, "ada", 55)]
        assert (await verify(laurels.store, laurels.rulebook)).behind == 0

    async def test_writing_on_after_another_died_leaves_no_board_behind(
        self, laurels: Service, store_url: str, clock: SettableClock
    ) -> None:
        await laurels.record("ada", "talk", timestamp=clock.moment - timedelta(days=40))
        await laurels.projector.flush()
        other = SettableClock(clock.moment - timedelta(days=10))
        await record_and_die(store_url, laurels.rulebook, other, {"ada": 1}, kind="talk")
        await laurels.record("ada", "talk")
        await laurels.projector.flush()
        found = await verify(laurels.store, laurels.rulebook)
        assert (found.is_clean, found.behind) == (True, 0)

    async def test_boards_that_were_dropped_fill_again_whole(
        self, laurels: Service, store_url: str, clock: SettableClock
    ) -> None:
        for days in (0, 1, 40):
            await laurels.record("ada", "talk", timestamp=clock.moment - timedelta(days=days))
        await laurels.projector.flush()
        before = await laurels.store.snapshots.projected(["ada"])
        # As a rebuild does that is killed right after it began.
        await laurels.store.snapshots.clear()
        await laurels.projector.catch_up(before=clock() + 1)
        assert await laurels.store.snapshots.projected(["ada"]) == before

    async def test_more_entries_than_one_answer_holds_are_all_counted(
        self, laurels: Service, store_url: str, clock: SettableClock
    ) -> None:
        count = 2 * LATER_LIMIT + 1
        await record_and_die(store_url, laurels.rulebook, clock, {"ada": count, "bob": LATER_LIMIT})
        assert (await laurels.learners.progress("ada")).events == count
        assert (await laurels.record("ada", "run")).entry.seq == count + 1
        assert (await laurels.record("bob", "run")).entry.seq == LATER_LIMIT + 1
        await laurels.projector.flush()
        found = await verify(laurels.store, laurels.rulebook)
        assert (found.is_clean, found.behind) == (True, 0)

    async def test_memory_does_not_grow_with_what_was_left_behind(
        self, laurels: Service, store_url: str, clock: SettableClock
    ) -> None:
        await record_and_die(store_url, laurels.rulebook, clock, {f"user {n}": 1 for n in range(500)})
        cache = ProgressCache(laurels.store, laurels.rulebook, limit=1_000)
        projector = Projector(
            laurels.store,
            laurels.rulebook,
            clock,
            cache,
            laurels.pruner,
            progress_lock=ProjectionSignals(),
            interval=3600,
            batch=1_000,
        )
        await projector.catch_up(before=clock() + 1)
        await projector.close()
        assert await laurels.store.boards.count("all") == 500
        # What one write takes, and what the bound allows besides.
        assert len(cache) <= 100 + 1_000 // 16


class TestOverload:
    """More users change all the time than can be projected at once."""

    async def test_who_changes_now_and_then_does_not_wait_for_all_others(
        self, store_url: str, clock: SettableClock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        busy = [f"busy {n}" for n in range(400)]
        async with open_service(store_url, rulebook=small_rulebook(), clock=clock, projection_interval=0.01) as laurels:
            await laurels.record_many([learning_event(user, "run") for user in busy])
            await laurels.projector.flush()
            project, written = laurels.store.snapshots.project, list[list[str]]()

            async def project_slowly(projections: Sequence[Projection], *, cards: Sequence[Card]) -> None:
                written.append([each.progress.user_id for each in projections])
                await asyncio.sleep(0.2)
                await project(projections, cards=cards)

            monkeypatch.setattr(laurels.store.snapshots, "project", project_slowly)
            await laurels.record_many([learning_event(user, "talk") for user in busy])
            while not written:  # noqa: ASYNC110  a store sends no event
                await asyncio.sleep(0.01)
            await laurels.record("ada", "run")
            while sum(map(len, written)) <= len(busy):  # noqa: ASYNC110
                await asyncio.sleep(0.01)
            position = next(number for number, users in enumerate(written) if "ada" in users)
            # The next one but for the one that had begun; and all others came, too.
            assert position <= 2 < len(written) - 2
            await laurels.projector.flush()
            found = await verify(laurels.store, laurels.rulebook)
            assert (found.is_clean, found.behind) == (True, 0)

    async def test_looking_for_what_others_left_does_not_project_all_who_wait(
        self, laurels: Service, clock: SettableClock
    ) -> None:
        await laurels.projector.task.close()
        await laurels.record("ada", "run")
        await laurels.projector.catch_up(before=clock() - 20_000)
        assert await board(laurels) == []
        await laurels.projector.catch_up(before=clock() + 1)
        assert await board(laurels) == [(1, "ada", 15)]


class TestMemory:
    """Users who wait for their projection cannot be forgotten, so the recorder must not run away from it."""

    async def test_stays_bounded_while_more_users_record_than_it_holds(
        self, store_url: str, clock: SettableClock
    ) -> None:
        settings = Settings(cache_weight=1_000)
        async with open_service(
            store_url, rulebook=small_rulebook(), settings=settings, clock=clock, projection_interval=3600
        ) as laurels:
            largest = 0
            for start in range(0, 2_000, 50):
                await laurels.record_many([learning_event(f"user {n}", "run") for n in range(start, start + 50)])
                largest = max(largest, len(laurels.recorder.cache))
            # The bound, a quarter above it, and a batch.
            assert largest <= 1_250 // 16 + 50
            await laurels.projector.flush()
            assert await laurels.store.boards.count("all") == 2_000


class TestTwoHandles:
    """Two processes that project the same users."""

    async def test_a_late_older_projection_changes_nothing(
        self, laurels: Service, store_url: str, clock: SettableClock
    ) -> None:
        await laurels.record("ada", "talk")
        older = await laurels.learners.progress("ada")
        async with open_service(store_url, rulebook=laurels.rulebook, clock=clock) as other:
            await other.record("ada", "talk")
        newer = await laurels.store.snapshots.projected(["ada"])
        kept = Projection(older, standings_of(older, laurels.rulebook))
        await laurels.store.snapshots.project([kept], cards=[card_of(older, laurels.rulebook)])
        assert await laurels.store.snapshots.projected(["ada"]) == newer
        assert await board(laurels) == [(1, "ada", 20)]

    async def test_points_on_a_board_never_fall_while_both_write(self, store_url: str, clock: SettableClock) -> None:
        rulebook = small_rulebook()

        async def write(laurels: Service) -> None:
            for number in range(60):
                await laurels.record("ada", "talk", timestamp=clock.moment - timedelta(days=number % 4))
                await asyncio.sleep(0.002)

        async def watch(store: Store, writing: asyncio.Future[tuple[None, None]]) -> list[int]:
            seen: list[int] = []
            while not writing.done():
                line = await store.boards.standing("all", "ada")
                seen.append(line.points if line else 0)
                await asyncio.sleep(0.001)
            return seen

        async with (
            open_service(store_url, rulebook=rulebook, clock=clock, projection_interval=0.003) as one,
            open_service(store_url, rulebook=rulebook, clock=clock, projection_interval=0.007) as other,
        ):
            writing = asyncio.gather(write(one), write(other))
            seen = await watch(one.store, writing)
            await writing
        assert seen == sorted(seen)
        assert len(set(seen)) > 5
        async with open_service(store_url, rulebook=rulebook, clock=clock) as laurels:
            found = await verify(laurels.store, rulebook)
            # 120 events, a streak of three days, a hundred points.
            assert await board(laurels) == [(1, "ada", 1_200 + 30 + 25)]
        assert (found.is_clean, found.behind) == (True, 0)
