"""Boards of one language, and periods that are over."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from laurels.application.maintenance.verification import verify
from laurels.application.service import Service
from laurels.bootstrap import open_service
from laurels.errors import InvalidQuery
from laurels.testing.builders import small_rulebook
from laurels.testing.clocks import SettableClock


class TestBoardsOfOneLanguage:
    async def test_they_count_the_points_of_its_events_and_no_badges(
        self, store_url: str, clock: SettableClock
    ) -> None:
        rulebook = small_rulebook(boards={"languages": ["py", "node.js"]})
        async with open_service(store_url, rulebook=rulebook, clock=clock, projection_interval=3600) as laurels:
            for user, language, times in (("ada", "py", 3), ("bob", "py", 1), ("ada", "node.js", 1), ("bob", "c", 9)):
                for _ in range(times):
                    await laurels.record(user, "run", metadata={"language": language})
            earlier = datetime(2026, 1, 5, tzinfo=UTC)
            await laurels.record("bob", "run", {"language": "py"}, timestamp=earlier)
            await laurels.projector.flush()
            all_time = await laurels.leaderboards.page(language="py")
            assert [(row.user_id, row.points) for row in all_time.leaderboard] == [("ada", 15), ("bob", 10)]
            for period in ("2026-01", "2026-01-05"):
                assert (await laurels.leaderboards.page(period=period, language="py")).leaderboard[0].points == 5
            for period in ("2026-03", "2026-W11", "2026-03-14"):
                page = await laurels.leaderboards.page(period=period, language="py")
                assert [(row.rank, row.user_id, row.points) for row in page.leaderboard] == [
                    (1, "ada", 15),
                    (2, "bob", 5),
                ]
                assert (page.period, page.language, page.total) == (period, "py", 2)
            assert (await laurels.leaderboards.page(language="node.js")).total == 1
            assert (await laurels.leaderboards.rank("bob", language="py")).rank == 2
            with pytest.raises(InvalidQuery):
                await laurels.leaderboards.page(language="c")
            assert (await verify(laurels.store, rulebook)).is_clean


class TestAPeriodThatIsOver:
    async def test_counts_what_was_earned_in_it(self, laurels: Service) -> None:
        # A Saturday and a Monday, over the end of a month.
        for day in (datetime(2026, 1, 31, 23, 59, 59, tzinfo=UTC), datetime(2026, 2, 2, tzinfo=UTC)):
            await laurels.record("ada", "talk", timestamp=day)
        await laurels.record("ada", "talk", timestamp=datetime(2026, 2, 2, tzinfo=UTC))
        await laurels.projector.flush()
        expected = {
            **dict.fromkeys(("2026-01", "2026-W05", "2026-01-31"), 10),
            **dict.fromkeys(("2026-02", "2026-W06", "2026-02-02"), 20),
            "2026-02-01": None,
        }
        for period, points in expected.items():
            rows = (await laurels.leaderboards.page(period=period)).leaderboard
            assert [row.points for row in rows] == ([] if points is None else [points])
            assert [row.total_points for row in rows] == ([] if points is None else [30])

    async def test_counts_a_late_event(self, laurels: Service, clock: SettableClock) -> None:
        await laurels.record("ada", "talk")
        await laurels.projector.flush()
        clock.set(datetime(2026, 4, 20, 12, tzinfo=UTC))
        late = datetime(2026, 3, 12, tzinfo=UTC)
        await laurels.record("bob", "talk", timestamp=late)
        await laurels.record("bob", "talk", timestamp=late)
        await laurels.projector.flush()
        for period in ("2026-W11", "2026-03"):
            page = await laurels.leaderboards.page(period=period)
            assert [(row.user_id, row.points) for row in page.leaderboard] == [("bob", 20), ("ada", 10)]
        assert (await laurels.leaderboards.page(period="2026-W17")).total == 0
