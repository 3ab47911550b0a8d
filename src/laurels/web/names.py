"""What a page calls a person: never by a raw id where they gave no name, since an id may be an address."""

from __future__ import annotations

from typing import Protocol

from laurels.web.languages import Language

LONGEST = 60


class Named(Protocol):
    """Anything that carries a display name."""

    @property
    def display_name(self) -> str | None:
        """The name that the person gave, or None."""
        ...


def shown_name(person: Named, language: Language) -> str:
    """The name to show, cut to a length that no page breaks on."""
    name = (person.display_name or "").strip()
    if not name:
        return language.text("Learner")
    return name if len(name) <= LONGEST else name[: LONGEST - 1] + "…"


def initial_of(person: Named, language: Language) -> str:
    """The first letter of the name, for the round picture."""
    return next((letter.upper() for letter in shown_name(person, language) if letter.isalnum()), "★")
