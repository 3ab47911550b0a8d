"""A rulebook as its file says it: event types, points, levels and badges, all of them data.

Kept apart from what the engine makes of it (`domain/rules/rulebook.py`), so that the shape of the file is one short
read.
"""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from laurels.domain.rules.criteria import Category, Criterion, Rarity
from laurels.domain.rules.levels import Levels
from laurels.domain.rules.points import EventType, Points

Name = Annotated[str, Meta(min_length=1, max_length=100)]
Identifier = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")]


class Badge(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A badge as the rulebook defines it."""

    id: Identifier
    name: Name
    description: Annotated[str, Meta(min_length=1, max_length=300)]
    icon: Annotated[str, Meta(min_length=1, max_length=200)]
    category: Category
    rarity: Rarity
    points: Points
    criterion: Criterion
    # Whether it goes when an event is retracted without which its criterion is not met.
    revocable: bool = False


class Boards(Struct, frozen=True, forbid_unknown_fields=True):
    """How boards are kept. `zone` decides where their days, weeks and months begin; `languages` which languages
    have boards of their own: none, all that events name, or those listed."""

    zone: str = "UTC"
    languages: bool | list[Name] = False


class RulebookData(Struct, frozen=True, forbid_unknown_fields=True):
    """A rulebook as its file says it."""

    name: Identifier
    event_types: Annotated[dict[Identifier, EventType], Meta(min_length=1)]
    levels: Levels
    description: str = ""
    boards: Boards = Boards()
    badges: list[Badge] = []
