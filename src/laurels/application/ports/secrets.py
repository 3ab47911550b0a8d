"""Secrets: random keys that the service makes for itself, the same for every process on a database.

Each sentence here is checked by a test of `laurels.testing.contracts.secrets`.
"""

from __future__ import annotations

from typing import Protocol


class SecretStore(Protocol):
    """Keys by the name of their purpose."""

    async def keys(self, name: str, fresh: bytes) -> list[bytes]:
        """The keys of a name, the newest first, and after a rotation the one before it.

        If there is none, `fresh` becomes the first; if several callers ask at once, one of their keys is used.
        """
        ...

    async def rotate(self, name: str, fresh: bytes) -> None:
        """Make `fresh` the newest key of a name. The previous newest key stays; older ones are deleted."""
        ...
