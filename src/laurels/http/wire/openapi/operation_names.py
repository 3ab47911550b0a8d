"""Names of operations and parts of addresses in the description: those that the author of a client would choose."""

from __future__ import annotations

import re
from typing import Any, cast

from litestar.handlers import HTTPRouteHandler
from litestar.types import Method

Json = dict[str, Any]

_PART = re.compile(r"\{(\w+)\}")
_NEXT = re.compile(r"_([a-z])")


def camel(name: str) -> str:
    """`user_id` as `userId`."""
    return _NEXT.sub(lambda found: found[1].upper(), name)


def operation_id(handler: HTTPRouteHandler, method: Method, path: object) -> str:
    """The name of an operation: `recordEvent` for `record_event`, `getDashboard` for `dashboard`, because it is a
    read."""
    del path
    name = handler.handler_name.rpartition(".")[2]
    return camel(f"get_{name}" if method == "GET" else name)


def name_parameters(description: Json) -> None:
    """Name the parts of addresses as their values are named in answers: `{userId}`."""
    paths: Json = description["paths"]
    description["paths"] = {_PART.sub(lambda found: f"{{{camel(found[1])}}}", path): paths[path] for path in paths}
    for item in paths.values():
        for operation in item.values():
            for parameter in cast("list[Json]", operation.get("parameters", [])):
                if parameter["in"] == "path":
                    parameter["name"] = camel(parameter["name"])
