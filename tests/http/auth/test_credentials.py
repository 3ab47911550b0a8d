"""Keys, tokens and sessions are found in what a request carries, however much it carries: nothing limits yet who sends
it."""

from __future__ import annotations

from collections.abc import Callable
from time import process_time
from typing import Any

import pytest

from laurels.http.auth.access import OPEN
from laurels.http.auth.identity import credentials_in
from laurels.http.auth.sessions import session_in
from laurels.http.server.routing import Address, Route

# As much as the head of a request holds.
MOST = 31 * 1024
# Seconds of a processor; each of these took from fifteen to two hundred thousandths.
LONG = 0.005


def request(path: str, *, query: bytes = b"", cookie: bytes = b"", scheme: str = "http") -> Any:
    address = Address(path, {"GET": Route(OPEN, is_stream=True)})
    headers = [(b"cookie", cookie)] if cookie else []
    state = {"address": address, "route": address.routes.get("GET")}
    return {"scheme": scheme, "path": path, "method": "GET", "query_string": query, "headers": headers, "state": state}


@pytest.mark.parametrize(
    ("cookie", "found"),
    [
        (b"laurels_session=abc", "abc"),
        (b"a=b; laurels_session=abc; c=d", "abc"),
        (b"a=b;laurels_session=abc", "abc"),
        (b"laurels_session=", ""),
        (b"my_laurels_session=abc", None),
        (b"a=laurels_session=abc", None),
        (b"laurels_session", None),
        (b"", None),
        # Set over https; the proxy may not say that the browser came by it.
        (b"__Host-laurels_session=abc", "abc"),
        (b"laurels_session=planted; __Host-laurels_session=abc", "abc"),
        (b"__Host-laurels_session=; laurels_session=planted", ""),
        (b"My__Host-laurels_session=abc", None),
    ],
)
def test_the_session_among_other_cookies(cookie: bytes, found: str | None) -> None:
    assert session_in(request("/admin", cookie=cookie)) == found


def test_over_https_a_cookie_counts_that_only_this_host_can_have_set() -> None:
    assert session_in(request("/admin", scheme="https", cookie=b"laurels_session=planted")) is None
    for cookie in (b"__Host-laurels_session=abc", b"laurels_session=planted; __Host-laurels_session=abc"):
        assert session_in(request("/admin", scheme="https", cookie=cookie)) == "abc"


@pytest.mark.parametrize(
    ("query", "found"),
    [
        (b"access_token=abc", "abc"),
        (b"lastEventId=5&access_token=a%2Eb", "a.b"),
        (b"access_token=abc&access_token=def", "abc"),
        (b"access_token=", None),
        (b"my_access_token=abc", None),
        (b"", None),
    ],
)
def test_the_token_in_the_query_of_a_stream(query: bytes, found: str | None) -> None:
    assert credentials_in(request("/stream/", query=query)) == found


def filled(pattern: bytes) -> bytes:
    return pattern * (MOST // len(pattern))


@pytest.mark.parametrize(
    ("find", "sent"),
    [
        *(
            (session_in, request("/admin", cookie=b'a="' + filled(each)))
            for each in (rb"\"", rb"\a", b"a=b;", b" ;", b" ")
        ),
        *(
            (credentials_in, request("/stream/", query=filled(each)))
            for each in (b"a=1&", b"%41", b"access_token=%41\xe9&", b"access_token")
        ),
        (credentials_in, request("/stream/", query=b"access_token=" + filled(b"\xe9%41"))),
    ],
)
def test_whatever_fills_the_head_of_a_request_is_looked_through_at_once(
    find: Callable[[Any], str | None], sent: Any
) -> None:
    began = process_time()
    find(sent)
    assert process_time() - began < LONG
