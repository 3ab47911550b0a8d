"""A preview on the operator's page: it says how far it has come, and ends with the page."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from laurels.application.maintenance.backfill import BadgePreview, Preview
from laurels.application.maintenance.publishing import Publications
from laurels.domain.rules.rulebook import Rulebook
from laurels.errors import StoreUnavailable
from laurels.testing.builders import small_rulebook
from laurels.web.locale import language
from laurels.web.pages.admin_preview import preview_parts

RULES = small_rulebook(currencies={"coins": {"name": "Coins", "events": {"run": 1}}})


class Held(Publications):
    """Previews that have read three learners, and go on when they are let go."""

    def __init__(self) -> None:
        self.go_on = asyncio.Event()
        self.is_under_way = False
        self.error: Exception | None = None

    async def preview(
        self, rulebook: Rulebook, *, repoint: bool = False, on_progress: Callable[[int, int], object] = print
    ) -> Preview:
        self.is_under_way = True
        try:
            on_progress(3, 1_200)
            await self.go_on.wait()
            if self.error is not None:
                raise self.error
            badges = [
                BadgePreview("new", would_earn=3, months={"2026-03": 1, "2025-12": 2}),
                BadgePreview("other", would_earn=1, months={"2026-03": 1}),
                BadgePreview("none", holders=1),
            ]
            return Preview(badges, learners=7, events=2_000, currencies={"coins": -1_200, "gone": 3})
        finally:
            self.is_under_way = False


@pytest.fixture
def parts() -> Callable[[Publications], Any]:
    return lambda publications: preview_parts(publications, RULES, language("en"), people=7, interval=0.001)


async def test_the_page_says_how_far_it_has_come_and_then_what_was_found(parts: Callable[[Publications], Any]) -> None:
    held = Held()
    found = parts(held)
    assert await anext(found) == '<div class="trying" role="status">'
    for _ in range(3):
        assert await anext(found) == (
            "<p>3 of about 7 learners and 1,200 events are read. Leaving this page stops it.</p>"
        )
    held.go_on.set()
    rest = "".join([part async for part in found])
    assert "7 learners with 2,000 events were looked at" in rest
    # By its name where the rulebook has one.
    assert "<p>Currencies in all: Coins -1,200, gone 3.</p>" in rest


@pytest.mark.parametrize(
    ("code", "span", "month"),
    [("en", "Dec 2025 to Mar 2026", "Mar 2026"), ("de", "Dez 2025 bis Mär 2026", "Mär 2026")],
)
async def test_each_badge_has_the_months_in_which_it_would_be_earned(code: str, span: str, month: str) -> None:
    held = Held()
    held.go_on.set()
    found = preview_parts(held, RULES, language(code), people=7)
    text = "".join([part async for part in found])
    assert [each for each in (span, month) if f"<td>{each}</td>" in text] == [span, month]


async def test_leaving_the_page_stops_it(parts: Callable[[Publications], Any]) -> None:
    held = Held()
    found = parts(held)
    await anext(found)
    await anext(found)
    assert held.is_under_way
    await found.aclose()
    async with asyncio.timeout(30):
        while held.is_under_way:  # noqa: ASYNC110  what is waited for has no event
            await asyncio.sleep(0)


async def test_an_outage_meanwhile_is_said_on_the_page(parts: Callable[[Publications], Any]) -> None:
    held = Held()
    held.error = StoreUnavailable("It went away.")
    held.go_on.set()
    text = "".join([part async for part in parts(held)])
    assert "The database went away meanwhile" in text
