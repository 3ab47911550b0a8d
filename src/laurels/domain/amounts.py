"""Amounts of currencies, the points that a rulebook defines beside experience: what an entry gives or takes of each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

Amounts = tuple[tuple[str, int], ...]
"""Currencies with an amount of each, by name; none of them 0. Empty, as it is without currencies, it costs nothing."""

NONE: Amounts = ()


def amounts_of(given: Mapping[str, int]) -> Amounts:
    """The amounts of a table, in order."""
    return tuple((currency, amount) for currency, amount in sorted(given.items()) if amount)


def sum_of(parts: Iterable[Amounts]) -> Amounts:
    """What several come to."""
    return difference(parts, ())


def difference(after: Iterable[Amounts], before: Iterable[Amounts]) -> Amounts:
    """What the first come to more than the others; less is negative."""
    total: dict[str, int] = {}
    for sign, parts in ((1, after), (-1, before)):
        for part in parts:
            for currency, amount in part:
                total[currency] = total.get(currency, 0) + sign * amount
    return amounts_of(total)
