"""Webhooks: endpoints for messages about events, the signatures of messages, and the permitted addresses.

Signed as Standard Webhooks: the HMAC-SHA256 of `id.timestamp.body` with the endpoint's secret. A secret that is being
replaced still signs beside the new one, so that receivers can change over without losing a message.
"""

from __future__ import annotations

import hmac
import secrets
from base64 import b64decode, b64encode
from collections.abc import Collection, Sequence
from hashlib import sha256
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address
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
"""The message types for endpoints. `TEST` is only sent on request."""

DELAYS = (5, 30, 120, 600, 3_600, 3 * 3_600, 8 * 3_600, 20 * 3_600, 40 * 3_600)
"""Seconds between the attempts to deliver a message: three days in all."""

ATTEMPTS = len(DELAYS) + 1

ROTATION = 24 * 3_600 * 1_000
"""Milliseconds for which a replaced secret still signs."""

_SECRET = "whsec_"  # noqa: S105  the mark of one, not one
_LONGEST_URL = 2_000
# Special ranges of the IANA registries that versions of Python call global; and 168.63.129.16, the virtual public
# address at which Azure answers its own machines.
_SPECIAL_V4 = tuple(
    map(
        IPv4Network,
        (
            "168.63.129.16/32",
            "192.0.0.0/24",
            "192.31.196.0/24",
            "192.52.193.0/24",
            "192.88.99.0/24",
            "192.175.48.0/24",
        ),
    )
)
# Nothing beyond it is global unicast: so neither are IPv4 addresses behind a NAT64 gateway.
_UNICAST = IPv6Network("2000::/3")
_SPECIAL_V6 = tuple(map(IPv6Network, ("2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20")))

State = Literal["pending", "dead", "done"]


class Endpoint(Struct, frozen=True, kw_only=True):
    """The destination of messages. `types` are the subscribed ones; instants are in milliseconds.

    `previous_secret` also signs, until `previous_until`.
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
    """A message for an endpoint, and its result so far.

    It is part `part` of the messages about entry `seq` of the user; `seq` is 0 for a message without an entry. `state`:
    it is retried at `next_at`, or it was given up, or it arrived; then `body` is empty. `status` is that of the last
    response, `error` why there was none or it did not count, `at` when that was.
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
    """A new random secret."""
    return _SECRET + b64encode(secrets.token_bytes(32)).decode()


def headers_of(message_id: str, body: str, signing: Sequence[str], now: int) -> dict[str, str]:
    """The headers of a message that is sent at the instant `now`, signed by each of the given secrets."""
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
    """The same for the same parts, in every process: receivers recognise repeated messages by it."""
    named = "".join(f"{len(str(part))}:{part}" for part in parts)
    return "msg_" + sha256(named.encode()).hexdigest()[:32]


def check_types(types: Collection[str]) -> frozenset[str]:
    """The subscribed types of an endpoint; all if none are given. Raises InvalidInput."""
    if unknown := set(types) - set(TYPES):
        raise InvalidInput("types", f"{min(unknown)[:100]} is not one of {', '.join(TYPES)}.")
    return frozenset(types or TYPES)


def check_url(url: str, *, allow_private: bool) -> None:
    """Raise InvalidInput if it cannot be an endpoint. The address of its name is only known at the time of a call."""
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

    Addresses of special purpose do not, nor do IPv6 addresses that embed an IPv4 one: their destination depends on the
    sender's network.
    """
    parsed = ip_address(address.partition("%")[0])
    if isinstance(parsed, IPv6Address):
        is_special = parsed not in _UNICAST or any(parsed in network for network in _SPECIAL_V6)
    else:
        is_special = any(parsed in network for network in _SPECIAL_V4)
    return (
        not is_special
        and parsed.is_global
        and not (
            parsed.is_private
            or parsed.is_loopback
            or parsed.is_link_local
            or parsed.is_multicast
            or parsed.is_reserved
            or parsed.is_unspecified
        )
    )


def is_delivered(status: int | None) -> bool:
    """Whether a status says that a message arrived. A redirect does not: its target was never checked."""
    return status is not None and 200 <= status < 300
