"""Tokens of end users: JWTs that the platform signs, with a shared secret or with keys that it publishes (JWKS).

The library checks signatures and claims. This module sets the conditions: algorithms of one kind only, an expiry, and a
`sub`, which is the user id.
"""

from __future__ import annotations

import asyncio
from base64 import urlsafe_b64decode
from collections.abc import Iterable
from time import monotonic
from typing import Any

import httpx2
import msgspec
import structlog
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import Key, KeySet, OctKey
from msgspec import Struct

from laurels.errors import SettingsError
from laurels.http.auth.published_keys import PublishedKeys, keys_in

SECRET_ALGORITHMS = ("HS256", "HS384", "HS512")
KEY_ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "Ed25519", "EdDSA")
MIN_SECRET_BYTES = 32
# A token is a request header; longer ones are rejected unread.
MAX_LENGTH = 4_096
# Seconds: how long published keys are valid, and between two reads for a key that is not among them.
FRESH = 600.0
AGAIN = 30.0
# How many keys are tried on a token that does not name its key: each try costs processor time.
MOST_TRIED = 5
_FETCH_SECONDS = 5.0
# Seconds that tokens wait for keys to be read again while some keys are known.
_PATIENCE = 0.5
_FETCH_BYTES = 256 * 1024
# The allowed difference between the clocks of two machines, in seconds.
LEEWAY = 30
# The largest exact whole number of a float, as a bound for any expiry in a token.
_FOR_EVER = 2**53

logger = structlog.get_logger("laurels.http")


class TokenRules(Struct, frozen=True):
    """The accepted tokens. Either `secret` or `jwks_url`; empty `algorithms`: the usual one of each kind."""

    secret: str | None = None
    jwks_url: str | None = None
    algorithms: tuple[str, ...] = ()
    issuer: str | None = None
    audience: str | None = None

    def __post_init__(self) -> None:
        if self.secret is not None and self.jwks_url is not None:
            raise SettingsError("LAURELS_JWT_SECRET and LAURELS_JWT_JWKS_URL: set one of them, not both.")
        if self.secret is not None and len(self.secret.encode()) < MIN_SECRET_BYTES:
            raise SettingsError(f"LAURELS_JWT_SECRET: must have at least {MIN_SECRET_BYTES} bytes.")
        known = SECRET_ALGORITHMS if self.secret is not None else KEY_ALGORITHMS
        if unknown := set(self.algorithms) - set(known):
            wrong = ", ".join(sorted(unknown))
            raise SettingsError(f"LAURELS_JWT_ALGORITHMS: {wrong} cannot be used here; use {', '.join(known)}.")

    @property
    def are_given(self) -> bool:
        """Whether tokens are configured at all."""
        return self.secret is not None or self.jwks_url is not None


class Token(Struct, frozen=True):
    """The contents of a token: the user id, and its expiry (seconds since the epoch)."""

    user_id: str
    expires_at: float


class _Head(Struct):
    alg: str = ""
    kid: Any = None


