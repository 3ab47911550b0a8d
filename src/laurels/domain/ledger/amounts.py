"""Amounts of currencies, the points that a rulebook defines beside experience: an entry's change to each currency."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

Amounts = tuple[tuple[str, int], ...]
"""The amounts of currencies by name, none of them 0. Without currencies it is empty and costs nothing."""

NONE: Amounts = ()


def amounts_of(given: Mapping[str, int]) -> Amounts:
    """The amounts of a table, in order."""
    return tuple((currency, amount) for currency, amount in sorted(given.items()) if amount)


def sum_of(parts: Iterable[Amounts]) -> Amounts:
    """The sums of several amounts."""
    return difference(parts, ())


def difference(after: Iterable[Amounts], before: Iterable[Amounts]) -> Amounts:
    """The first amounts minus the others; a negative amount means less."""
    total: dict[str, int] = {}
    for sign, parts in ((1, after), (-1, before)):
        for part in parts:
            for currency, amount in part:
                total[currency] = total.get(currency, 0) + sign * amount
    return amounts_of(total)
