"""Who sent a request, where senders take turns: one name for all that one of them may easily have many of."""

from __future__ import annotations

from litestar.types import HTTPScope

from laurels.http.auth.access import caller_of
from laurels.http.server.addresses import client_of, networks_of


def sender_of(scope: HTTPScope) -> str:
    """The name of the sender of a request: of a key, a user, or an address without either; the widest network of an
    IPv6 address, which one client may have alone."""
    caller, client = caller_of(scope), scope["client"]
    if caller.key is not None:
        return f"key {caller.key}"
    if caller.user_id is not None:
        return f"user {caller.user_id}"
    host = "" if client is None else client[0]
    return (networks_of(host) or (client_of(host),))[-1]
