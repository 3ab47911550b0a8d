"""Completes the parameters in the description: bounds, choices, and ends of paths.

A generated client must be able to reach every route, and can refuse the same values as the server.
"""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]

ID: Json = {"type": "string", "minLength": 1, "maxLength": 100}
_DAY: Json = {"type": "string", "format": "date"}
_PERIOD: Json = {
    "type": "string",
    "pattern": r"^(all|[0-9]{4}-[0-9]{2}|[0-9]{4}-W[0-9]{2}|[0-9]{4}-[0-9]{2}-[0-9]{2})$",
}

# An id may contain slashes, so the framework has one parameter for the rest of the path. The description has two.
_TAILS: dict[str, tuple[str, str, Json]] = {
    "/api/progress/events/{user_id}": ("event_id", "The event's id, percent-encoded.", ID),
    "/api/progress/awards/{user_id}": ("badge_id", "The badge's id.", ID),
    "/api/progress/review/{user_id}": ("year", "The year.", {"type": "integer", "minimum": 1970, "maximum": 9999}),
}
_LEARNER = "The learner's id, percent-encoded."

# Parameters of a query by name, and by the end of their path where it differs.
_QUERY: dict[str, Json] = {
    "limit": {"minimum": 1, "maximum": 100},
    "from": _DAY,
    "to": _DAY,
    "period": _PERIOD,
    "around": ID,
}
_QUERY_OF: dict[tuple[str, str], Json] = {
    ("/api/progress/history/{user_id}", "limit"): {"minimum": 1, "maximum": 500},
    ("/api/webhooks/{endpoint_id}/deliveries", "limit"): {"minimum": 1, "maximum": 1_000},
    ("/api/progress/export/{user_id}", "format"): {"enum": ["json", "csv", "pdf"]},
    ("/api/progress/review/{user_id}", "format"): {"enum": ["json", "pdf"]},
}


def complete_parameters(paths: Json) -> None:
    """Complete all operations of `paths`; a path with two variable ends gets both."""
    for path, operations in list(paths.items()):
        for operation in operations.values():
            for parameter in operation.get("parameters", ()):
                _narrow(path, parameter)
        if path in _TAILS:
            name, description, schema = _TAILS[path]
            for operation in operations.values():
                [learner] = [each for each in operation["parameters"] if each["in"] == "path"]
                learner |= {"description": _LEARNER, "schema": dict(ID)}
                tail = {**learner, "name": name, "description": description, "schema": dict(schema)}
                operation["parameters"].insert(operation["parameters"].index(learner) + 1, tail)
            del paths[path]
            paths[f"{path}/{{{name}}}"] = operations


def _narrow(path: str, parameter: Json) -> None:
    name, schema = parameter["name"], parameter["schema"]
    if parameter["in"] == "path":
        if name == "user_id":
            schema.update(ID)
        return
    more = _QUERY_OF.get((path, name)) or _QUERY.get(name, {})
    # Optional parameters have a second choice, null.
    for choice in schema.get("oneOf", [schema]):
        if choice.get("type") != "null":
            choice.update(more)
