"""API keys: their form, their scopes, and when one is valid.

A key reads `lrl_<prefix>_<secret>`. The prefix names it in lists and logs; of the secret only the SHA-256 of the whole
key is stored. A key is not a password: with 238 random bits a slow hash would protect no better.
"""

from __future__ import annotations

import hashlib
import re
from hmac import compare_digest

from msgspec import Struct

EVENTS_WRITE = "events:write"
EVENTS_BACKDATE = "events:backdate"
PROGRESS_READ = "progress:read"
USERS_WRITE = "users:write"
ADMIN = "admin"

SCOPES = {
    EVENTS_WRITE: "record events",
    EVENTS_BACKDATE: "record events that happened longer ago than others may",
    PROGRESS_READ: "read every learner's progress",
    USERS_WRITE: "change profiles",
    ADMIN: "all of it",
}
"""The scopes of keys, and their meanings. `admin` includes every other one."""

PREFIX_LENGTH = 12
SECRET_LENGTH = 40
ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

_KEY = re.compile(r"lrl_([0-9A-Za-z]{12})_([0-9A-Za-z]{40})", re.ASCII)


SESSION = "session of "
"""How the name of a session of the operator's page begins."""


class ApiKey(Struct, frozen=True, kw_only=True):
    """A key as it is stored. `digest` is the SHA-256 of the whole key in hex; instants are in milliseconds.

    `last_used_at` is written only now and then, so it may be some minutes behind.
    """

    prefix: str
    name: str
    scopes: frozenset[str]
    digest: str
    created_at: int
    expires_at: int | None = None
    revoked_at: int | None = None
    last_used_at: int | None = None

    def is_valid(self, now: int) -> bool:
        """Whether the key is neither revoked nor expired at `now`."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)


def assemble(prefix: str, secret: str) -> str:
    """The whole key, as its holder keeps it."""
    return f"lrl_{prefix}_{secret}"


def prefix_of(text: str) -> str | None:
    """The prefix of a text in the form of a key, else None."""
    found = _KEY.fullmatch(text)
    return None if found is None else found[1]


def digest_of(key: str) -> str:
    """The stored digest of a key."""
    return hashlib.sha256(key.encode()).hexdigest()


def fits(key: str, digest: str) -> bool:
    """Whether `digest` belongs to `key`, compared in constant time."""
    return compare_digest(digest_of(key), digest)


def allowed_by(scopes: frozenset[str]) -> frozenset[str]:
    """Every scope that holders of `scopes` have."""
    return frozenset(SCOPES) if ADMIN in scopes else scopes


def session_name(prefix: str) -> str:
    """The name of a session that is made from the key with this prefix. No other key has a name that begins like it."""
    return f"{SESSION}{prefix}"


def parent_of(key: ApiKey) -> str | None:
    """The prefix of the key that a session was made from; None for a key that is not a session."""
    return key.name.removeprefix(SESSION) if key.name.startswith(SESSION) else None
