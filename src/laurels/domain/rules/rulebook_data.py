"""A rulebook as its file states it: event types, points, levels and badges, all of them data.

Kept separate from the engine's compiled form (`domain/rules/rulebook.py`), so that the shape of the file is one short
read.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated

from msgspec import Meta, Struct, field

from laurels.domain.rules.badges.criteria import Category, Criterion, Rarity, Repeat, Target
from laurels.domain.rules.board_retention import BoardRetention
from laurels.domain.rules.boosts import MOST_BOOSTS, Boost
from laurels.domain.rules.currencies import MOST_CURRENCIES, Currency
from laurels.domain.rules.levels import Levels
from laurels.domain.rules.points import EventType, Points
from laurels.domain.rules.streak_rules import StreakRules
from laurels.domain.rules.text_types import Description, Icon, Identifier, LanguageTag, Name

MOST_TEST_USERS = 50
"""Ids of users who test, or patterns of them, in one rulebook."""


class Tier(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A higher tier of a badge: the same rule with a higher target. Omitted fields are those of the badge; the
    resulting badge has the id `<id of the badge>_<id>`."""

    id: Identifier
    name: Name
    target: Target
    points: Points
    rarity: Rarity | None = None
    description: Description | None = None
    icon: Icon | None = None
    names: dict[LanguageTag, Name] = {}
    descriptions: dict[LanguageTag, Description] = {}


class Badge(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A badge as the rulebook defines it.

    `from_day` and `until_day` (`from` and `until` in the file) are the first and the last local day whose events count
    for it; `requires` are the badges that must be held first. The details of a `hidden` badge are secret until it is
    earned. `names` and `descriptions` are the translations into other languages.
    """

    id: Identifier
    name: Name
    description: Description
    icon: Icon
    category: Category
    rarity: Rarity
    points: Points
    criterion: Criterion
    # Whether it is revoked when an event is retracted and its criterion is not met without that event.
    revocable: bool = False
    # Whether it may be earned again, once in each of these periods; its events count within each.
    repeat: Repeat | None = None
    hidden: bool = False
    from_day: date | None = field(default=None, name="from")
    until_day: date | None = field(default=None, name="until")
    requires: Annotated[list[Identifier], Meta(max_length=20)] = []
    tiers: Annotated[list[Tier], Meta(max_length=10)] = []
    names: dict[LanguageTag, Name] = {}
    descriptions: dict[LanguageTag, Description] = {}


class Boards(Struct, frozen=True, forbid_unknown_fields=True):
    """How boards are kept. `zone` decides where their days, weeks and months begin; `languages` which languages
    have boards of their own: none, all that events name, or those listed; `keep` how long those of days and weeks stay.
    `test_users` are the ids of those who test: they stand on no board and are no part of how rare a badge is. A `*` in
    one stands for any characters.
    """

    zone: str = "UTC"
    languages: bool | list[Name] = False
    keep: BoardRetention = BoardRetention()
    # A tuple: the default of a frozen struct has to be hashable for the description of the API.
    test_users: Annotated[tuple[Name, ...], Meta(max_length=MOST_TEST_USERS)] = ()


class RulebookData(Struct, frozen=True, forbid_unknown_fields=True):
    """A rulebook as its file states it. `language` is that of its names and descriptions; without `streak` every active
    day counts and a missed one ends the streak. `boosts` and `currencies` are by their names."""

    name: Identifier
    event_types: Annotated[dict[Identifier, EventType], Meta(min_length=1)]
    levels: Levels
    description: str = ""
    language: LanguageTag = "en"
    boards: Boards = Boards()
    streak: StreakRules | None = None
    boosts: Annotated[dict[Identifier, Boost], Meta(max_length=MOST_BOOSTS)] = {}
    currencies: Annotated[dict[Identifier, Currency], Meta(max_length=MOST_CURRENCIES)] = {}
    badges: list[Badge] = []
