"""Identifies the caller of a request: a key, an end user with a token, nobody known, or any process on this machine
while there are no keys yet."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Awaitable, Callable
from functools import lru_cache, partial
from time import time
from urllib.parse import unquote_to_bytes

from litestar.types import HTTPScope
from msgspec import Struct
from msgspec.structs import replace

from laurels.application.access.keyring import Keyring
from laurels.domain.keys import ApiKey, allowed_by, parent_of
from laurels.http.auth.access import EVERYTHING, Caller, Unauthenticated
from laurels.http.auth.sessions import session_in
from laurels.http.auth.tokens import MAX_LENGTH, Token, Tokens
from laurels.http.server.routing import route_of
from laurels.http.wire.bodies import header

KEY_PREFIX = "lrl_"
# Headers that proxies and networks add; a browser or curl on this machine sends none of them.
_FORWARDED = frozenset(
    {
        b"forwarded",
        b"via",
        b"x-real-ip",
        b"x-client-ip",
        b"x-cluster-client-ip",
        b"true-client-ip",
        b"fastly-client-ip",
        b"client-ip",
    }
)
_FORWARDED_BEGIN = (b"x-forwarded-", b"x-original-", b"cf-", b"x-envoy-", b"x-amzn-", b"fly-", b"x-appengine-")
_ACCESS_TOKEN = re.compile(rb"(?:^|&)access_token=([^&]*+)").search
_OWN_SITES = frozenset({b"same-origin", b"none"})
_HOST = re.compile(r"(localhost|127(?:\.[0-9]{1,3}){3}|\[::1\])(?::[0-9]{1,5})?", re.IGNORECASE)


class Policy(Struct, frozen=True):
    """The operator's policy. `records_own`: end users may record their own events. `earliest_hours`: how many hours
    back events of callers without the scope may lie. `shown`: the parts that everybody may see. `fixed_fields`: the
    profile fields that end users cannot change. `origins`: the origins whose pages may call from a browser."""

    records_own: bool = False
    earliest_hours: int | None = None
    shown: frozenset[str] = frozenset({"boards", "badges"})
    fixed_fields: frozenset[str] = frozenset()
    origins: frozenset[str] = frozenset()


class WrongCredentials(Unauthenticated):
    """The sent key or token is not valid."""

    def __init__(self, detail: str = "This key or token is unknown, expired or revoked.") -> None:
        super().__init__(detail)


class Identity:
    """Identifies the caller of a request, by the keys of one store and the tokens of one platform."""

    def __init__(self, keyring: Keyring, tokens: Tokens, policy: Policy, *, has_tokens: bool) -> None:
        self._keyring = keyring
        self._tokens = tokens
        self._policy = policy
        self._has_tokens = has_tokens
        self._anonymous = Caller(shown=policy.shown)
        self._open = replace(EVERYTHING, shown=policy.shown, is_still_valid=self._is_still_open)
        self._by_key: dict[str, Caller] = {}

    @property
    def is_ready(self) -> bool:
        """Whether the keys are known, so that callers can be identified."""
        return self._keyring.is_known

    async def of(self, scope: HTTPScope) -> Caller:
        """The caller. Raises Unauthenticated, or StoreError if keys are not known yet."""
        if not self._keyring.stay_fresh():
            await self._keyring.refresh()
        credentials = credentials_in(scope)
        if credentials is None and (session := session_in(scope)) is not None:
            return self._of_session(session)
        if credentials is None:
            if self._keyring.is_empty and not self._has_tokens and is_this_machine(scope, self._policy.origins):
                return self._open
            return self._anonymous
        if credentials.startswith(KEY_PREFIX):
            return self._of_key(credentials)
        token = await self._tokens.check(credentials)
        if token is None:
            raise WrongCredentials
        return Caller(
            user_id=token.user_id,
            records_own=self._policy.records_own,
            earliest_hours=self._policy.earliest_hours,
            shown=self._policy.shown,
            fixed_fields=self._policy.fixed_fields,
            is_still_valid=partial(_is_current, token),
        )

    def _of_session(self, text: str) -> Caller:
        """A session is valid as long as the key that it was made from; an invalid cookie is ignored."""
        key = self._keyring.check(text)
        parent = None if key is None else parent_of(key)
        if key is None or parent is None or not self._keyring.is_still_valid(parent):
            return self._anonymous
        return self._caller_of(key, parent)

    def _of_key(self, text: str) -> Caller:
        key = self._keyring.check(text)
        # A session is valid only in its cookie, and for pages: here it would outlive the key that it was made from.
        if key is None or parent_of(key) is not None:
            raise WrongCredentials
        return self._caller_of(key)

    def _caller_of(self, key: ApiKey, parent: str | None = None) -> Caller:
        caller = self._by_key.get(key.prefix)
        if caller is None:
            caller = self._by_key[key.prefix] = Caller(
                scopes=allowed_by(key.scopes),
                key=key.prefix,
                parent=parent,
                earliest_hours=self._policy.earliest_hours,
                shown=self._policy.shown,
                is_still_valid=self._still(key.prefix, *([] if parent is None else [parent])),
            )
        return caller

    async def _is_still_open(self) -> bool:
        """Whether there is still no key, so that a stream that began without one may continue."""
        if not self._keyring.stay_fresh():
            await self._keyring.refresh()
        return self._keyring.is_empty

    def _still(self, *prefixes: str) -> Callable[[], Awaitable[bool]]:
        async def is_still_valid() -> bool:
            if not self._keyring.stay_fresh():
                await self._keyring.refresh()
            return all(map(self._keyring.is_still_valid, prefixes))

        return is_still_valid


async def _is_current(token: Token) -> bool:
    return time() < token.expires_at


def credentials_in(scope: HTTPScope) -> str | None:
    """The key or token of a request. Raises WrongCredentials for a value that can be neither."""
    given = header(scope, b"authorization", "")
    if given:
        kind, _, credentials = given.partition(" ")
        if kind.lower() != "bearer" or not credentials.strip():
            # It counts as a guess: the value may be a key under another name.
            raise WrongCredentials("Send the key or token as Authorization: Bearer ...")
        return credentials.strip()
    if scope["query_string"] and (route := route_of(scope)) is not None and route.is_stream:
        # A page's EventSource cannot send headers. Our log holds no queries. Only the first parameter is decoded:
        # thousands take long, and no limit applies to their sender yet.
        found = _ACCESS_TOKEN(scope["query_string"])
        return None if found is None else unquote_to_bytes(found[1][: MAX_LENGTH + 1]).decode("latin-1") or None
    return None


def is_this_machine(scope: HTTPScope, origins: frozenset[str] = frozenset()) -> bool:
    """Whether a request comes from this machine itself: not through a proxy on it, and not from a page of another site
    or port in a browser here, unless the operator allows its origin (`origins`).

    A proxy that leaves no trace cannot be recognised, so a service reachable from other machines needs a key.
    """
    client = scope["client"]
    # A bare `proxy_pass` speaks HTTP/1.0; no other client does any more.
    if client is None or not _is_loopback(client[0]) or scope["http_version"] == "1.0":
        return False
    hosts: list[str] = []
    pages: list[str] = []
    is_of_page = False
    for name, value in scope["headers"]:
        if name in _FORWARDED or name.startswith(_FORWARDED_BEGIN):
            return False
        if name == b"host":
            hosts.append(value.decode("latin-1").lower())
        elif name in (b"origin", b"referer"):
            pages.append(value.decode("latin-1").lower())
        elif name == b"sec-fetch-site":
            is_of_page = value not in _OWN_SITES
    if len(hosts) != 1 or not _HOST.fullmatch(hosts[0]):
        return False
    asked_by = [page.partition("://") for page in pages]
    if pages and all(f"{scheme}://{rest.partition('/')[0]}" in origins for scheme, _, rest in asked_by):
        return True
    own = (scope["scheme"], hosts[0])
    return not is_of_page and all((scheme, rest.partition("/")[0]) == own for scheme, _, rest in asked_by)


@lru_cache(maxsize=1_000)
def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False
