"""A board in the order of all points costs little, however many ask for it: everybody may."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection
from pathlib import Path
from typing import Any

import pytest

from laurels.application.ports.boards import BoardStore
from laurels.application.queries.boards import total_order
from laurels.application.queries.boards.total_order import TotalOrder
from laurels.domain.boards.ranking import Standing
from laurels.storage.sqlite.store import SQLiteStore
from laurels.testing.builders import project, standing

DAY = "2026-03-14"


class Counted:
    """The boards of a store, counting the lines that are read."""

    def __init__(self, boards: BoardStore) -> None:
        self._boards = boards
        self.lines = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._boards, name)

    async def standings(self, board: str, **asked: Any) -> list[Standing]:
        found = await self._boards.standings(board, **asked)
        self.lines += len(found)
        return found

    async def standings_of(self, board: str, user_ids: Collection[str]) -> list[Standing]:
        self.lines += len(user_ids)
        return await self._boards.standings_of(board, user_ids)


@pytest.fixture
async def store(database: Path) -> AsyncIterator[SQLiteStore]:
    """20 users, the first with the most points; on the board of a day the last 8 of them."""
    opened = await SQLiteStore.open(database)
    for number in range(20):
        boards = ("all", DAY) if number >= 12 else ("all",)
        await project(opened, f"u{number:02}", points=100 - number, boards=boards)
    yield opened
    await opened.close()


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"_FEW": 2, "_PAGE": 3, "_MOST": 4}.items():
        monkeypatch.setattr(total_order, name, value)


def order_of(counted: Counted) -> TotalOrder:
    return TotalOrder(counted)  # pyright: ignore[reportArgumentType]  the store's own, counted


async def users(order: TotalOrder, limit: int = 4) -> list[str]:
    return [line.user_id for line, _ in await order.top(DAY, "all", limit)]


async def test_many_who_ask_at_once_have_it_put_in_order_once(
    store: SQLiteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(total_order, "_OLDEST", 1e9)
    alone, counted = Counted(store.boards), Counted(store.boards)
    assert await users(order_of(alone)) == ["u12", "u13", "u14", "u15"]
    order = order_of(counted)
    found = await asyncio.gather(*(users(order) for _ in range(20)))
    assert found == [["u12", "u13", "u14", "u15"]] * 20
    assert counted.lines == alone.lines


@pytest.mark.usefixtures("small")
async def test_newcomers_at_the_end_of_a_large_board_do_not_make_all_of_it_read(store: SQLiteStore) -> None:
    counted = Counted(store.boards)
    assert await users(order_of(counted)) == ["u12", "u13", "u14", "u15"]
    # The board has 8 users. Each way reads at most that many, rounded up to pages, and looks each of them up.
    assert counted.lines <= 2 * 2 * 9


@pytest.mark.usefixtures("small")
async def test_both_ways_give_the_same(store: SQLiteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    await project(store, "u00", 2, points=100, boards=("all", DAY))
    await project(store, "u13", 2, points=100, boards=("all", DAY), reached_at=1)
    from_top = await users(order_of(Counted(store.boards)), 2)
    monkeypatch.setattr(total_order, "_FEW", 1_000)
    assert from_top == await users(order_of(Counted(store.boards)), 2) == ["u13", "u00"]


async def test_users_who_leave_the_board_are_gone_at_once(store: SQLiteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(total_order, "_LEISURE", 1e9)
    monkeypatch.setattr(total_order, "_LONGEST", 1e9)
    order = order_of(Counted(store.boards))
    assert await users(order, 1) == ["u12"]
    await project(store, "u12", 2, points=88, boards=("all", DAY), is_shown=False)
    await project(store, "u13", 2, points=7, boards=(DAY,))
    assert [(line, total) for line, total in await order.top(DAY, "all", 1)] == [(standing("u13", 7), 87)]
    order.forget()
    assert await users(order, 1) == ["u13"]
