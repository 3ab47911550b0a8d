"""The report of a learner: what it says of currencies."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

from laurels.application.queries.translations import translated
from laurels.bootstrap import open_service
from laurels.testing.builders import small_rulebook
from laurels.web.locale import language
from laurels.web.report.pdf import REPORT, compiled, document_of

COINS: dict[str, Any] = {
    "name": "Coins",
    "names": {"de": "Münzen"},
    "events": {"run": 1500},
    "levels": {"kind": "table", "starts": [0, 100]},
}
GEMS: dict[str, Any] = {"name": "Gems", "events": {"talk": 1}}


async def report_of(folder: Path, currencies: dict[str, Any]) -> dict[str, Any]:
    """What the report of a learner says in German who ran once and spent 300 coins."""
    rules = small_rulebook(currencies=currencies)
    async with open_service(f"sqlite:///{folder / 'laurels.db'}", rulebook=rules) as laurels:
        await laurels.record("ada", "run")
        if currencies:
            await laurels.spendings.spend("ada", "coins", 300, reason="a hat")
        return document_of(
            translated(await laurels.learners.dashboard("ada"), rules, "de"),
            await laurels.learners.activity("ada"),
            await laurels.learners.badges("ada"),
            laurels.clock(),
            language("de"),
            today=date(2026, 11, 30),
            address="",
        )


async def test_balances_stand_in_it_and_where_they_come_from(tmp_path: Path) -> None:
    document = await report_of(tmp_path, {"coins": COINS, "gems": GEMS})
    assert document["balances"] == [
        ["Münzen", "Stufe 2 · 1.500 verdient, 300 ausgegeben", "1.200"],
        ["Gems", "0 verdient, 0 ausgegeben", "0"],
    ]
    with_them = compiled(REPORT, document)
    assert with_them.startswith(b"%PDF-1.7")
    # As one without currencies, which has no such part.
    assert len(compiled(REPORT, document | {"balances": []})) < len(with_them)


async def test_without_currencies_there_is_nothing_of_them(tmp_path: Path) -> None:
    assert (await report_of(tmp_path, {}))["balances"] == []
