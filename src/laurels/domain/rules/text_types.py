"""The allowed names and texts of a rulebook."""

from __future__ import annotations

import re
from typing import Annotated

from msgspec import Meta

Name = Annotated[str, Meta(min_length=1, max_length=100)]
Description = Annotated[str, Meta(min_length=1, max_length=300)]
Icon = Annotated[str, Meta(min_length=1, max_length=200)]
_IDENTIFIER = r"^[a-z0-9][a-z0-9_-]{0,63}$"
Identifier = Annotated[str, Meta(pattern=_IDENTIFIER)]
LanguageTag = Annotated[str, Meta(pattern=r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}$")]


def is_identifier(text: str) -> bool:
    """Whether a text may be an `Identifier`."""
    return re.fullmatch(_IDENTIFIER, text) is not None
