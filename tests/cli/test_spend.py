"""`laurels spend`: what it says, and that it spends once."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from laurels.bootstrap import open_service
from laurels.testing.builders import small_rulebook
from tests.cli.conftest import Run


async def test_a_currency_is_spent_once(run: Run, tmp_path: Path) -> None:
    rules = small_rulebook(currencies={"coins": {"name": "Coins", "events": {"run": 1200}}})
    async with open_service(f"sqlite:///{tmp_path / 'laurels.db'}", rulebook=rules, publish=True) as laurels:
        await laurels.record("ada", "run", event_id="e1", timestamp=datetime(2026, 3, 1, 12, tzinfo=UTC))
    hat = ("spend", "ada", "coins", "1000", "--reason", "A hat.", "--id", "order-1")
    done = run(*hat)
    assert (done.code, done.out) == (0, "ada spent 1,000 coins (order-1); 200 were left.\n")
    assert run(*hat).out == "Nothing changed: this was done before. ada spent 1,000 coins (order-1); 200 were left.\n"
    refused = run("spend", "ada", "coins", "300", "--reason", "Another hat.")
    assert refused.code == 2
    assert "The balance of coins is 200, too low to spend 300; nothing was spent." in refused.err
