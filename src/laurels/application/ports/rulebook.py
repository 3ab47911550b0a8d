"""The published rulebook of a store, with its versions, and its badges for people who read the database.

Each sentence here is checked by a test of `laurels.testing.contracts.rulebook`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from msgspec import Struct

from laurels.domain.rules.rulebook_data import Badge


class PublishedRulebook(Struct, frozen=True):
    """A version of the rulebook. `content` is its data as JSON, `digest` distinguishes it from every other version, and
    `fingerprint` is written into the entries that it decides. `published_at` is in milliseconds, `published_by` names a
    key or a user."""

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
        """The version in force; None if nothing was published yet."""
        ...

    async def version(self) -> int:
        """The number of the version in force, 0 if nothing was published yet: cheap to query."""
        ...

    async def add(self, rulebook: PublishedRulebook) -> bool:
        """Put a version in force. Returns False and writes nothing if the version before it is not in force: if several
        processes publish the same version at once, one succeeds."""
        ...

    async def versions(self, *, limit: int) -> list[PublishedRulebook]:
        """The last versions, the newest first, with an empty `content`."""
        ...

    async def get(self, version: int) -> PublishedRulebook | None:
        """One version with its content; None if it was never published."""
        ...

    async def describe(self, badges: Sequence[Badge]) -> bool:
        """Write the definitions of badges, in their order, for people who read the database. Returns whether this
        changed anything.

        Replaces the definitions written before. Nothing is read back from there.
        """
        ...
