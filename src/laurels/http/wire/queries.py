"""The query of a request, held against what its route takes: every wrong parameter at once, each by its name.

A parameter of one name takes values of one form at every address that has it. What depends on other parameters or on
what is stored (a cursor of another board, a language without boards) is left to the use case.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from typing import Any, get_args
from urllib.parse import parse_qsl

import msgspec
from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler

from laurels.application.queries.cursors import check_cursor
from laurels.domain.periods import parse_day, parse_period
from laurels.errors import InvalidQuery
from laurels.http.server.routing import Parameter, route_of
from laurels.http.wire.bodies import user_ids_in
from laurels.shapes import Fault, choices, faults_of, plain, unknown_name

MAX_PARAMETERS = 50
# What else a value must be, of the parameters that are text for the framework; each raises InvalidQuery.
_FORMS: dict[str, Callable[[str], object]] = {
    "cursor": check_cursor,
    "period": parse_period,
    "from": lambda text: parse_day(text, "from"),
    "to": lambda text: parse_day(text, "to"),
    "users": user_ids_in,
}


def takes_query(connection: ASGIConnection[Any, Any, Any, Any], _handler: BaseRouteHandler) -> None:
    """The framework's guard: refuse a query that the route does not take."""
    scope: Any = connection.scope
    route = route_of(scope)
    if route is not None and route.query is not None and scope["query_string"]:
        check_query(scope["query_string"], route.query)


def check_query(query: bytes, parameters: Mapping[str, Parameter]) -> None:
    """Raise InvalidQuery unless each parameter is one of `parameters`, and its value one that it takes.

    A name that is not known is refused: a typo must not lose what was asked for.
    """
    try:
        given = parse_qsl(query.decode("latin-1"), keep_blank_values=True, max_num_fields=MAX_PARAMETERS)
    except ValueError:
        raise InvalidQuery("query", f"Must have at most {MAX_PARAMETERS} parameters.") from None
    faults: list[Fault] = []
    for name, value in dict(given).items():
        if name in parameters:
            faults += faults_of(partial(_check_value, name, value, parameters[name]))
            continue
        shown = name if name.isprintable() and len(name) <= 50 else "query"
        faults.append((shown, unknown_name(name[:50], parameters, of="Is not a parameter of this address")))
    if faults:
        raise InvalidQuery.of(faults)


def _check_value(name: str, value: str, parameter: Parameter) -> None:
    kind, least, most = parameter.kind, parameter.least, parameter.most
    try:
        read: Any = msgspec.convert(value, kind, strict=_is_instant(kind))
    except msgspec.ValidationError as error:
        if accepted := choices(kind):
            raise InvalidQuery(name, f"Must be one of {', '.join(accepted)}.") from None
        if least is None:
            raise InvalidQuery(name, plain(str(error))) from None
        read = None
    if least is not None and most is not None and not (isinstance(read, int) and least <= read <= most):
        raise InvalidQuery(name, f"Must be a whole number from {least} to {most}.")
    if isinstance(read, datetime) and read.tzinfo is None:
        raise InvalidQuery(name, "Must carry an offset, such as Z or +02:00.")
    if form := _FORMS.get(name):
        form(value)


def _is_instant(kind: Any) -> bool:
    """Whether it is a date with time. Such a one is text: without strictness a number would be seconds since 1970."""
    return kind is datetime or datetime in get_args(kind)
