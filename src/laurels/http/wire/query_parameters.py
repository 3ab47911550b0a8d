"""Checks the query of a request against its route: reports every wrong parameter at once, each by its name.

A parameter name takes values of the same form at every address. The route says which parameters go together
(`together`). Checks that depend on stored data (a cursor of another board, a language without boards) are left to the
use case.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache, partial
from types import NoneType
from typing import Any, get_args
from urllib.parse import parse_qsl

import msgspec

from laurels.application.queries.boards.leaderboards import check_users
from laurels.application.queries.cursors import check_cursor
from laurels.domain.periods import parse_day, parse_period
from laurels.errors import InvalidQuery
from laurels.http.server.routing import CombinationRule, Parameter
from laurels.http.wire.bodies import user_ids_in
from laurels.validation import FieldFault, choices, faults_of, plain, unknown_name

MAX_PARAMETERS = 50
# Further checks for parameters that the framework treats as text; each raises InvalidQuery.
_FORMS: dict[str, Callable[[str], object]] = {
    "cursor": check_cursor,
    "period": parse_period,
    "from": lambda text: parse_day(text, "from"),
    "to": lambda text: parse_day(text, "to"),
    "users": lambda text: check_users(user_ids_in(text)),
}


def query_faults(
    query: bytes, parameters: Mapping[str, Parameter], together: Sequence[CombinationRule] = ()
) -> list[FieldFault]:
    """Everything that is wrong with a query: names that are unknown or repeated, values that are not accepted, and
    values that do not go together.

    An unknown name is refused: a typo must not silently drop a parameter.
    """
    try:
        given = parse_qsl(query.decode("latin-1"), keep_blank_values=True, max_num_fields=MAX_PARAMETERS)
    except ValueError:
        return [("query", f"Must have at most {MAX_PARAMETERS} parameters.")]
    faults: list[FieldFault] = []
    right: dict[str, str] = {}
    counts = Counter(name for name, _ in given)
    for name, value in dict(given).items():
        if name not in parameters:
            shown = name if name.isprintable() and len(name) <= 50 else "query"
            faults.append((shown, unknown_name(name[:50], parameters, of="Is not a parameter of this address")))
        elif counts[name] > 1:
            faults.append((name, f"Stands in this query {counts[name]} times; send it once."))
        elif found := faults_of(partial(_check_value, name, value, parameters[name])):
            faults += found
        else:
            right[name] = value
    return faults + [fault for rule in together for fault in rule(right)]


def _check_value(name: str, value: str, parameter: Parameter) -> None:
    kind, least, most = parameter.kind, parameter.least, parameter.most
    try:
        read: Any = msgspec.convert(value, _sendable(kind), strict=_is_instant(kind))
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


@lru_cache(maxsize=256)
def _sendable(kind: Any) -> Any:
    """The kind without None, which only a parameter that was not sent has: the word null would be converted to it."""
    kinds = get_args(kind)
    if NoneType not in kinds:
        return kind
    first, *others = [each for each in kinds if each is not NoneType]
    for each in others:
        first |= each
    return first


def _is_instant(kind: Any) -> bool:
    """Whether it is a date with time. Such a value is text: without strictness a number would be seconds since 1970."""
    return kind is datetime or datetime in get_args(kind)
