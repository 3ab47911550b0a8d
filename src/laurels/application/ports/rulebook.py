"""The published rulebook, for people who look into the database.

Each sentence here is held by a test of `laurels.testing.handle_contract`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from laurels.domain.rules.rulebook_data import Badge


class RulebookStore(Protocol):
    """Writing the definitions of badges down."""

    async def publish(self, badges: Sequence[Badge]) -> bool:
        """Write the definitions of badges down, in their order, for people who look into the database; return whether
        they stood there otherwise, or not at all.

        Replaces those that were published before. Nothing is read back from there.
        """
        ...
