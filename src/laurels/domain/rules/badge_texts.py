"""Names and descriptions of badges in the reader's language.

A rulebook may carry translations, and each reader gets the best match.
"""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from functools import lru_cache

from laurels.domain.rules.rulebook import Rulebook
from laurels.domain.rules.rulebook_data import Badge

# Characters of an Accept-Language header that are examined.
_LONGEST = 500


def texts_of(badge: Badge, language: str) -> tuple[str, str]:
    """The badge's name and description in `language`; each in the rulebook's own language if it has no translation."""
    return badge.names.get(language, badge.name), badge.descriptions.get(language, badge.description)


def language_for(rulebook: Rulebook, accepted: str) -> str | None:
    """The language of the rulebook's texts that best matches an Accept-Language header; None for the rulebook's own."""
    if not rulebook.languages or not accepted:
        return None
    return _negotiated(accepted[:_LONGEST], rulebook.language, rulebook.languages)


@lru_cache(maxsize=512)
def _negotiated(accepted: str, own: str, others: AbstractSet[str]) -> str | None:
    wanted: list[tuple[float, int, str]] = []
    for position, part in enumerate(accepted.split(",")):
        name, _, quality = part.partition(";")
        key, _, value = quality.strip().partition("=")
        try:
            weight = float(value) if key.strip() == "q" else 1.0
        except ValueError:
            continue
        if weight > 0:
            wanted.append((-weight, position, name.strip().lower()))
    # The rulebook's own language comes before others that match equally well.
    known = [own, *sorted(others - {own})]
    for _, _, name in sorted(wanted):
        for fits in (_is_same, _is_wider, _is_narrower):
            found = next((each for each in known if fits(each.lower(), name)), None)
            if found is not None:
                return None if found == own else found
    return None


def _is_same(known: str, name: str) -> bool:
    return known == name


def _is_wider(known: str, name: str) -> bool:
    return name.startswith(f"{known}-")


def _is_narrower(known: str, name: str) -> bool:
    return known.startswith(f"{name}-")
