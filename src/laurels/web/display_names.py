"""What a page calls a person: never by a raw id where they gave no name, since an id may be an address; and how a
person stands in a list."""

from __future__ import annotations

from typing import Protocol
from urllib.parse import quote

from markupsafe import Markup

from laurels.application.access.viewer import Viewer
from laurels.web.locale import PageLocale

LONGEST = 60


class Named(Protocol):
    """Anything that carries a display name."""

    @property
    def display_name(self) -> str:
        """The name that the person gave, or a generated one."""
        ...

    @property
    def has_name(self) -> bool:
        """Whether the person gave it."""
        ...


class Listed(Named, Protocol):
    """Anything that carries a display name and an id."""

    @property
    def user_id(self) -> str:
        """The person's id; of somebody under an alias, what stands in its place."""
        ...


def shown_name(person: Named, language: PageLocale) -> str:
    """The name to show, cut to a length that no page breaks on."""
    name = person.display_name.strip()
    if not person.has_name:
        # The word is translated if it is the default one; an operator's own word is not.
        word, _, code = name.rpartition(" ")
        name = f"{language.text(word)} {code}"
    return name if len(name) <= LONGEST else name[: LONGEST - 1] + "…"


def initial_of(person: Named, language: PageLocale) -> str:
    """The first letter of the name, for the round picture."""
    return next((letter.upper() for letter in shown_name(person, language) if letter.isalnum()), "★")


def person(listed: Listed, *, viewer: Viewer, language: PageLocale) -> Markup:
    """Somebody as lists show them: the first letter and the name, which lead to their page where the viewer may see
    pages."""
    inner = Markup('<span class="avatar small" aria-hidden="true">{}</span><span dir="auto">{}</span>').format(
        initial_of(listed, language), shown_name(listed, language)
    )
    # An alias has no link: its page would reveal the person.
    if listed.user_id.startswith("~") or not viewer.sees("profiles"):
        return Markup('<span class="person">{}</span>').format(inner)
    return Markup('<a class="person" href="/u/{}">{}</a>').format(quote(listed.user_id, safe=""), inner)
