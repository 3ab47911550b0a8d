"""What a page calls a person: never by a raw id where they gave no name, since an id may be an address."""

from __future__ import annotations

from typing import Protocol

from laurels.web.languages import Language

LONGEST = 60


class Named(Protocol):
    """Anything that carries a display name."""

    @property
    def display_name(self) -> str:
        """The name that the person gave, or the one that was made for them."""
        ...

    @property
    def has_name(self) -> bool:
        """Whether the person gave it."""
        ...


def shown_name(person: Named, language: Language) -> str:
    """The name to show, cut to a length that no page breaks on."""
    name = person.display_name.strip()
    if not person.has_name:
        # The word is translated where it is the usual one; what the operator chose stays as it is.
        word, _, code = name.rpartition(" ")
        name = f"{language.text(word)} {code}"
    return name if len(name) <= LONGEST else name[: LONGEST - 1] + "…"


def initial_of(person: Named, language: Language) -> str:
    """The first letter of the name, for the round picture."""
    return next((letter.upper() for letter in shown_name(person, language) if letter.isalnum()), "★")
