"""Sign-in on the operator's page: an admin key is sent once, and a cookie carries a derived key from then on.

A session is an API key that was made from another one and lives for hours. Every process knows it, only its hash is
stored, it can be revoked like any other key, and it ends with the key that it was made from.
"""

from __future__ import annotations

import re
from contextlib import suppress

from litestar.types import HTTPScope

from laurels.application.access.keyring import create_key, revoke_key
from laurels.application.ports.clock import Clock
from laurels.application.ports.keys import KeyStore
from laurels.domain.keys import ADMIN, fits, parent_of, prefix_of
from laurels.errors import UnknownKey
from laurels.http.wire.bodies import header

COOKIE = "laurels_session"
# Browsers accept a cookie of this name over https and from this very host alone, not from another one of the domain.
_SECURE_COOKIE = f"__Host-{COOKIE}"
HOURS = 12
# Addresses of the pages: the cookie is ignored elsewhere, so that no foreign page can make the API do anything.
_PAGES = ("/admin", "/u/", "/stream/", "/embed/", "/leaderboard", "/badges")
# The standard library's parser takes a fifth of a second for 8 KB of escapes, and no limit applies to the sender yet.
_FIND, _FIND_SECURE = (re.compile(rf"(?:^|;)[ \t]*+{name}=([^;]*+)") for name in (COOKIE, _SECURE_COOKIE))


async def sign_in(store: KeyStore, clock: Clock, text: str) -> str | None:
    """The cookie's value for a caller who has the admin key `text`; None if it is no such key. Raises StoreError.

    A session cannot make another one: that one would not end with the original key.
    """
    prefix, now = prefix_of(text), clock()
    for key in await store.all():
        if (
            parent_of(key) is None
            and key.prefix == prefix
            and fits(text, key.digest)
            and key.is_valid(now)
            and ADMIN in key.scopes
        ):
            expires_at = now + HOURS * 3_600_000
            if key.expires_at is not None:
                expires_at = min(expires_at, key.expires_at)
            session, _ = await create_key(store, clock, parent=prefix, scopes=[ADMIN], expires_at=expires_at)
            return session
    return None


async def sign_out(store: KeyStore, clock: Clock, session: str) -> None:
    """End a session; an unknown session counts as ended. Raises StoreError.

    The cookie must hold the whole session: prefixes of keys are in lists and logs, and anybody may send this form.
    """
    prefix = prefix_of(session)
    for key in [] if prefix is None else await store.all():
        if parent_of(key) is not None and key.prefix == prefix and fits(session, key.digest):
            # Another process may have removed it.
            with suppress(UnknownKey):
                await revoke_key(store, clock, key.prefix)


def session_in(scope: HTTPScope) -> str | None:
    """The session in a request to a page. Over https only that of the cookie which is set there; where it is not known
    that a browser came by https, that one before the other."""
    if not scope["path"].startswith(_PAGES):
        return None
    cookies = header(scope, b"cookie", "")
    found = _FIND_SECURE.search(cookies)
    if found is None and scope["scheme"] != "https":
        found = _FIND.search(cookies)
    return None if found is None else found[1].strip()


def cookie_of(session: str, *, is_secure: bool) -> str:
    """The header that sets the session; an empty `session` ends it."""
    age = HOURS * 3_600 if session else 0
    name, secure = (_SECURE_COOKIE, "; Secure") if is_secure else (COOKIE, "")
    return f"{name}={session}; Path=/; Max-Age={age}; HttpOnly; SameSite=Strict{secure}"
