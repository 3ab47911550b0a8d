"""Names of buckets that tell nobody whose they are: the database need not learn who came from where.

An unsalted hash would: there are few enough addresses, and known enough ids, to try them all. So they are hashed with a
key of the store (`SecretStore`), which all processes share.
"""

from __future__ import annotations

from hashlib import blake2b
from secrets import token_bytes
from time import monotonic

from laurels.application.ports.secrets import SecretStore
from laurels.errors import StoreError

NAME = "buckets"
KEY_BYTES = 32
# Seconds between two questions for the key while the store is away.
_ASK_AGAIN = 1.0


class BucketNames:
    """Hashes with the key of one store; until that is known with one of this process, which then counts for itself."""

    def __init__(self, secrets: SecretStore) -> None:
        self._secrets = secrets
        self._key = token_bytes(KEY_BYTES)
        self._is_known = False
        self._asked_at = float("-inf")

    async def of(self, kind: str, name: str) -> str:
        """The bucket that `name` has among those of a kind. Raises nothing."""
        if not self._is_known and monotonic() - self._asked_at >= _ASK_AGAIN:
            self._asked_at = monotonic()
            try:
                self._key = (await self._secrets.keys(NAME, token_bytes(KEY_BYTES)))[0]
                self._is_known = True
            except StoreError:
                pass
        about = name.encode("utf-8", "surrogatepass")
        return f"{kind}:{blake2b(about, key=self._key, digest_size=16, person=b'laurels bucket').hexdigest()}"
