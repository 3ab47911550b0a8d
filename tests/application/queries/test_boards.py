"""Boards of one language, and periods that are over."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from msgspec import UNSET

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


class TestBoardsOfACurrency:
    async def test_they_count_what_was_earned_of_it_and_say_the_level_in_it(
        self, store_url: str, clock: SettableClock
    ) -> None:
        levels = {"kind": "table", "starts": [0, 10, 20]}
        coins = {"name": "Coins", "events": {"talk": 4}, "badges": {"first": 7}, "levels": levels, "board": True}
        gems = {"name": "Gems", "events": {"talk": 1, "run": 1}, "board": True}
        hidden = {"name": "Tokens", "events": {"run": 1}}
        rulebook = small_rulebook(currencies={"coins": coins, "gems": gems, "tokens": hidden})
        earlier = datetime(2026, 1, 5, tzinfo=UTC)
        async with open_service(store_url, rulebook=rulebook, clock=clock, projection_interval=3600) as laurels:
            for user, kind, times in (("ada", "run", 2), ("bob", "talk", 1), ("cleo", "talk", 3)):
                for _ in range(times):
                    await laurels.record(user, kind)
            await laurels.record("bob", "talk", timestamp=earlier)
            await laurels.spendings.spend("cleo", "coins", 12, reason="a hat")
            await laurels.projector.flush()
            boards = laurels.leaderboards
            page = await boards.page(currency="coins")
            shown = [(row.rank, row.user_id, row.points, row.currency_level) for row in page.leaderboard]
            assert shown == [(1, "cleo", 12, 2), (2, "bob", 8, 1), (3, "ada", 7, 1)]
            assert (page.currency, page.language, page.total) == ("coins", UNSET, 3)
            # Their points and levels are what they are everywhere.
            everywhere = {row.user_id: (row.total_points, row.level) for row in (await boards.page()).leaderboard}
            assert {row.user_id: (row.total_points, row.level) for row in page.leaderboard} == everywhere
            month = await boards.page(period="2026-03", currency="coins")
            assert [(row.user_id, row.points, row.currency_level) for row in month.leaderboard] == [
                ("cleo", 12, 2),
                ("ada", 7, 1),
                ("bob", 4, 1),
            ]
            [friend] = (await boards.among(["bob", "dan"], period="2026-03", currency="coins")).leaderboard
            assert (friend.points, friend.currency_level) == (4, 1)
            top = await boards.by_total(period="2026-03", currency="coins", limit=2)
            assert [(row.user_id, row.points, row.currency_level) for row in top.leaderboard] == [
                ("cleo", 12, 2),
                ("bob", 4, 1),
            ]
            rank = await boards.rank("bob", currency="coins")
            assert (rank.rank, rank.of, rank.points, rank.points_to_next, rank.currency) == (2, 3, 8, 4, "coins")
            # Without levels none is told.
            assert {row.currency_level for row in (await boards.page(currency="gems")).leaderboard} == {UNSET}
            first = await boards.page(currency="coins", limit=1)
            assert first.next is not None
            following = await boards.page(currency="coins", limit=1, cursor=first.next)
            assert [row.user_id for row in following.leaderboard] == ["bob"]
            with pytest.raises(InvalidQuery):
                await boards.page(currency="gems", limit=1, cursor=first.next)
            with pytest.raises(InvalidQuery, match=r"There are no boards of this currency\. Known are coins, gems"):
                await boards.page(currency="tokens")
            with pytest.raises(InvalidQuery, match="Cannot be combined with 'language'"):
                await boards.rank("bob", currency="coins", language="py")
            assert (await verify(laurels.store, rulebook)).is_clean

    async def test_an_alias_stands_there_as_on_all_boards(self, store_url: str, clock: SettableClock) -> None:
        coins = {"name": "Coins", "events": {"talk": 4}, "board": True}
        async with open_service(
            store_url, rulebook=small_rulebook(currencies={"coins": coins}), clock=clock, projection_interval=3600
        ) as laurels:
            for user in ("ada", "bob", "cleo"):
                await laurels.record(user, "talk")
            await laurels.change_profile("ada", {"visibility": "alias", "alias": "Owl"})
            await laurels.change_profile("bob", {"visibility": "hidden"})
            await laurels.projector.flush()
            page = await laurels.leaderboards.page(currency="coins")
            assert {row.display_name if row.has_name else row.user_id for row in page.leaderboard} == {"Owl", "cleo"}
            assert "ada" not in {row.user_id for row in page.leaderboard}
            await laurels.deletion.delete("cleo")
            assert (await laurels.leaderboards.page(currency="coins")).total == 1

    async def test_a_rulebook_without_any_says_so(self, laurels: Service) -> None:
        with pytest.raises(InvalidQuery, match="keeps no boards of currencies"):
            await laurels.leaderboards.page(currency="coins")


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
