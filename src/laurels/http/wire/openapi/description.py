"""The service's description (OpenAPI 3.1): what the framework derives from the routes, completed.

Bodies are read by our own decoder, so their schemas and examples are added here, as are the refusals that
every route shares.
"""

from __future__ import annotations

from copy import deepcopy
from typing import Any, cast

import msgspec
from litestar import Litestar, Request, get
from litestar.enums import MediaType
from litestar.openapi.plugins import OpenAPIRenderPlugin

from laurels.application.queries.views import QueuedView, RecordedView
from laurels.http.auth.access import OPEN
from laurels.http.wire.openapi.error_responses import reference
from laurels.http.wire.openapi.guide import GROUPS, GUIDE
from laurels.http.wire.openapi.operation_names import name_parameters
from laurels.http.wire.openapi.operations import BODIES, complete_operation
from laurels.http.wire.openapi.parameters import complete_parameters
from laurels.http.wire.problems import Problem
from laurels.http.wire.schemas import BatchAnswer, PersonalData

Json = dict[str, Any]


class DescriptionPlugin(OpenAPIRenderPlugin):
    """Serves the completed description below the framework's own path."""

    def __init__(self) -> None:
        super().__init__(path="/openapi.json", media_type=MediaType.JSON)

    def render(self, request: Request[Any, Any, Any], openapi_schema: Json) -> bytes:
        del openapi_schema
        return _described(request.app)


@get("/openapi.json", access=OPEN, media_type=MediaType.JSON, include_in_schema=False, sync_to_thread=False)
def description(request: Request[Any, Any, Any]) -> bytes:
    """The same, at the address where clients look for it."""
    return _described(request.app)


def _described(app: Litestar) -> bytes:
    """The description, made once per application: that takes a tenth of a second, and anybody may ask for it."""
    made: bytes | None = app.state.get("description")
    if made is None:
        made = app.state["description"] = msgspec.json.encode(complete(app.openapi_schema.to_schema()))
    return made


def complete(description: Json) -> Json:
    """The framework's description with guide, groups, bodies, examples and refusals."""
    description["info"]["description"] = GUIDE
    description["tags"] = [{"name": name, "description": words} for name, words in GROUPS.items()]
    _, components = msgspec.json.schema_components(
        [*(body for body, _ in BODIES.values()), Problem, BatchAnswer, RecordedView, QueuedView, PersonalData],
        ref_template="#/components/schemas/{name}",
    )
    # Null counts as left out.
    metadata = components["LearningEvent"]["properties"]["metadata"]
    metadata["type"] = [metadata["type"], "null"]
    schemas: Json = description.setdefault("components", {}).setdefault("schemas", {})
    for name, schema in components.items():
        schemas.setdefault(name, schema)
    one: Json = description["paths"]["/api/progress/users/{user_id}"]["get"]
    # An id may contain slashes, so the framework has one address for all paths that begin like this.
    description["paths"]["/api/progress/users/{user_id}/data"] = {"get": _personal_data(one)}
    complete_parameters(description["paths"])
    for path, operations in description["paths"].items():
        for method, operation in operations.items():
            if isinstance(operation, dict) and "responses" in operation:
                complete_operation(f"{method} {path}", operation)  # pyright: ignore[reportUnknownArgumentType]  JSON
    _loosen(description)
    name_parameters(description)
    schemes: Json = description["components"].setdefault("securitySchemes", {})
    schemes["bearer"] = {
        "type": "http",
        "scheme": "bearer",
        "description": "An API key, or the token of an end user. Not needed from this machine while there is no key.",
    }
    return description


def _personal_data(user: Json) -> Json:
    """The operation for the address of a user with `/data` at its end."""
    operation: Json = deepcopy(user)
    operation |= {
        "summary": "Everything that is held of a learner",
        "operationId": f"{user['operationId']}Data",
        "description": "One document with profile, progress, standings, every entry of the ledger, and what waits to "
        "be recorded. Streamed, however long it is.",
    }
    operation["responses"]["200"]["content"] = {"application/json": {"schema": reference(PersonalData)}}
    return operation


def _loosen(node: Any) -> None:
    """Replace the framework's `oneOf` by `anyOf`: 1 is an integer and a number, and fits a union of both twice."""
    if isinstance(node, dict):
        found = cast("Json", node)
        if "oneOf" in found:
            found["anyOf"] = found.pop("oneOf")
        node = list(found.values())
    if isinstance(node, list):
        for each in cast("list[Any]", node):
            _loosen(each)
