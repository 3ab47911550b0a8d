"""A board shows nobody who left it, or their alias, between the reading of its lines and of its cards."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from typing import Any

import pytest

from laurels.application.ports.boards import Card
from laurels.application.queries.board_views import Leaderboard
from laurels.application.queries.boards.rows import card_for
from laurels.application.service import Service
from laurels.bootstrap import open_service
from laurels.domain.boards.ranking import Standing, alias_order
from laurels.testing.builders import card, small_rulebook, standing
from laurels.testing.clocks import SettableClock

Read = Callable[[Service], Awaitable[Leaderboard]]

READS: dict[str, Read] = {
    "page": lambda laurels: laurels.leaderboards.page(),
    "around": lambda laurels: laurels.leaderboards.page(around="bob"),
    "total": lambda laurels: laurels.leaderboards.by_total(),
    "among": lambda laurels: laurels.leaderboards.among(["ada", "bob"]),
}
CHANGES: dict[str, Callable[[Service], Awaitable[Any]]] = {
    "hidden": lambda laurels: laurels.change_profile("ada", {"visibility": "hidden"}),
    "public": lambda laurels: laurels.change_profile("ada", {"visibility": "public"}),
    "another alias": lambda laurels: laurels.change_profile("ada", {"alias": "Fox"}),
    "deleted": lambda laurels: laurels.delete_user("ada"),
}


@pytest.fixture
async def laurels(store_url: str, clock: SettableClock) -> AsyncIterator[Service]:
    """Ada appears as Owl, Bob as himself."""
    async with open_service(store_url, rulebook=small_rulebook(), clock=clock, projection_interval=3600) as opened:
        for user in ("ada", "ada", "bob"):
            await opened.record(user, "run")
        await opened.change_profile("ada", {"displayName": "Ada L.", "visibility": "alias", "alias": "Owl"})
        await opened.projector.flush()
        yield opened


def change_before_cards(
    laurels: Service, monkeypatch: pytest.MonkeyPatch, change: Callable[[], Awaitable[Any]]
) -> None:
    boards = laurels.store.boards
    read = boards.cards

    async def cards(user_ids: Collection[str]) -> dict[str, Card]:
        monkeypatch.setattr(boards, "cards", read)
        await change()
        await laurels.projector.flush()
        return await read(user_ids)

    monkeypatch.setattr(boards, "cards", cards)


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("read", READS)
async def test_who_was_under_an_alias_is_not_shown_by_the_card_that_came_after(
    laurels: Service, monkeypatch: pytest.MonkeyPatch, read: str, change: str
) -> None:
    change_before_cards(laurels, monkeypatch, lambda: CHANGES[change](laurels))
    page = await READS[read](laurels)
    assert [row.user_id for row in page.leaderboard] == ["bob"]
    assert "ada" not in repr(page).lower()


async def test_who_takes_an_alias_is_not_found_by_id(laurels: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    await laurels.change_profile("ada", {"visibility": "hidden"})
    boards = laurels.store.boards
    read = boards.standings_of

    async def standings_of(board: str, user_ids: Collection[str]) -> list[Standing]:
        await laurels.change_profile("ada", {"visibility": "alias", "alias": "Fox"})
        await laurels.projector.flush()
        return await read(board, user_ids)

    monkeypatch.setattr(boards, "standings_of", standings_of)
    page = await laurels.leaderboards.among(["ada", "bob"])
    assert [(row.user_id, row.rank) for row in page.leaderboard] == [("bob", 1)]
    assert page.total == 1


def test_a_card_belongs_to_a_line_of_the_same_alias() -> None:
    public, owl = standing("ada"), standing("ada", reached_at=alias_order("owl"))
    plain, as_owl, as_fox = card("ada"), card("ada", pseudonym="owl"), card("ada", pseudonym="fox")
    assert card_for(public, {"ada": plain}) is plain
    assert card_for(public, {"ada": as_owl}) is as_owl
    assert card_for(owl, {"ada": as_owl}) is as_owl
    for line, cards in ((owl, {"ada": plain}), (owl, {"ada": as_fox}), (owl, {}), (public, {})):
        assert card_for(line, cards) is None
