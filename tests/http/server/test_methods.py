"""HEAD goes where GET does, OPTIONS says what there is, and no handler sees a method that it does not take."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

import pytest
from litestar.exceptions import NotFoundException

from laurels.errors import InvalidQuery
from laurels.http.auth.access import EVERYTHING, Caller
from laurels.http.server.methods import LONGEST_PATH, LONGEST_QUERY, Methods
from laurels.http.server.routing import Address, Route
from laurels.http.wire.http_error import HttpError
from laurels.http.wire.query_parameters import MAX_PARAMETERS
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


async def test_a_path_longer_than_any_address_is_not_passed_on() -> None:
    for length, is_taken in ((LONGEST_PATH, True), (LONGEST_PATH + 1, False)):
        scope = {**scope_of(), "path": "/".ljust(length, "x")}
        with nullcontext() if is_taken else pytest.raises(NotFoundException):
            assert (await ask(Methods(answering()), scope))[0] == 200


@pytest.mark.parametrize(
    ("query", "caller", "is_taken"),
    [
        (b"&".join([b"a=1"] * MAX_PARAMETERS), Caller(), True),
        (b"&".join([b"a=1"] * (MAX_PARAMETERS + 1)), Caller(), False),
        (b"&".join([b"a=1"] * (MAX_PARAMETERS + 1)), EVERYTHING, False),
        (b"x" * LONGEST_QUERY, Caller(), True),
        (b"x" * (LONGEST_QUERY + 1), Caller(), False),
        (b"x" * (LONGEST_QUERY + 1), Caller(user_id="ada"), True),
    ],
)
async def test_a_query_that_would_fill_the_memory_is_not_passed_on(
    query: bytes, caller: Caller, is_taken: bool
) -> None:
    scope = {**scope_of(), "query_string": query}
    scope["state"]["caller"] = caller
    with nullcontext() if is_taken else pytest.raises(InvalidQuery, match="query: Must have at most"):
        assert (await ask(Methods(answering()), scope))[0] == 200


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
