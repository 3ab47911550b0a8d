"""Answers in the caller's language: the texts of badges, by `Accept-Language`."""

from __future__ import annotations

from typing import TypeVar

from litestar.types import HTTPScope
from msgspec import Struct

from laurels.application.queries.translations import translated
from laurels.application.service import Service
from laurels.domain.rules.badge_texts import language_for
from laurels.http.wire.bodies import header

T = TypeVar("T", bound=Struct)


def language_asked(scope: HTTPScope, service: Service) -> str | None:
    """The requested language for the rulebook's texts; None for its own."""
    # Most rulebooks have one language: then nothing is read.
    if not service.rulebook.languages:
        return None
    return language_for(service.rulebook, header(scope, b"accept-language", ""))


def in_language(scope: HTTPScope, service: Service, answer: T) -> T:
    """`answer` with the texts of its badges in the language that the request prefers."""
    return translated(answer, service.rulebook, language_asked(scope, service))
