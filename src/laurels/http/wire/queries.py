"""The query of a request, held against what its route takes: every wrong parameter at once, each by its name."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, get_args
from urllib.parse import parse_qsl

import msgspec
from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler

from laurels.errors import InvalidQuery
from laurels.http.server.routing import route_of
from laurels.shapes import Fault, choices, plain, unknown_name

MAX_PARAMETERS = 50


def takes_query(connection: ASGIConnection[Any, Any, Any, Any], _handler: BaseRouteHandler) -> None:
    """The framework's guard: refuse a query that the route does not take."""
    scope: Any = connection.scope
    route = route_of(scope)
    if route is not None and route.query is not None and scope["query_string"]:
        check_query(scope["query_string"], route.query)


def check_query(query: bytes, parameters: Mapping[str, Any]) -> None:
    """Raise InvalidQuery unless each parameter is one of `parameters` (types by name), and of its type.

    A name that is not known is refused: a typo must not lose what was asked for.
    """
    try:
        given = parse_qsl(query.decode("latin-1"), keep_blank_values=True, max_num_fields=MAX_PARAMETERS)
    except ValueError:
        raise InvalidQuery("query", f"Must have at most {MAX_PARAMETERS} parameters.") from None
    faults: list[Fault] = []
    for name, value in dict(given).items():
        if name not in parameters:
            shown = name if name.isprintable() and len(name) <= 50 else "query"
            faults.append((shown, unknown_name(name[:50], parameters, of="Is not a parameter of this address")))
            continue
        try:
            msgspec.convert(value, parameters[name], strict=_is_instant(parameters[name]))
        except msgspec.ValidationError as error:
            accepted = choices(parameters[name])
            message = f"Must be one of {', '.join(accepted)}." if accepted else plain(str(error))
            faults.append((name, message))
    if faults:
        raise InvalidQuery(*faults[0], *faults[1:])


def _is_instant(kind: Any) -> bool:
    """Whether it is a date with time. Such a one is text: without strictness a number would be seconds since 1970."""
    return kind is datetime or datetime in get_args(kind)
