"""Which boards are read first, when there are more than can be read at once."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import pytest

from laurels.application.live.board_feeds import BoardChannel
from laurels.application.live.board_turns import COMMON, in_turn
from laurels.application.live.feeds import Feed
from laurels.application.service import Service
from laurels.bootstrap import open_service
from laurels.testing.builders import small_rulebook

SOON = 30.0


@pytest.fixture
async def laurels(store_url: str) -> AsyncIterator[Service]:
    async with open_service(store_url, rulebook=small_rulebook(), projection_interval=0.01) as laurels:
        yield laurels


def channel(*followers: str, read_at: float = 0.0) -> BoardChannel:
    made = BoardChannel()
    made.followers.update(followers)
    made.read_at = read_at
    return made


def test_each_follower_has_its_turn_and_the_longest_waiting_comes_first() -> None:
    boards = {f"odd-{number}": channel("eve", read_at=number) for number in range(100)}
    boards |= {"one": channel("ada", read_at=200), "other": channel("bob", read_at=199)}
    assert [name for name, _ in in_turn(boards)][:5] == ["odd-0", "other", "one", "odd-1", "odd-2"]


def test_what_many_follow_comes_first_and_counts_as_a_board_of_each() -> None:
    boards = {f"odd-{number}": channel("eve", "eve", read_at=number) for number in range(100)}
    boards |= {"common": channel("ada", "bob", "eve", read_at=200), "own": channel("bob", read_at=201)}
    boards |= {"last": channel("cyd", read_at=202)}
    assert [name for name, _ in in_turn(boards)][:4] == ["common", "last", "odd-0", "own"]


def test_what_few_have_in_common_leaves_time_for_others() -> None:
    boards = {number: channel("eve", "mallory") for number in range(100)} | {100: channel("ada", read_at=1)}
    assert [name for name, _ in in_turn(boards)].index(100) == COMMON


async def test_who_follows_hundreds_of_boards_delays_nobody_else(
    laurels: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads: Counter[int] = Counter()
    page = laurels.leaderboards.page

    async def slow(*arguments: Any, limit: int, **options: Any) -> Any:
        reads[limit] += 1
        await asyncio.sleep(0.005)
        return await page(*arguments, limit=limit, **options)

    feeds: list[Feed] = [await laurels.live.follow_board(limit=limit, follower="eve") for limit in range(1, 100)]
    feeds.append(await laurels.live.follow_board(limit=100, follower="ada"))
    monkeypatch.setattr(laurels.leaderboards, "page", slow)
    async with asyncio.timeout(SOON):
        while reads.total() < 300:
            await laurels.record("ada", "talk")
            await asyncio.sleep(0.01)
    # Of the others one in a hundred is read each time.
    assert reads[100] >= 10, reads
    assert all(0 < reads[limit] <= reads[100] / 2 for limit in range(1, 100)), reads
    for feed in feeds:
        feed.close()
