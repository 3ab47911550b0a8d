"""A user's balance in each currency of the rulebook, as documents."""

from __future__ import annotations

from msgspec import UNSET, UnsetType

from laurels.application.queries.views import CurrencyView
from laurels.domain.progress import Progress, Purse
from laurels.domain.rules.rulebook import Rulebook


def currency_views(
    progress: Progress, rulebook: Rulebook, language: str | None = None
) -> dict[str, CurrencyView] | UnsetType:
    """The user's currencies, with their names in a language of the rulebook (None: its own). Unset if the rulebook has
    no currencies; currencies that it no longer has are left out."""
    if not rulebook.currencies:
        return UNSET
    shown: dict[str, CurrencyView] = {}
    for currency_id, currency in rulebook.currencies.items():
        purse = progress.purses.get(currency_id, Purse())
        level = currency.level_of(purse)
        shown[currency_id] = CurrencyView(
            name=currency.name_in(language),
            balance=purse.balance,
            earned=purse.earned,
            spent=purse.spent,
            level=UNSET if level is None else level,
            owed=purse.owed or UNSET,
        )
    return shown
