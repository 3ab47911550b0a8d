"""The client behind an address: one spelling for each, and one client for all addresses of a local network.

Limits per address need this: a client could otherwise avoid them with another spelling, or with another address of its
own network. A line of IPv6 may have many such networks, which have limits together.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable
from functools import lru_cache

# The minimum that an IPv6 customer gets: addresses within it cost nothing.
_IPV6_PREFIX = 64
# The usual size of a household, and the largest of a site: 256 and 65,536 clients that cost nothing either.
_HOUSEHOLD, _SITE = 56, 48

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@lru_cache(maxsize=10_000)
def client_of(address: str) -> str:
    """The client of an address: an IPv4 address in any spelling (also IPv4-mapped), or the /64 of an IPv6 address. A
    value that is no address is its own client."""
    found = _parsed(address)
    if isinstance(found, ipaddress.IPv6Address):
        return _network(found, _IPV6_PREFIX)
    return address if found is None else str(found)


@lru_cache(maxsize=10_000)
def networks_of(address: str) -> tuple[str, ...]:
    """The wider networks of an IPv6 address, which one customer may have alone: its /56 and its /48. None of others."""
    found = _parsed(address)
    if not isinstance(found, ipaddress.IPv6Address):
        return ()
    return _network(found, _HOUSEHOLD), _network(found, _SITE)


@lru_cache(maxsize=10_000)
def is_loopback(address: str) -> bool:
    """Whether an address is one of this machine's own."""
    found = _parsed(address)
    return found is not None and found.is_loopback


def among(networks: Iterable[str]) -> Callable[[str], bool]:
    """A function that tells whether an address is in one of these networks."""
    parsed: list[Network] = [ipaddress.ip_network(network, strict=False) for network in networks]

    @lru_cache(maxsize=1_000)
    def is_among(address: str) -> bool:
        found = _parsed(address)
        return found is not None and any(found in network for network in parsed)

    return is_among


def _network(address: ipaddress.IPv6Address, prefix: int) -> str:
    return str(ipaddress.IPv6Network((address, prefix), strict=False))


def _parsed(address: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        # A zone, as in fe80::1%eth0, is this machine's own name of an interface.
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return None
    return getattr(found, "ipv4_mapped", None) or found
