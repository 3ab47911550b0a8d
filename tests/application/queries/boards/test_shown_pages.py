"""A page is made once for all who ask at once, and anew as soon as anything that boards show was changed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from laurels.application.queries.board_views import Leaderboard
from laurels.application.queries.boards.shown_pages import ShownPages
from laurels.errors import StoreError, UnknownUser
from laurels.storage.sqlite.store import SQLiteStore
from laurels.testing.builders import project
from tests.waiting import until


@pytest.fixture
async def store(database: Path) -> AsyncIterator[SQLiteStore]:
    opened = await SQLiteStore.open(database)
    yield opened
    await opened.close()


class Maker:
    """Makes pages, each with another total; those that wait for it go on when it `may_end`."""

    def __init__(self) -> None:
        self.made = 0
        self.may_end = asyncio.Event()
        self.may_end.set()
        self.fails = False

    async def __call__(self) -> Leaderboard:
        self.made += 1
        made = self.made
        await self.may_end.wait()
        if self.fails:
            raise UnknownUser("ada")
        return Leaderboard(timeframe="all-time", period="all", leaderboard=[], total=made, next=None)


async def test_a_page_is_the_json_of_what_was_made(store: SQLiteStore) -> None:
    page = await ShownPages(store.boards).get("top", Maker())
    assert msgspec.json.decode(page.body)["total"] == 1
    assert len(page.tag) == 24


async def test_all_who_ask_at_once_get_the_one_that_is_made(store: SQLiteStore) -> None:
    pages, make = ShownPages(store.boards), Maker()
    make.may_end.clear()
    asking = [asyncio.create_task(pages.get("top", make)) for _ in range(5)]
    await until(lambda: make.made > 0)
    make.may_end.set()
    found = await asyncio.gather(*asking)
    assert make.made == 1
    assert len(set(map(id, found))) == 1


async def test_after_a_change_it_is_made_anew(store: SQLiteStore) -> None:
    pages, make = ShownPages(store.boards), Maker()
    before = await pages.get("top", make)
    await project(store, "ada")
    after = await pages.get("top", make)
    assert (before.tag != after.tag, before.body != after.body) == (True, True)


async def test_other_questions_have_other_pages(store: SQLiteStore) -> None:
    pages, make = ShownPages(store.boards), Maker()
    assert (await pages.get("top", make)).body != (await pages.get("week", make)).body


async def test_what_is_forgotten_is_made_anew(store: SQLiteStore) -> None:
    pages, make = ShownPages(store.boards), Maker()
    await pages.get("top", make)
    pages.forget()
    await pages.get("top", make)
    assert make.made == 2


async def test_a_stale_page_is_shown_once_and_not_kept(store: SQLiteStore) -> None:
    pages, fresh = ShownPages(store.boards), Maker()

    async def stale() -> Leaderboard:
        return msgspec.structs.replace(await Maker()(), stale=True)

    assert b'"stale":true' in (await pages.get("top", stale)).body
    assert b"stale" not in (await pages.get("top", fresh)).body


async def test_one_who_goes_away_takes_nothing_from_the_others(store: SQLiteStore) -> None:
    pages, make = ShownPages(store.boards), Maker()
    make.may_end.clear()
    first, second = (asyncio.create_task(pages.get("top", make)) for _ in range(2))
    await until(lambda: make.made > 0)
    first.cancel()
    make.may_end.set()
    assert (await second).body
    with pytest.raises(asyncio.CancelledError):
        await first


async def test_what_keeps_a_page_from_being_made_is_raised_and_not_kept(store: SQLiteStore) -> None:
    pages, make = ShownPages(store.boards), Maker()
    make.fails = True
    with pytest.raises(UnknownUser):
        await pages.get("top", make)
    make.fails = False
    assert (await pages.get("top", make)).body
    await store.close()
    with pytest.raises(StoreError):
        await pages.get("top", make)
