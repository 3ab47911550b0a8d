"""Webhooks: endpoints that are told of what happened, how messages are signed, and which addresses may be called.

Signed as Standard Webhooks: the HMAC-SHA256 of `id.timestamp.body` with the endpoint's secret. A secret that is being
replaced goes on to sign beside the new one, so that receivers can change over without losing a message.
"""

from __future__ import annotations

import hmac
import secrets
from base64 import b64decode, b64encode
from collections.abc import Collection, Sequence
from hashlib import sha256
from ipaddress import IPv6Address, IPv6Network, ip_address
from typing import Literal
from urllib.parse import urlsplit

from msgspec import Struct

from laurels.errors import InvalidInput

BADGE_AWARDED = "badge.awarded"
BADGE_REVOKED = "badge.revoked"
BADGES_BACKFILLED = "badges.backfilled"
EVENT_RETRACTED = "event.retracted"
EVENT_SET_ASIDE = "event.set_aside"
BOARD_CLOSED = "board.closed"
GOAL_MET = "goal.met"
LEVEL_REACHED = "level.reached"
SPENDING_CREATED = "spending.created"
STREAK_EXTENDED = "streak.extended"
STREAK_LOST = "streak.lost"
STREAK_REPAIRED = "streak.repaired"
USER_DELETED = "user.deleted"
USER_MERGED = "user.merged"
TEST = "webhook.test"

TYPES = (
    BADGE_AWARDED,
    BADGE_REVOKED,
    BADGES_BACKFILLED,
    BOARD_CLOSED,
    EVENT_RETRACTED,
    EVENT_SET_ASIDE,
    GOAL_MET,
    LEVEL_REACHED,
    SPENDING_CREATED,
    STREAK_EXTENDED,
    STREAK_LOST,
    STREAK_REPAIRED,
    USER_DELETED,
    USER_MERGED,
)
"""What an endpoint can ask for. `TEST` is only sent when somebody asks for it by hand."""

DELAYS = (5, 30, 120, 600, 3_600, 3 * 3_600, 8 * 3_600, 20 * 3_600, 40 * 3_600)
"""Seconds between the attempts to deliver a message: three days in all."""

ATTEMPTS = len(DELAYS) + 1

ROTATION = 24 * 3_600 * 1_000
"""Milliseconds for which a secret that was replaced goes on to sign."""

_SECRET = "whsec_"  # noqa: S105  the mark of one, not one
_LONGEST_URL = 2_000
# What a gateway to IPv4 translates.
_TRANSLATED = IPv6Network("64:ff9b::/32")

State = Literal["pending", "dead", "done"]


class Endpoint(Struct, frozen=True, kw_only=True):
    """Where messages go. `types` are those it asked for; instants are in milliseconds.

    `previous_secret` signs, too, until `previous_until`.
    """

    id: str
    url: str
    types: frozenset[str]
    secret: str
    created_at: int
    previous_secret: str | None = None
    previous_until: int | None = None

    def secrets_at(self, now: int) -> list[str]:
        """The secrets that sign at the instant `now`, the new one first."""
        previous = self.previous_secret
        if previous is None or self.previous_until is None or now >= self.previous_until:
            return [self.secret]
        return [self.secret, previous]


class Delivery(Struct, frozen=True, kw_only=True):
    """A message for an endpoint, and what became of it so far.

    It is part `part` of what entry `seq` of the user tells; `seq` is 0 for what stands in no ledger. `state`: it is
    tried again at `next_at`, or it was given up, or it arrived; then `body` is empty. `status` is that of the last
    answer, `error` why there was none or it did not count, `at` when that was.
    """

    endpoint: str
    id: str
    type: str
    user_id: str
    body: str
    seq: int = 0
    part: int = 0
    state: State = "pending"
    attempts: int = 0
    next_at: int = 0
    at: int = 0
    status: int | None = None
    error: str | None = None


def new_secret() -> str:
    """A secret that nobody else has."""
    return _SECRET + b64encode(secrets.token_bytes(32)).decode()


def headers_of(message_id: str, body: str, signing: Sequence[str], now: int) -> dict[str, str]:
    """The headers of a message that is sent at the instant `now`, signed by each of some secrets."""
    at = now // 1_000
    content = f"{message_id}.{at}.{body}".encode()
    signed = [hmac.digest(b64decode(secret.removeprefix(_SECRET)), content, "sha256") for secret in signing]
    return {
        "content-type": "application/json",
        "webhook-id": message_id,
        "webhook-timestamp": str(at),
        "webhook-signature": " ".join(f"v1,{b64encode(each).decode()}" for each in signed),
    }


def message_id_of(*parts: str | int) -> str:
    """The same for the same parts, in every process: by it receivers find out what they have already."""
    named = "".join(f"{len(str(part))}:{part}" for part in parts)
    return "msg_" + sha256(named.encode()).hexdigest()[:32]


def check_types(types: Collection[str]) -> frozenset[str]:
    """The types that an endpoint asks for; all where none is named. Raises InvalidInput."""
    if unknown := set(types) - set(TYPES):
        raise InvalidInput("types", f"{min(unknown)[:100]} is not one of {', '.join(TYPES)}.")
    return frozenset(types or TYPES)


def check_url(url: str, *, allow_private: bool) -> None:
    """Raise InvalidInput for what cannot be an endpoint. Where its name leads to is only known when it is called."""
    if len(url) > _LONGEST_URL or not url.isascii() or not url.isprintable() or " " in url:
        raise InvalidInput("url", f"Must be an address of at most {_LONGEST_URL} printable ASCII characters.")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise InvalidInput("url", "Must be an address, such as https://learn.example/hooks.") from None
    if parts.scheme not in (("https", "http") if allow_private else ("https",)):
        raise InvalidInput("url", "Must begin with https://.")
    if not host or port == 0 or "@" in parts.netloc or parts.fragment:
        raise InvalidInput("url", "Must be https://HOST/PATH, without a name, password or fragment.")
    if not allow_private and not _may_be_public(host):
        raise InvalidInput("url", "Must not lead to this machine or a private network.")


def _may_be_public(host: str) -> bool:
    try:
        return is_public(host)
    except ValueError:
        return host.rstrip(".") != "localhost" and not host.rstrip(".").endswith((".localhost", ".internal", ".local"))


def is_public(address: str) -> bool:
    """Whether an IP address belongs to the open internet. Raises ValueError.

    IPv6 addresses that stand for an IPv4 one do not: what they lead to depends on who sends there.
    """
    parsed = ip_address(address.partition("%")[0])
    if isinstance(parsed, IPv6Address) and (
        parsed.ipv4_mapped is not None
        or parsed.sixtofour is not None
        or parsed.teredo is not None
        or parsed.is_site_local
        or parsed in _TRANSLATED
    ):
        return False
    return parsed.is_global and not (
        parsed.is_private
        or parsed.is_loopback
        or parsed.is_link_local
        or parsed.is_multicast
        or parsed.is_reserved
        or parsed.is_unspecified
    )


def is_delivered(status: int | None) -> bool:
    """Whether an answer says that a message arrived. A redirect does not: where it leads was never checked."""
    return status is not None and 200 <= status < 300
