"""The lines of a learner's page say to everybody what happened, and to few what is private."""

from __future__ import annotations

from datetime import UTC

import pytest

from laurels.domain.ledger.entries import CurrencySpent, Entry
from laurels.testing.builders import NOON
from laurels.web.locale import language
from laurels.web.pages.learner import ledger_line


@pytest.mark.parametrize("shows_private", [True, False])
def test_the_reason_of_a_spending_is_not_for_everybody(*, shows_private: bool) -> None:
    spent = CurrencySpent("coins", 30, balance=5, total_points=90, level=1, reason="a second try at the exam")
    line = ledger_line(
        Entry("ada", 3, None, NOON, spent),
        names={},
        language=language("en"),
        zone=UTC,
        currencies={"coins": "Coins"},
        shows_private=shows_private,
    )
    assert line["what"] == "Spent"
    assert line["why"] == [*(["a second try at the exam"] if shows_private else []), "Coins: -30"]