class Tokens:
    """Checks tokens.

    In seconds: published keys are valid for `fresh`. They are read again after `again` at the earliest; a read may take
    `fetch_seconds`.
    """

    def __init__(
        self,
        rules: TokenRules,
        *,
        fresh: float = FRESH,
        again: float = AGAIN,
        fetch_seconds: float = _FETCH_SECONDS,
    ) -> None:
        self._rules = rules
        self._fresh = fresh
        self._again = again
        self._fetch_seconds = fetch_seconds
        default = ("HS256",) if rules.secret is not None else ("RS256", "ES256", "Ed25519")
        self._algorithms = list(rules.algorithms or default)
        claims: dict[str, Any] = {"exp": {"essential": True}, "sub": {"essential": True}}
        if rules.issuer is not None:
            claims["iss"] = {"essential": True, "value": rules.issuer}
        if rules.audience is not None:
            claims["aud"] = {"essential": True, "value": rules.audience}
        self._claims = jwt.JWTClaimsRegistry(leeway=LEEWAY, **claims)
        self._key: OctKey | KeySet | None = None if rules.secret is None else OctKey.import_key(rules.secret)
        self._fresh_until = float("inf") if rules.secret is not None else 0.0
        self._asked_at = float("-inf")
        self._skipped = 0
        self._fetching: asyncio.Task[None] | None = None

    async def check(self, text: str) -> Token | None:
        """The contents of a token; None if it is invalid."""
        if len(text) > MAX_LENGTH or not self._rules.are_given:
            return None
        if monotonic() > self._fresh_until and (fetching := self._fetch()) is not None:
            # A platform that hangs delays nobody whose key is known.
            left = None if self._key is None else max(0.0, self._asked_at + _PATIENCE - monotonic())
            await asyncio.wait({fetching}, timeout=left)
        token = self._read(text)
        if token is None and self._rules.jwks_url is not None and (fetching := self._fetch()) is not None:
            # It may be signed by a key that was published since.
            await asyncio.wait({fetching})
            token = self._read(text)
        return token

    def _read(self, text: str) -> Token | None:
        if self._key is None:
            return None
        for key in self._keys_for(text, self._key):
            try:
                claims = jwt.decode(text, key, algorithms=self._algorithms).claims
                self._claims.validate(claims)
            except (JoseError, ValueError, TypeError, KeyError, RecursionError):
                # Also raised for a token that is nested too deeply to be read.
                continue
            return _token_of(claims)
        return None

    def _keys_for(self, text: str, known: OctKey | KeySet) -> Iterable[OctKey | KeySet | Key]:
        """The keys that may have signed a token. If it does not name its key, those of its type are tried."""
        if not isinstance(known, KeySet) or len(known.keys) == 1:
            return [known]
        try:
            head = msgspec.json.decode(urlsafe_b64decode(text.partition(".")[0] + "=="), type=_Head)
        except (ValueError, RecursionError):
            return []
        if head.kid is not None:
            return [known]
        if head.alg not in self._algorithms:
            return []
        types = KeySet.algorithm_keys.get(head.alg, [])
        fitting = [key for key in known if key.key_type in types and key.get("use") in (None, "sig")]
        return [key for key in fitting if key.get("alg") in (None, head.alg)][:MOST_TRIED]

    def _fetch(self) -> asyncio.Task[None] | None:
        """The running read of the published keys, started now if needed; None if it is too early."""
        if self._fetching is None or self._fetching.done():
            if monotonic() - self._asked_at < self._again:
                return None
            self._asked_at = monotonic()
            self._fetching = asyncio.create_task(self._read_keys(), name="laurels-jwks")
        return self._fetching

    async def _read_keys(self) -> None:
        """Read the published keys; the known keys stay if that fails."""
        url = self._rules.jwks_url or ""
        try:
            async with (
                asyncio.timeout(self._fetch_seconds),
                httpx2.AsyncClient(follow_redirects=False, trust_env=False) as client,
                client.stream("GET", url, headers={"accept": "application/json"}) as answer,
            ):
                if answer.status_code != 200:
                    raise ValueError(f"answered {answer.status_code}")
                body = b""
                async for piece in answer.aiter_bytes():
                    body += piece
                    if len(body) > _FETCH_BYTES:
                        raise ValueError("is too large")
            published = keys_in(body)
        except (httpx2.HTTPError, OSError, ValueError, RecursionError) as error:
            logger.warning("published keys could not be read", reason=type(error).__name__)
        else:
            self._key = published.keys
            self._fresh_until = monotonic() + self._fresh
            self._report_skipped(published)

    def _report_skipped(self, published: PublishedKeys) -> None:
        """Log the keys that cannot be used, once: they are read again every ten minutes."""
        if published.skipped_count and published.skipped_count != self._skipped:
            logger.warning("published keys were skipped", count=published.skipped_count, reasons=published.reasons)
        self._skipped = published.skipped_count

    async def close(self) -> None:
        """Cancel pending work."""
        if self._fetching is not None:
            self._fetching.cancel()


def _token_of(claims: dict[str, Any]) -> Token | None:
    user_id, expires_at = claims["sub"], claims["exp"]
    if not isinstance(user_id, str) or not 1 <= len(user_id) <= 100:
        return None
    return Token(user_id, min(expires_at, _FOR_EVER) + LEEWAY)
