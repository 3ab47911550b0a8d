"""Points of other kinds than experience: the `[currencies]` tables of a rulebook, and the amounts that events and
badges give.

The amounts given are recorded in the entry of the event or award, like its points; so folding a ledger does not read
these rules.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Annotated

from msgspec import Meta, Struct

from laurels.domain.ledger.amounts import NONE, Amounts, amounts_of
from laurels.domain.ledger.entries import Award
from laurels.domain.progress import Purse
from laurels.domain.rules.levels import Levels, level_faults
from laurels.domain.rules.text_types import LanguageTag, Name
from laurels.errors import RulebookError
from laurels.validation import unknown_name

MOST_CURRENCIES = 20
"""The maximum number of currencies in one rulebook."""

Amount = Annotated[int, Meta(ge=1, le=1_000_000)]


class Currency(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Points of a kind of their own, which can be spent: how many an event of a type gives, and a badge. `levels`
    and boards (`board`: whether it has them) go by what was earned. `names` are those in other languages than the
    rulebook's."""

    name: Name
    events: dict[str, Amount] = {}
    badges: dict[str, Amount] = {}
    levels: Levels | None = None
    board: bool = False
    description: str = ""
    names: dict[LanguageTag, Name] = {}

    def name_in(self, language: str | None) -> str:
        """Its name in a language; in the rulebook's own if there is no translation, and for None."""
        return self.name if language is None else self.names.get(language, self.name)

    def level_of(self, purse: Purse) -> int | None:
        """The level reached in this currency; None if it has no levels."""
        return None if self.levels is None else self.levels.level_at(purse.earned)


class BadgePay(Struct, frozen=True):
    """The pay of awards: points and currencies by the id of the award or else of its badge, nothing for others."""

    points: Mapping[str, int]
    currencies: Mapping[str, Amounts] = {}

    def award(self, award_id: str, badge_id: str, at: int) -> Award:
        """The award of a badge that is earned at the instant `at`."""
        return Award(
            award_id,
            self.points.get(award_id, self.points.get(badge_id, 0)),
            at,
            self.currencies.get(award_id, self.currencies.get(badge_id, NONE)) if self.currencies else NONE,
        )

    def with_held(self, held: Mapping[str, Award], repeated: Collection[str]) -> BadgePay:
        """The same, but badges in `held` keep the pay that they are held with. For repeatable badges (`repeated`) that
        does not apply to other periods."""
        kept = {each: award for each, award in held.items() if each not in repeated}
        return BadgePay(
            {**self.points, **{each: award.points for each, award in kept.items()}},
            {**self.currencies, **{each: award.currencies for each, award in kept.items()}},
        )


def given_by(tables: Iterable[tuple[str, Mapping[str, int]]]) -> dict[str, Amounts]:
    """The amounts given by each event type or badge, from tables of the amounts of each currency."""
    found: dict[str, dict[str, int]] = {}
    for currency, table in tables:
        for name, amount in table.items():
            found.setdefault(name, {})[currency] = amount
    return {name: amounts_of(given) for name, given in found.items()}


def currency_faults(
    currencies: Mapping[str, Currency], event_types: Collection[str], badge_ids: Collection[str]
) -> Iterator[RulebookError]:
    """Every currency that nothing gives, and every name that is not declared."""
    for currency_id, currency in currencies.items():
        key = f"currencies.{currency_id}"
        for name in currency.events:
            if name not in event_types:
                known = unknown_name(name, sorted(event_types), of=f"There is no event type {name!r}")
                yield RulebookError(f"{key}.events", known)
        for name in currency.badges:
            if name not in badge_ids:
                known = unknown_name(name, sorted(badge_ids), of=f"There is no badge {name!r}")
                yield RulebookError(f"{key}.badges", known)
        if not currency.events and not currency.badges:
            yield RulebookError(key, "Nothing gives it; say under events or badges what does, and how much.")
        if currency.levels is not None:
            yield from level_faults(currency.levels, f"{key}.levels")
