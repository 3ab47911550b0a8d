"""Hashed names for rate limit buckets: the database need not learn which caller came from which address.

An unsalted hash would not hide them: there are few addresses, and the ids are known, so all of them can be tried. The
names are therefore hashed with a key from the store (`SecretStore`), which all processes share.
"""

from __future__ import annotations

from hashlib import blake2b
from secrets import token_bytes
from time import monotonic

from laurels.application.ports.secrets import SecretStore
from laurels.errors import StoreError

NAME = "buckets"
KEY_BYTES = 32
# Seconds between two attempts to read the key while the store is away.
_ASK_AGAIN = 1.0


class BucketNames:
    """Hashes with the key of one store. Until that key is known, a random key of this process is used, so this process
    counts separately."""

    def __init__(self, secrets: SecretStore) -> None:
        self._secrets = secrets
        self._key = token_bytes(KEY_BYTES)
        self._is_known = False
        self._asked_at = float("-inf")

    async def of(self, kind: str, name: str) -> str:
        """The bucket name for `name` within its kind. Raises nothing."""
        if not self._is_known and monotonic() - self._asked_at >= _ASK_AGAIN:
            self._asked_at = monotonic()
            try:
                self._key = (await self._secrets.keys(NAME, token_bytes(KEY_BYTES)))[0]
                self._is_known = True
            except StoreError:
                pass
        about = name.encode("utf-8", "surrogatepass")
        return f"{kind}:{blake2b(about, key=self._key, digest_size=16, person=b'laurels bucket').hexdigest()}"
