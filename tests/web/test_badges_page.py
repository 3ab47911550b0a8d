"""The page of all badges, which anybody may ask for as often as an address may ask for anything."""

from __future__ import annotations

from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any, cast

from laurels.application.ports.boards import Holders
from laurels.application.queries.rarity import NOTHING_KNOWN, Shares
from laurels.rulebooks.loader import load_rulebook
from laurels.web.locale import language
from laurels.web.pages.badges import badges_page, spoken_badge
from laurels.web.rendering import kept_pages


class Counted:
    """What is known of the holders of badges."""

    def __init__(self) -> None:
        self.known = NOTHING_KNOWN

    async def shares(self) -> Shares:
        return self.known


async def test_it_is_drawn_once_as_long_as_it_says_the_same() -> None:
    rarity = Counted()
    service = cast("Any", SimpleNamespace(rulebook=load_rulebook(), rarity=rarity))
    turns: list[Any] = []

    def drawing(*given: Any) -> Any:
        turns.append(given)
        return nullcontext()

    host = SimpleNamespace(drawing=drawing)
    route = SimpleNamespace(opt={"kept": kept_pages(), "host": host})

    async def ask(lang: str) -> str:
        request = SimpleNamespace(
            query_params={"lang": lang}, headers={}, scope={"path": "/badges", "state": {}}, route_handler=route
        )
        answer = await badges_page(cast("Any", request), service)
        return answer.content

    first = await ask("en")
    assert await ask("en") is first
    assert await ask("made-up") is first
    assert await ask("de") != first
    [badge, *_] = service.rulebook.badges
    rarity.known = Shares(Holders(60, {badge.id: 30}))
    assert await ask("en") != first
    assert len(turns) == 3, "each drawing had its turn, and nothing else took one"


def test_an_award_of_a_period_is_no_badge() -> None:
    service = cast("Any", SimpleNamespace(rulebook=load_rulebook()))
    [badge, *_] = service.rulebook.badges
    found = spoken_badge(service, badge.id, language("en"))
    assert found is not None
    assert found.name == badge.name
    for wrong in (f"{badge.id}@2026-W01", "", badge.id.upper()):
        assert spoken_badge(service, wrong, language("en")) is None
