"""Rows carry the ranks that the whole board gives them, on whatever page, and show no more than a card says."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from laurels.application.ports.boards import Card
from laurels.application.queries.boards.asked_board import AskedBoard
from laurels.application.queries.boards.rows import Rows, row_view
from laurels.application.queries.placeholder_names import PlaceholderNames
from laurels.domain.boards.ranking import ranks_of
from laurels.domain.periods import Timeframe, parse_period
from laurels.storage.sqlite.store import SQLiteStore
from laurels.testing.builders import NOON, card, project, small_rulebook, standing

NAMES = PlaceholderNames()
MARCH = AskedBoard(Timeframe.MONTHLY, parse_period("2026-03")[1], None)
POINTS = [9, 9, 5, 5, 5, 2, 1, 1]


@pytest.fixture
async def store(database: Path) -> AsyncIterator[SQLiteStore]:
    opened = await SQLiteStore.open(database)
    yield opened
    await opened.close()


class TestRanks:
    async def test_on_every_page_they_are_those_of_the_whole_board(self, store: SQLiteStore) -> None:
        for number, points in enumerate(POINTS):
            await project(store, f"u{number}", points=points, boards=["2026-03"])
        every = await store.boards.standings("2026-03", limit=100)
        rows = Rows(store, small_rulebook(), NAMES)
        for first in range(len(POINTS)):
            for last in range(first, len(POINTS) + 1):
                page = await rows.of_page(MARCH, every[first:last], is_top=first == 0)
                assert [row.rank for row in page] == ranks_of(POINTS)[first:last]
                assert [row.points for row in page] == POINTS[first:last]

    async def test_the_rank_before_is_that_of_the_period_before(self, store: SQLiteStore) -> None:
        for number, points in enumerate(POINTS):
            await project(store, f"u{number}", seq=1, points=points, boards=["2026-02"])
        for user in ("u7", "u2", "new"):
            await project(store, user, seq=2, points=50, boards=["2026-03"])
        rows = Rows(store, small_rulebook(), NAMES)
        page = await rows.of_page(MARCH, await store.boards.standings("2026-03", limit=9), is_top=True)
        assert {row.user_id: row.previous_rank for row in page} == {"u7": 7, "u2": 3, "new": None}
        all_time = AskedBoard(Timeframe.ALL_TIME, 0, None)
        assert await rows.ranks_before(all_time, ["u7"]) == {}
        not_kept = AskedBoard(Timeframe.MONTHLY, MARCH.start, None, has_before=False)
        assert await rows.ranks_before(not_kept, ["u7"]) == {}

    async def test_a_page_without_lines_has_no_rows(self, store: SQLiteStore) -> None:
        assert await Rows(store, small_rulebook(), NAMES).of_page(MARCH, [], is_top=True) == []


class TestRow:
    def test_it_shows_the_card_of_its_user(self) -> None:
        row = row_view(
            standing("ada", 5), 3, 4, card("ada", 90, display_name="Ada", photo_url="https://x.example/a"), NAMES
        )
        assert (row.id, row.user_id, row.display_name, row.has_name) == ("ada", "ada", "Ada", True)
        assert (row.rank, row.previous_rank, row.points, row.total_points) == (3, 4, 5, 90)
        assert (row.photo_url, row.badges) == ("https://x.example/a", ["first"])
        assert row.last_active_at == "2026-03-14T12:00:00.123Z"

    @pytest.mark.parametrize("display_name", [None, ""])
    def test_who_gave_no_name_gets_one(self, display_name: str | None) -> None:
        row = row_view(standing("ada"), 1, None, card("ada", display_name=display_name), NAMES)
        assert row.display_name == NAMES.of("ada")

    def test_under_an_alias_nothing_tells_who_it_is(self) -> None:
        hidden = Card("ada", 90, 4, ["first"], NOON, "Ada", "https://x.example/ada", alias="Owl", pseudonym="p1")
        row = row_view(standing("ada"), 1, 2, hidden, NAMES)
        assert (row.id, row.user_id, row.display_name, row.photo_url) == ("p1", "p1", "Owl", None)
        assert (row.badges, row.last_active_at) == ([], None)
        assert (row.total_points, row.level) == (90, 4)
        assert "ada" not in repr(row).lower()

    def test_under_an_alias_without_a_name_it_is_the_pseudonyms(self) -> None:
        row = row_view(standing("ada"), 1, None, card("ada", display_name="Ada", pseudonym="p1"), NAMES)
        assert (row.display_name, row.has_name) == (NAMES.of("p1"), False)
