"""How long the boards of days and weeks stay: what is written, shown, dropped and made again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta

import pytest

from laurels.application.maintenance.rebuild import rebuild, set_board_horizon
from laurels.application.maintenance.verification import verify
from laurels.application.recording.projecting.board_pruner import BoardPruner
from laurels.application.service import Service
from laurels.bootstrap import open_service
from laurels.domain.periods import Timeframe, week_of
from laurels.domain.rules.board_retention import BoardRetention, RetentionCutoff
from laurels.errors import InvalidQuery
from laurels.testing.builders import small_rulebook
from laurels.testing.clocks import SettableClock

RULES = small_rulebook(boards={"keep": {"days": 10, "weeks": 3}})
"""On Saturday, 2026-03-14, days are kept from the 4th on and weeks from W08, which begins on 2026-02-16."""


@pytest.fixture
async def laurels(store_url: str, clock: SettableClock) -> AsyncIterator[Service]:
    async with open_service(store_url, rulebook=RULES, clock=clock, projection_interval=3600) as laurels:
        yield laurels


class TestHorizon:
    def test_so_many_closed_days_and_weeks_stay(self) -> None:
        today = date(2026, 3, 14).toordinal()
        horizon = BoardRetention(days=1, weeks=1).horizon(today)
        assert horizon == RetentionCutoff(today - 1, week_of(today) - 7)
        assert horizon.keeps(Timeframe.DAILY, today - 1)
        assert not horizon.keeps(Timeframe.DAILY, today - 2)
        assert [horizon.keeps_board(board) for board in ("2026-W10", "2026-W09", "2026-W10@py", "2026-W09@py")] == [
            True,
            False,
            True,
            False,
        ]
        assert all(horizon.keeps_board(board) for board in ("all", "2020-01", "2020-01@c%2B%2B", "no board"))

    def test_forever_drops_nothing(self) -> None:
        assert (
            BoardRetention(days="forever", weeks="forever").horizon(date(2026, 3, 14).toordinal()) == RetentionCutoff()
        )

    def test_the_default_keeps_a_quarter_of_days_and_two_years_of_weeks(self) -> None:
        today = date(2026, 3, 14).toordinal()
        assert small_rulebook().data.boards.keep.horizon(today) == RetentionCutoff(today - 90, week_of(today) - 728)


async def test_a_late_event_counts_on_no_board_that_is_gone_and_on_all_others(laurels: Service) -> None:
    await laurels.record("ada", "run", timestamp=datetime(2026, 1, 20, tzinfo=UTC))
    await laurels.record("ada", "run", timestamp=datetime(2026, 3, 4, tzinfo=UTC))
    await laurels.projector.flush()
    held = (await laurels.store.snapshots.projected(["ada"]))["ada"].standings
    assert sorted(held) == ["2026-01", "2026-03", "2026-03-04", "2026-W10", "all"]
    assert (await verify(laurels.store, RULES)).is_clean


@pytest.mark.parametrize(("period", "oldest"), [("2026-03-03", "2026-03-04"), ("2026-W07", "2026-W08")])
async def test_who_asks_for_one_that_is_gone_is_told_what_is_there(laurels: Service, period: str, oldest: str) -> None:
    await laurels.record("ada", "run")
    await laurels.projector.flush()
    for ask in (
        laurels.leaderboards.page(period=period),
        laurels.leaderboards.top(period=period),
        laurels.leaderboards.rank("ada", period=period),
        laurels.leaderboards.among(["ada"], period=period),
        laurels.leaderboards.by_total(period=period),
    ):
        with pytest.raises(InvalidQuery, match=f"oldest of its kind is {oldest}. Ask for its month"):
            await ask
    assert (await laurels.leaderboards.page(period=oldest)).total == 0


async def test_what_is_over_for_long_enough_is_dropped_once_everybody_knows(
    laurels: Service, clock: SettableClock
) -> None:
    for user_id in ("ada", "bob"):
        for back in range(25):
            await laurels.record(user_id, "run", timestamp=clock.moment - timedelta(days=back))
    await laurels.projector.flush()
    clock.set(datetime(2026, 3, 30, 12, tzinfo=UTC))
    pruner = BoardPruner(laurels.store, RULES, clock, everywhere_after=0)
    left = 1
    for _ in range(1_000):
        left = await laurels.store.boards.count("2026-W10")
        if not left:
            break
        await asyncio.sleep(0.02)
    await pruner.task.close()
    assert not left
    held = (await laurels.store.snapshots.projected(["ada"]))["ada"].standings
    assert sorted(held) == ["2026-02", "2026-03", "2026-W11", "all"]
    assert (await verify(laurels.store, RULES)).is_clean


async def test_what_is_about_to_be_dropped_is_not_seen_any_more(laurels: Service) -> None:
    for day in (2, 8, 9, 10):
        await laurels.record("ada", "run", timestamp=datetime(2026, 3, day, tzinfo=UTC))
    await laurels.projector.flush()
    assert (await laurels.leaderboards.page(period="2026-03-09")).leaderboard[0].previous_rank == 1
    day = date(2026, 3, 9).toordinal()
    await laurels.store.boards.set_horizon(RetentionCutoff(day, 0))
    assert (await laurels.leaderboards.page(period="2026-03-09")).leaderboard[0].previous_rank is None
    assert (await laurels.leaderboards.among(["ada"], period="2026-03-09")).leaderboard[0].previous_rank is None
    assert (await laurels.leaderboards.page(period="2026-03-10")).leaderboard[0].previous_rank == 1
    with pytest.raises(InvalidQuery):
        await laurels.leaderboards.page(period="2026-03-08")
    assert (await verify(laurels.store, RULES)).is_clean


async def test_a_longer_time_brings_back_what_a_rebuild_makes_again(laurels: Service, clock: SettableClock) -> None:
    await laurels.record("ada", "run", timestamp=datetime(2026, 2, 20, tzinfo=UTC))
    await laurels.projector.flush()
    longer = small_rulebook(boards={"keep": {"days": "forever", "weeks": 3}})
    assert (await laurels.store.boards.horizon()).day
    await set_board_horizon(laurels.store, longer, clock(), everywhere_after=0)
    await rebuild(laurels.store, longer)
    assert await laurels.store.boards.count("2026-02-20") == 1
    assert (await verify(laurels.store, longer)).is_clean
