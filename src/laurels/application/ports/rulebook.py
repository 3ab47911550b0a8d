"""The rulebook that a store runs, with its versions, and the badges of it for people who look into the database.

Each sentence here is held by a test of `laurels.testing.contracts.rulebook`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from msgspec import Struct

from laurels.domain.rules.rulebook_data import Badge


class PublishedRulebook(Struct, frozen=True):
    """A version of the rulebook. `content` is its data as JSON, `digest` tells it from every other one, `fingerprint`
    is what entries that it decides carry. `published_at` is in milliseconds, `published_by` names a key or a user."""

    version: int
    name: str
    digest: str
    fingerprint: str
    published_at: int
    published_by: str | None
    content: bytes


class RulebookStore(Protocol):
    """The versions of the rulebook, from 1."""

    async def newest(self) -> PublishedRulebook | None:
        """The version in force; None where nothing was published yet."""
        ...

    async def version(self) -> int:
        """The number of the version in force, 0 where nothing was published yet: a cheap question."""
        ...

    async def add(self, rulebook: PublishedRulebook) -> bool:
        """Put a version in force. False, and nothing is written, where the one before it is not in force: of several
        who publish the same version at once, one succeeds."""
        ...

    async def versions(self, *, limit: int) -> list[PublishedRulebook]:
        """The last versions, the newest first, with an empty `content`."""
        ...

    async def get(self, version: int) -> PublishedRulebook | None:
        """One version with its content; None where it was never published."""
        ...

    async def describe(self, badges: Sequence[Badge]) -> bool:
        """Write the definitions of badges down, in their order, for people who look into the database; return whether
        they stood there otherwise, or not at all.

        Replaces those that were written before. Nothing is read back from there.
        """
        ...
