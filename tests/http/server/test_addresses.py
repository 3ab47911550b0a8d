"""One client is one client, however its address is written and however many an IPv6 network gives it."""

from __future__ import annotations

import pytest

from laurels.http.server.addresses import among, client_of, is_loopback, networks_of


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("192.0.2.1", "::ffff:192.0.2.1"),
        ("192.0.2.1", "::ffff:c000:201"),
        ("2001:db8:0:1::1", "2001:db8:0:1:ffff:ffff:ffff:ffff"),
        ("2001:DB8::1", "2001:db8:0:0:0:0:0:1"),
        ("fe80::1%eth0", "fe80::1"),
    ],
)
def test_spellings_and_addresses_of_one_client_are_one(one: str, other: str) -> None:
    assert client_of(one) == client_of(other)


@pytest.mark.parametrize(
    ("one", "other"), [("192.0.2.1", "192.0.2.2"), ("2001:db8:0:1::1", "2001:db8:0:2::1"), ("", "192.0.2.1")]
)
def test_others_are_others(one: str, other: str) -> None:
    assert client_of(one) != client_of(other)


def test_a_client_of_ipv6_is_in_two_networks_and_others_are_in_none() -> None:
    assert networks_of("2001:DB8:1:2ff::1%eth0") == ("2001:db8:1:200::/56", "2001:db8:1::/48")
    for address in ("192.0.2.1", "::ffff:192.0.2.1", "", "unix:"):
        assert networks_of(address) == (), address


def test_this_machine_is_known_however_it_is_written() -> None:
    for address in ("127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"):
        assert is_loopback(address), address
    for address in ("192.0.2.1", "::ffff:192.0.2.1", "localhost", "", "unix:"):
        assert not is_loopback(address), address


def test_an_address_is_among_networks() -> None:
    is_proxy = among(["10.0.0.0/8", "192.0.2.7"])
    assert is_proxy("10.1.2.3")
    assert is_proxy("::ffff:10.1.2.3")
    assert is_proxy("192.0.2.7")
    assert not is_proxy("192.0.2.8")
    assert not is_proxy("not an address")
