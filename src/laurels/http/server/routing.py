"""The one table of addresses: the declarations of each route beside its handler, found by the path of a request.

The framework holds the routes; this module reads them once. So the layers around it (guard, fast path, metrics) know
the address of a request before the framework does, and no declaration is repeated.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping
from typing import Any, Protocol

from litestar import Litestar, Request
from litestar.params import QueryParameter
from litestar.types import HTTPScope, Receive
from msgspec import Struct

from laurels.application.service import Service
from laurels.errors import InvalidInput
from laurels.http.auth.access import Access
from laurels.http.server.body_limits import BodyLimits
from laurels.validation import FieldFault

Headers = list[tuple[bytes, bytes]]
Answer = tuple[int, Headers, bytes]
_TAKE_NO_OTHERS = ("/api/", "/health")
# A page that opens a stream cannot set headers.
ShortHandler = Callable[[HTTPScope, Receive, Service, BodyLimits], Coroutine[Any, Any, Answer | None]]
"""Answers from the raw ASGI messages: status, headers and body; None, before any message was read, to leave the request
to the framework. See `FastPath`."""
CombinationRule = Callable[[Mapping[str, str]], list[FieldFault]]
"""Finds parameters that are valid by themselves but do not go together, by name; gets them as they were sent."""


class Body(Protocol):
    """The body of a route, read as a whole."""

    @property
    def error(self) -> type[InvalidInput]:
        """The error that names its faults."""
        ...

    async def faults(self, request: Request[Any, Any, Any]) -> list[FieldFault]:
        """All faults in the body of a request; this reads the body."""
        ...


class Parameter(Struct, frozen=True):
    """The accepted values of a query parameter: a type, and whole numbers from `least` to `most` if it has bounds."""

    kind: Any
    least: int | None = None
    most: int | None = None


_OF_STREAMS = {"access_token": Parameter(str)}


class Route(Struct, frozen=True):
    """One method of an address. `short`: the handler of the fast path; with `reads_query` it also gets requests with a
    query. `is_stream`: its answer has no end. `is_probe`: it reports the state of the process, so it needs no caller
    and no place among the requests. `query`: its parameters by name; None for a page, which accepts any. `together`:
    the rules for combinations of them. `in_path`: the values in its path, by name. `body`: its body, if that is read as
    a whole."""

    access: Access
    short: ShortHandler | None = None
    reads_query: bool = False
    is_stream: bool = False
    is_probe: bool = False
    query: Mapping[str, Parameter] | None = None
    together: tuple[CombinationRule, ...] = ()
    in_path: tuple[str, ...] = ()
    body: Body | None = None


class Address(Struct, frozen=True):
    """A path of the description, `/api/progress/rank/{user_id}`, with its routes by method."""

    template: str
    routes: dict[str, Route]

    @property
    def allow(self) -> str:
        """Its methods, in the form of the header `Allow`."""
        return ", ".join(sorted({*self.routes, "OPTIONS"}))


class RouteTable:
    """The addresses of an application. Raises TypeError if a route declares no access rule."""

    def __init__(self, app: Litestar) -> None:
        self._exact: dict[str, Address] = {}
        # By the part before the first parameter, with the part after it; longer ends first.
        self._open: dict[str, list[tuple[str, Address]]] = {}
        # No search beyond the longest of those: a path may be thousands of slashes.
        self._longest = 0
        for address in _addresses(app):
            head, parameter, tail = address.template.partition("{")
            if not parameter:
                self._exact[address.template] = address
                continue
            ends = self._open.setdefault(head, [])
            ends.append((tail.partition("}")[2], address))
            ends.sort(key=lambda end: -len(end[0]))
            self._longest = max(self._longest, len(head))

    def find(self, path: str) -> Address | None:
        """The address of a path; None if there is none."""
        if (found := self._exact.get(path)) is not None:
            return found
        slash = path.find("/", 1)
        while 0 < slash < self._longest:
            ends = self._open.get(path[: slash + 1])
            if ends is not None and len(path) > slash + 1:
                for tail, address in ends:
                    if path.endswith(tail):
                        found = address
                        break
            slash = path.find("/", slash + 1)
        return found or self._exact.get(path.rstrip("/") or "/")

    def __iter__(self) -> Iterator[Address]:
        yield from self._exact.values()
        for ends in self._open.values():
            for _, address in ends:
                yield address


def address_of(scope: HTTPScope) -> Address | None:
    """The address of a request, as found when the request arrived."""
    state: dict[str, Any] = scope["state"]
    return state.get("address")


def route_of(scope: HTTPScope) -> Route | None:
    """The route of a request, as found when it arrived; None if it has no address, or its address lacks the method."""
    state: dict[str, Any] = scope["state"]
    return state.get("route")


def is_probe(scope: HTTPScope) -> bool:
    """Whether a request is a probe, to which no limit of requests applies: to a health path as it is declared, with
    nothing added."""
    address, route = address_of(scope), route_of(scope)
    return (
        address is not None
        and route is not None
        and route.is_probe
        and scope["path"] == address.template
        and not scope["query_string"]
    )


def _addresses(app: Litestar) -> Iterable[Address]:
    for route in app.routes:
        found: dict[str, Route] = {}
        for handler in getattr(route, "route_handlers", None) or [getattr(route, "route_handler", None)]:
            methods: set[str] = set(getattr(handler, "http_methods", None) or {"GET"}) - {"OPTIONS"}
            if not methods:
                # The framework's own answer to OPTIONS.
                continue
            opt: dict[str, Any] = getattr(handler, "opt", {})
            if not isinstance(opt.get("access"), Access):
                raise TypeError(f"{route.path}: states no access rule in its opt")
            declared = Route(
                opt["access"],
                opt.get("short"),
                reads_query=opt.get("reads_query", False),
                is_stream=opt.get("is_stream", False),
                is_probe=opt.get("is_probe", False),
                query=_query_of(handler) if route.path.startswith(_TAKE_NO_OTHERS) else None,
                together=opt.get("together", ()),
                in_path=opt.get("in_path", ("userId",) if route.path_format.endswith("{user_id}") else ()),
                body=opt.get("body"),
            )
            found |= dict.fromkeys(methods, declared)
        if "GET" in found:
            found["HEAD"] = found["GET"]
        yield Address(route.path_format, found)


def _query_of(handler: Any) -> Mapping[str, Parameter]:
    parameters: dict[str, Parameter] = {}
    for name, declared in handler.parsed_fn_signature.parameters.items():
        definition = declared.kwarg_definition
        if isinstance(definition, QueryParameter):
            least, most = definition.ge, definition.le
            parameters[definition.name or name] = Parameter(
                declared.annotation, None if least is None else int(least), None if most is None else int(most)
            )
    return parameters | _OF_STREAMS if handler.opt.get("is_stream") else parameters
