"""The table finds the address of a path as the framework does, whatever stands in the path."""

from __future__ import annotations

from typing import Annotated, Any

import pytest
from litestar import Litestar, get, post
from litestar.params import FromPath, QueryParameter

from laurels.http.auth.access import Access
from laurels.http.server.routing import RouteTable, address_of, route_of
from tests.http.server.requests import THING, scope_of

OPEN = {"access": Access(is_open=True)}


@get("/api/board", opt=OPEN)
async def board(limit: Annotated[int | None, QueryParameter(name="limit", ge=1, le=100)] = None) -> None:
    """A board."""


@post("/api/board", opt=OPEN)
async def change_board() -> None:
    """Another method of the same address."""


@get("/api/users/{user_id:path}", opt=OPEN)
async def user(user_id: FromPath[str]) -> None:
    """A user."""


@get("/api/users/{user_id:str}/badges", opt=OPEN)
async def badges(user_id: FromPath[str]) -> None:
    """A user's badges."""


@get("/api/stream", opt={**OPEN, "is_stream": True})
async def stream() -> None:
    """A stream."""


@get("/page", opt=OPEN)
async def page() -> None:
    """A page."""


@get("/nobody")
async def nobody() -> None:
    """A route that says nothing of who may."""


TABLE = RouteTable(Litestar([board, change_board, user, badges, stream, page], openapi_config=None))


@pytest.mark.parametrize(
    ("path", "template"),
    [
        ("/api/board", "/api/board"),
        ("/api/board/", "/api/board"),
        ("/api/users/ada", "/api/users/{user_id}"),
        ("/api/users/a/d/a", "/api/users/{user_id}"),
        ("/api/users/ada/badges", "/api/users/{user_id}/badges"),
        ("/api/users/a/d/a/badges", "/api/users/{user_id}/badges"),
        ("/api/users/é😀/badges", "/api/users/{user_id}/badges"),
        ("/page", "/page"),
    ],
)
def test_a_path_has_the_address_that_fits_it_best(path: str, template: str) -> None:
    found = TABLE.find(path)
    assert found is not None
    assert found.template == template


@pytest.mark.parametrize(
    "path", ["", "/", "/api", "/api/", "/api/users/", "/api/users", "/api/boards", "/Page", "api/board"]
)
def test_where_nothing_is_nothing_is_found(path: str) -> None:
    assert TABLE.find(path) is None


def test_a_path_of_thousands_of_slashes_is_looked_through_at_once() -> None:
    assert TABLE.find("/" * 1_000_000) is None


def test_an_address_names_its_methods_and_takes_head_where_there_is_get() -> None:
    addresses = {each.template: each for each in TABLE}
    assert addresses["/api/board"].allow == "GET, HEAD, OPTIONS, POST"
    assert addresses["/page"].allow == "GET, HEAD, OPTIONS"
    assert addresses["/page"].routes["HEAD"] is addresses["/page"].routes["GET"]


def test_a_route_knows_the_query_that_it_takes() -> None:
    routes = {each.template: each.routes["GET"] for each in TABLE}
    assert routes["/api/board"].query is not None
    [(name, limit)] = routes["/api/board"].query.items()
    assert (name, limit.least, limit.most) == ("limit", 1, 100)
    # A page takes any, and a stream the token that no header can carry.
    assert routes["/page"].query is None
    assert list(routes["/api/stream"].query or ()) == ["access_token"]
    assert (routes["/api/users/{user_id}"].in_path, routes["/page"].in_path) == (("userId",), ())


def test_a_route_without_a_rule_of_access_is_no_route() -> None:
    with pytest.raises(TypeError, match="/nobody: states no access rule"):
        RouteTable(Litestar([nobody], openapi_config=None))


@pytest.mark.parametrize(("method", "is_found"), [("GET", True), ("POST", True), ("DELETE", False), ("get", False)])
def test_of_a_request_the_route_is_that_of_its_method(method: str, is_found: bool) -> None:
    scope: Any = scope_of(method)
    assert address_of(scope) is THING
    assert (route_of(scope) is not None) is is_found
    assert route_of(scope_of(method, None)) is None
