"""From every error of the tree to an answer: none is without a row, and none tells what is inside."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx2
import pytest
from litestar import Request, get
from litestar.exceptions import HTTPException, NotAuthorizedException, ValidationException
from structlog.testing import capture_logs

from laurels.errors import (
    BalanceTooLow,
    EventConflict,
    InvalidInput,
    InvalidQuery,
    LaurelsError,
    OtherRulebook,
    RepairRefused,
    RulebookError,
    SpendingConflict,
    StoreContended,
    StoreError,
    UnknownBadge,
    UnknownEvent,
    UnknownJob,
    UnknownUser,
    UserDeleted,
    UserMerged,
)
from laurels.http.app import build_app
from laurels.http.auth.access import Caller
from laurels.http.observability.observing import RequestObserver, TrafficSample
from laurels.http.server.error_responses import ErrorResponses
from laurels.http.server.headers import SecurityHeaders
from laurels.http.server.routing import RouteTable
from laurels.http.wire.bodies import text_of_path
from laurels.http.wire.problems import STATUS, STORE_DETAILS, TITLES, on_fault
from tests.http.answers import assert_refused

INSIDE = "SELECT * FROM ledger failed in /srv/laurels/laurels.db: apsw.SQLError at 10.0.0.5"


def tree(root: type[LaurelsError] = LaurelsError) -> list[type[LaurelsError]]:
    """An error and all that descend from it; those that other tests make are not ours."""
    below = [leaf for child in root.__subclasses__() if child.__module__ == "laurels.errors" for leaf in tree(child)]
    return [root, *below]


def raised(kind: type[LaurelsError]) -> LaurelsError:
    if issubclass(kind, InvalidInput):
        return kind("userId", "Must be a string.")
    if issubclass(kind, EventConflict):
        return kind("ada", "run-1")
    if issubclass(kind, UnknownUser):
        return kind("ada")
    if issubclass(kind, UserMerged):
        return kind("old", "ada")
    if issubclass(kind, UserDeleted | UnknownEvent | SpendingConflict):
        return kind()
    if issubclass(kind, UnknownBadge):
        return kind("This user does not hold the badge mentor.")
    if issubclass(kind, RepairRefused):
        return kind("It is too late.")
    if issubclass(kind, BalanceTooLow):
        return kind("coins", 3, 5)
    if issubclass(kind, OtherRulebook):
        return kind(3, "coding", "school")
    if issubclass(kind, UnknownJob):
        return kind("There is no job with this id.")
    if issubclass(kind, RulebookError):
        return kind("badges.0", INSIDE, where="/srv/rules.toml:3")
    return kind(INSIDE)


async def answer_to(error: Exception) -> httpx2.Response:
    """What a client gets where a route raises; a layer around the routes that raises must answer the same."""

    @get("/raise", include_in_schema=False)
    async def fail() -> None:
        raise error

    framework = build_app(pages=[fail])

    async def route(scope: Any, receive: Any, send: Any) -> None:
        scope["state"]["caller"] = Caller()
        await framework(scope, receive, send)

    async def layer(_scope: Any, _receive: Any, _send: Any) -> None:
        raise error

    answers: list[httpx2.Response] = []
    for app in (route, layer):
        whole = RequestObserver(SecurityHeaders(ErrorResponses(app)), RouteTable(framework))
        transport = httpx2.ASGITransport(app=whole)  # pyright: ignore[reportArgumentType]  its scope is typed more narrowly
        async with httpx2.AsyncClient(transport=transport, base_url="http://test") as client:
            answers.append(await client.get("/raise"))
    of_route, of_layer = answers
    assert (of_route.status_code, of_route.content) == (of_layer.status_code, of_layer.content)
    return of_route


class TestTables:
    def test_every_error_has_a_status(self) -> None:
        assert set(STATUS) == set(tree())

    def test_every_error_that_is_told_has_a_title(self) -> None:
        told = {kind.code for kind in tree() if STATUS[kind] < 500 or issubclass(kind, StoreError)}
        assert set(TITLES) == told

    def test_every_error_of_a_store_has_a_sentence(self) -> None:
        assert set(STORE_DETAILS) == {kind.code for kind in tree(StoreError)}

    def test_codes_are_distinct(self) -> None:
        codes = [kind.code for kind in tree()]
        assert len(set(codes)) == len(codes)


class TestAnswers:
    async def test_what_was_cancelled_under_a_request_is_a_fault_of_ours(self) -> None:
        async def waits_for_it(_scope: Any, _receive: Any, _send: Any) -> None:
            under_way = asyncio.create_task(asyncio.sleep(60))
            asyncio.get_running_loop().call_soon(under_way.cancel)
            await under_way

        transport = httpx2.ASGITransport(app=ErrorResponses(waits_for_it))  # pyright: ignore[reportArgumentType]  see above
        async with httpx2.AsyncClient(transport=transport, base_url="http://test") as client:
            assert_refused(await client.get("/"), 500)

    @pytest.mark.parametrize("kind", tree(), ids=lambda kind: kind.__name__)
    async def test_each_error_is_a_problem_without_the_inside(self, kind: type[LaurelsError]) -> None:
        error = raised(kind)
        response = await answer_to(error)
        problem = assert_refused(response, STATUS[kind])
        assert "laurels.db" not in response.text
        assert "10.0.0.5" not in response.text
        if STATUS[kind] < 500:
            assert problem["detail"] == str(error)
            assert problem["type"] == f"urn:laurels:problem:{kind.code}"
        assert ("retry-after" in response.headers) is (response.status_code == 503)
        assert problem.get("fallback", False) is (response.status_code == 503)

    async def test_a_wrong_field_is_listed(self) -> None:
        response = await answer_to(InvalidInput("metadata.codeLength", "Must be a number."))
        assert_refused(response, 422, field="metadata.codeLength", code=":invalid-input")

    async def test_contention_says_to_send_again(self) -> None:
        problem = assert_refused(await answer_to(StoreContended(INSIDE)), 503, code=":store-contended")
        assert "again" in problem["detail"]

    @pytest.mark.parametrize(
        "error",
        [RuntimeError(INSIDE), KeyError(INSIDE), RecursionError(INSIDE), OSError(28, INSIDE, "/srv/laurels.db")],
        ids=lambda error: type(error).__name__,
    )
    async def test_a_fault_of_ours_is_a_bare_500(self, error: Exception) -> None:
        response = await answer_to(error)
        assert_refused(response, 500, code=":internal")
        assert "ledger" not in response.text

    @pytest.mark.parametrize(
        ("error", "status"),
        [
            (HTTPException(detail=INSIDE, status_code=500), 500),
            (HTTPException(detail=INSIDE, status_code=502), 500),
            (HTTPException(detail=INSIDE, status_code=400), 400),
            (NotAuthorizedException(detail=INSIDE), 401),
        ],
        ids=["500", "502", "400", "401"],
    )
    async def test_what_the_framework_says_is_not_passed_on(self, error: Exception, status: int) -> None:
        response = await answer_to(error)
        assert_refused(response, status)
        assert "ledger" not in response.text

    async def test_a_query_that_does_not_convert_names_its_parameter(self) -> None:
        error = ValidationException(extra=[{"key": "limit", "message": "Expected `int`, got `str`"}])
        assert_refused(await answer_to(error), 422, field="limit", code=":invalid-query")


def test_a_fault_that_comes_again_and_again_does_not_fill_the_log() -> None:
    # The same second however long it takes.
    sample = TrafficSample(2, seconds=lambda: 7.0)
    request: Request[Any, Any, Any] = Request({"type": "http", "method": "GET", "state": {}, "headers": []})  # type: ignore[typeddict-item]
    with capture_logs() as lines:
        for _ in range(50):
            assert on_fault(request, ValueError("ours"), logged=sample).status_code == 500
    assert [line["event"] for line in lines] == ["unexpected fault"] * 2


def test_a_part_of_a_path_that_no_id_is_as_long_as_is_not_decoded() -> None:
    assert text_of_path(b"%41" * 100, "userId") == "A" * 100
    with pytest.raises(InvalidQuery):
        text_of_path(b"%41" * 10_000, "userId")
