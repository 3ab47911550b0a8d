"""The bodies of routes: how each is read, and everything that can be wrong with it.

A handler reads its body with `read`. If path or query are wrong, the request is refused before that, and `faults` also
lists the faults of the body (`requests.py`).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Generic, TypeVar

from litestar import Request
from msgspec import UNSET, Struct
from msgspec.structs import fields

from laurels.errors import InvalidInput
from laurels.http.server.body_limits import limits_of
from laurels.http.wire.bodies import JSON_TYPES, BodyRefused, decode, media_type, read_body
from laurels.validation import FieldFault

T = TypeVar("T", bound=Struct)
AnyRequest = Request[Any, Any, Any]
Rules = Callable[[Mapping[str, Any]], list[FieldFault]]


class JsonBody(Generic[T]):
    """JSON of one kind. `rules`, given the running service, returns the use case's rules for the field values."""

    def __init__(self, kind: type[T], error: type[InvalidInput], rules: Callable[[Any], Rules]) -> None:
        self.error = error
        self._kind = kind
        self._rules = rules

    async def read(self, request: AnyRequest) -> T:
        """The body of a request. Raises BodyRefused, or the error that names every wrong field if a field has a wrong
        shape; the use case checks decoded values."""
        media_type(request.scope, JSON_TYPES)
        body = await read_body(request.scope, request.receive, limits_of(request).event_bytes)
        return decode(body, self._kind, self.error, rules=self._rules(request.app.state.running))

    async def faults(self, request: AnyRequest) -> list[FieldFault]:
        """Everything that is wrong with the body of a request."""
        found: list[FieldFault] = []

        async def look() -> None:
            document = await self.read(request)
            values = {each.encode_name: getattr(document, each.name) for each in fields(self._kind)}
            given = {name: value for name, value in values.items() if value is not UNSET}
            found.extend(self._rules(request.app.state.running)(given))

        return await _faults_of(look) + found


class OtherBody:
    """A body with a reader of its own, which raises BodyRefused or `error`."""

    def __init__(self, error: type[InvalidInput], read: Callable[[AnyRequest], Awaitable[object]]) -> None:
        self.error = error
        self._read = read

    async def faults(self, request: AnyRequest) -> list[FieldFault]:
        """Everything that is wrong with the body of a request."""
        return await _faults_of(lambda: self._read(request))


async def _faults_of(read: Callable[[], Awaitable[object]]) -> list[FieldFault]:
    """The faults that keep `read` from reading a body."""
    try:
        await read()
    except InvalidInput as error:
        return list(error.faults)
    except BodyRefused as refused:
        return [("body", refused.detail)]
    return []
