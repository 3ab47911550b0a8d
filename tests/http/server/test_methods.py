"""HEAD goes where GET does, OPTIONS says what there is, and no handler sees a method that it does not take."""

from __future__ import annotations

from typing import Any

import pytest
from litestar.exceptions import NotFoundException

from laurels.http.server.methods import Methods
from laurels.http.server.routing import Address, Route
from laurels.http.wire.http_error import HttpError
from tests.http.server.requests import ANYBODY, answering, ask, scope_of

ONLY_POST = Address("/api/event", {"POST": Route(ANYBODY)})


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_what_an_address_takes_is_passed_on(method: str) -> None:
    status, headers, content = await ask(Methods(answering()), scope_of(method))
    assert (status, content) == (200, b"thing")
    assert (b"x-method", method.encode()) in headers


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "BREW"])
async def test_where_there_is_no_address_nothing_is_passed_on(method: str) -> None:
    with pytest.raises(NotFoundException):
        await ask(Methods(answering()), scope_of(method, None))


async def test_head_is_asked_as_get_and_answered_without_a_body() -> None:
    scope = scope_of("HEAD")
    status, headers, content = await ask(Methods(answering()), scope)
    assert (status, content) == (200, b"")
    assert (b"x-method", b"GET") in headers
    # Those around it still see what was asked for.
    assert scope["method"] == "HEAD"


async def test_what_makes_the_body_of_a_head_stops() -> None:
    went_on = False

    async def endless(scope: Any, receive: Any, send: Any) -> None:
        nonlocal went_on
        await answering()(scope, receive, send)
        went_on = True

    assert (await ask(Methods(endless), scope_of("HEAD")))[2] == b""
    assert not went_on


async def test_options_names_the_methods() -> None:
    status, headers, content = await ask(Methods(answering()), scope_of("OPTIONS"))
    assert (status, headers, content) == (204, [(b"allow", b"GET, OPTIONS, POST")], b"")


@pytest.mark.parametrize("method", ["HEAD", "GET", "DELETE", "get", "BREW"])
async def test_what_an_address_does_not_take_is_refused_with_what_it_takes(method: str) -> None:
    with pytest.raises(HttpError) as refused:
        await ask(Methods(answering()), scope_of(method, ONLY_POST))
    assert (refused.value.status_code, refused.value.headers) == (405, {"Allow": "OPTIONS, POST"})
    assert "it takes OPTIONS, POST." in refused.value.detail
