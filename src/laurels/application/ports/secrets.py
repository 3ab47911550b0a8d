"""Secrets: random keys of the service's own, the same for every process on a database.

Each sentence here is held by a test of `laurels.testing.contracts.secrets`.
"""

from __future__ import annotations

from typing import Protocol


class SecretStore(Protocol):
    """Keys by the name of what they are for."""

    async def keys(self, name: str, fresh: bytes) -> list[bytes]:
        """The keys of a name, the newest first, and after a rotation the one before it.

        Where there is none, `fresh` becomes the first; of several callers at once, that of one of them.
        """
        ...

    async def rotate(self, name: str, fresh: bytes) -> None:
        """Make `fresh` the newest key of a name. The newest until now stays, any before it goes."""
        ...
