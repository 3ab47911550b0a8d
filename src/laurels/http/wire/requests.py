"""A request as a whole: the faults of its path, its query and its body, in one refusal.

A caller can then correct all mistakes at once.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler
from litestar.types import HTTPScope

from laurels.application.queries.learners.review import check_year
from laurels.domain.events import check_id
from laurels.errors import InvalidQuery
from laurels.http.server.routing import Address, Route, address_of, route_of
from laurels.http.wire.bodies import text_of_path
from laurels.http.wire.query_parameters import query_faults
from laurels.validation import FieldFault, faults_of

# The values in a path, by name; each check raises InvalidQuery. The use case checks whether such a badge exists.
_PARTS: dict[str, Callable[[str], object]] = {
    "userId": lambda text: check_id(text, "userId", InvalidQuery),
    "eventId": lambda text: check_id(text, "eventId", InvalidQuery),
    "year": check_year,
}


async def check_request(connection: ASGIConnection[Any, Any, Any, Any], _handler: BaseRouteHandler) -> None:
    """The framework's guard, after the access guard: refuse requests that do not fit the route.

    The body is read here only if something else is wrong. A wrong path alone is left to the handler: it finds nothing
    under an impossible id.
    """
    scope: Any = connection.scope
    address, route = address_of(scope), route_of(scope)
    if address is None or route is None or route.query is None:
        return
    of_query = query_faults(scope["query_string"], route.query, route.together) if scope["query_string"] else []
    if not of_query and route.body is None:
        return
    of_path = _path_faults(scope, address, route)
    if not of_query and not of_path:
        return
    request: Any = connection
    of_body = [] if route.body is None else await route.body.faults(request)
    kind = route.body.error if route.body is not None and (of_path or of_body) else InvalidQuery
    raise kind.of([*of_path, *of_query, *of_body])


def _path_faults(scope: HTTPScope, address: Address, route: Route) -> list[FieldFault]:
    if not route.in_path:
        return []
    raw: bytes = scope["raw_path"]
    rest = raw.partition(address.template.partition("{")[0].encode())[2]
    if route.access.is_tail_optional:
        rest = rest.removesuffix(route.access.tail.encode())
    parts = rest.rsplit(b"/", len(route.in_path) - 1)
    return [fault for named in zip(route.in_path, parts, strict=False) for fault in faults_of(partial(_check, *named))]


def _check(name: str, part: bytes) -> None:
    text = text_of_path(part, name)
    if check := _PARTS.get(name):
        check(text)
