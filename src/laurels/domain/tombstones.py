"""The remains of a deleted user: that there was one with this id, and when they were deleted."""

from __future__ import annotations

from hashlib import sha256

from msgspec import Struct

# Other systems hash the same ids: it must not be possible to compare their lists directly with this one.
_PREFIX = b"laurels deleted user\0"


class Tombstone(Struct, frozen=True):
    """A user was deleted at the instant `deleted_at` (milliseconds).

    `is_open`: the id itself is still kept beside its hash, until no pending write can affect it any more.
    """

    deleted_at: int
    is_open: bool


def digest_of(user_id: str) -> str:
    """The hash that identifies a tombstone: 64 hexadecimal digits."""
    return sha256(_PREFIX + user_id.encode("utf-8", "surrogatepass")).hexdigest()
