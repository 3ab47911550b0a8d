"""Pages of the origins that are listed may call from a browser, and no others; every answer says what it hangs on."""

from __future__ import annotations

from typing import Any

import pytest

from laurels.http.server.cors import Cors, origins_allowed
from tests.http.server.requests import answering, ask, scope_of

LEARN = "https://learn.example"
PREFLIGHT: dict[str, Any] = {"access_control_request_method": "POST"}


def cors(*origins: str) -> Cors:
    return Cors(answering(), origins_allowed(origins or (LEARN,)))


async def headers_for(app: Cors, method: str = "GET", **headers: Any) -> dict[str, list[str]]:
    """The headers of the answer, by name."""
    found: dict[str, list[str]] = {}
    for name, value in (await ask(app, scope_of(method, **headers)))[1]:
        found.setdefault(name.decode(), []).append(value.decode())
    return found


async def test_a_request_of_no_page_is_passed_on_as_it_is() -> None:
    assert await headers_for(cors()) == {"x-app": ["1"], "x-method": ["GET"]}


async def test_a_page_of_a_listed_origin_may_see_the_answer() -> None:
    found = await headers_for(cors("https://other.example", LEARN), origin=LEARN)
    assert found["access-control-allow-origin"] == [LEARN]
    assert found["vary"] == ["Origin"]
    assert "retry-after" in found["access-control-expose-headers"][0].lower()
    assert found["x-app"] == ["1"]


@pytest.mark.parametrize("origin", ["https://evil.example", "http://learn.example", LEARN + ".evil.example", "null"])
async def test_another_page_may_not_and_caches_know_it(origin: str) -> None:
    found = await headers_for(cors(), origin=origin)
    assert found == {"x-app": ["1"], "x-method": ["GET"], "vary": ["Origin"]}


async def test_a_preflight_is_answered_without_asking_further() -> None:
    status, headers, content = await ask(cors(), scope_of("OPTIONS", origin=LEARN, **PREFLIGHT))
    found: dict[bytes, Any] = dict(headers)
    assert (status, content) == (204, b"")
    assert found[b"access-control-allow-origin"] == LEARN.encode()
    assert {each.strip() for each in found[b"access-control-allow-methods"].split(b",")} >= {b"POST", b"PUT", b"DELETE"}
    assert b"authorization" in found[b"access-control-allow-headers"].lower()
    assert b"x-app" not in found


async def test_a_preflight_of_another_page_allows_nothing() -> None:
    status, headers, _ = await ask(cors(), scope_of("OPTIONS", origin="https://evil.example", **PREFLIGHT))
    assert (status, headers) == (204, [(b"vary", b"Origin")])


async def test_options_of_a_page_that_asks_for_no_method_is_a_request_like_others() -> None:
    assert (await headers_for(cors(), "OPTIONS", origin=LEARN))["x-method"] == ["OPTIONS"]


async def test_every_page_may_call_where_the_operator_says_so() -> None:
    assert (await headers_for(cors("*"), origin="https://any.example"))["access-control-allow-origin"]
