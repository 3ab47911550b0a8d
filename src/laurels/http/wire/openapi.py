"""The service's description (OpenAPI 3.1): what the framework derives from the routes, completed.

Bodies are read by our own decoder, so their schemas and examples are added here, as are the refusals that
every route shares.
"""

from __future__ import annotations

from copy import deepcopy
from typing import Any, cast

import msgspec
from litestar import Request, get
from litestar.enums import MediaType
from litestar.openapi.plugins import OpenAPIRenderPlugin

from laurels.application.queries.views import QUEUED, QueuedView, RecordedView
from laurels.domain.events import LearningEvent
from laurels.http.auth.access import OPEN
from laurels.http.routes.corrections import GrantRequest, RetractionRequest, RevocationRequest
from laurels.http.routes.exports import COLUMNS
from laurels.http.wire.bodies import NDJSON_TYPES
from laurels.http.wire.envelopes import ENVELOPE, ENVELOPE_WORDS
from laurels.http.wire.guide import EXAMPLES, GROUPS, GUIDE
from laurels.http.wire.names import name_parameters
from laurels.http.wire.parameters import complete_parameters
from laurels.http.wire.problems import MEDIA_TYPE, STORE_DETAILS, Problem
from laurels.http.wire.schemas import BatchAnswer, PersonalData, ProfileChange, Ready, WebhookRequest
from laurels.http.wire.streams import MEDIA_TYPE as STREAM_TYPE

Json = dict[str, Any]

_EVENT: Json = {
    "userId": "ada",
    "eventType": "code_run",
    "eventId": "run-2026-01-15-001",
    "timestamp": "2026-01-15T09:30:00+01:00",
    "metadata": {"language": "python", "codeLength": 240, "sessionDuration": 95},
}
_BADGE: Json = {
    "badgeId": "first_run",
    "name": "First Steps",
    "description": "Run your first program.",
    "icon": "👣",
    "category": "coding",
    "rarity": "common",
    "points": 10,
    "earnedAt": "2026-01-15T08:30:00.000Z",
}
_RECORDED: Json = {
    "success": True,
    "event": {
        "eventId": "run-2026-01-15-001",
        "userId": "ada",
        "eventType": "code_run",
        "language": "python",
        "codeLength": 240,
        "sessionDuration": 95,
        "points": 7,
        "metadata": _EVENT["metadata"],
        "timestamp": "2026-01-15T08:30:00.000Z",
    },
    "newBadges": [_BADGE],
    "progress": {"totalPoints": 17, "level": 1, "leveledUp": False, "dailyStreak": 1},
}
_PROFILE: Json = {"displayName": "Ada", "timeZone": "Europe/London", "preferences": {"theme": "dark"}}
_WEBHOOK: Json = {"url": "https://hooks.example/laurels", "types": ["user.deleted"]}

_CSV = (
    ",".join(COLUMNS) + "\r\n" + 'run-1,code_run,2026-01-15T08:30:00.000Z,5,python,,,"{""language"":""python""}",,\r\n'
)
_USER_STREAM = """\
id: 41
event: progress
data: {"totalPoints":310,"level":3,"leveledUp":false,"dailyStreak":4}

id: 41.1
event: event
data: {"eventId":"run-2026-01-15-001","userId":"ada","eventType":"code_run","language":"python","codeLength":240,\
"sessionDuration":95,"points":7,"metadata":{},"timestamp":"2026-01-15T08:30:00.000Z"}

id: 42
event: progress
data: {"totalPoints":317,"level":3,"leveledUp":false,"dailyStreak":4}
"""
_BOARD_STREAM = """\
id: c7df676d3bf3ec60fc54c305
event: leaderboard
data: {"success":true,"timeframe":"all-time","period":"all","leaderboard":[],"total":0,"next":null}
"""
_NOT_READY: Json = {
    "status": "degraded",
    "checks": {"store": "unavailable", "spool": "ok"},
    "spool": {
        "waiting": 1204,
        "oldestSeconds": 61.5,
        "bytes": 401210,
        "limitBytes": 1073741824,
        "queued": 1204,
        "drained": 0,
        "setAside": 0,
    },
}

_BODIES: dict[str, tuple[type, Json]] = {
    "post /api/progress/event": (LearningEvent, _EVENT),
    "put /api/progress/users/{user_id}": (ProfileChange, _PROFILE),
    "post /api/webhooks": (WebhookRequest, _WEBHOOK),
    "post /api/progress/retractions": (
        RetractionRequest,
        {"userId": "ada", "eventId": _EVENT["eventId"], "reason": "The run was made by a script."},
    ),
    "post /api/progress/awards": (
        GrantRequest,
        {"userId": "ada", "badgeId": "mentor", "reason": "Led the summer course."},
    ),
    "delete /api/progress/awards/{user_id}/{badge_id}": (RevocationRequest, {"reason": "Granted by mistake."}),
}
_REFUSALS: dict[str, tuple[str, str, str]] = {
    "400": ("bad-request", "Bad Request", "The body is not valid JSON: it is not UTF-8 text."),
    "401": ("unauthorized", "Unauthorized", "Send an API key or a token: Authorization: Bearer ..."),
    "403": ("forbidden", "Forbidden", "This key lacks the scope progress:read."),
    "408": ("request-timeout", "Request Timeout", "The body did not arrive within 30 seconds; send it again."),
    "404": ("unknown-user", "Unknown user", "No such user: nothing is recorded under this userId yet."),
    "410": (
        "user-deleted",
        "User deleted",
        "This user was deleted; nothing is recorded under this userId any more.",
    ),
    "409": (
        "event-conflict",
        "Event id already used",
        "This eventId is already recorded for this user with other content.",
    ),
    "413": ("request-entity-too-large", "Request Entity Too Large", "The body may have at most 65536 bytes."),
    "415": ("unsupported-media-type", "Unsupported Media Type", "Send the body as application/json."),
    "429": ("too-many-requests", "Too Many Requests", "Too many requests; wait a moment."),
    "503": ("store-unavailable", "Store unavailable", STORE_DETAILS["store-unavailable"]),
}
_MERGED = ("user-merged", "User merged into another one", "The user old was merged into the user ada; use that userId.")
_WRONG_FIELD: dict[str, tuple[str, str, str]] = {
    "post": ("invalid-event", "Invalid event", "userId: Is required."),
    "put": ("invalid-profile", "Invalid profile", "timeZone: Must be the name of an IANA time zone."),
    "get": ("invalid-query", "Invalid query", "userId: Must be UTF-8 text, percent-encoded."),
    "delete": ("invalid-query", "Invalid query", "userId: Must be UTF-8 text, percent-encoded."),
}
_WEBHOOK_REFUSALS: dict[str, tuple[str, str, str]] = {
    "404": ("unknown-webhook", "Unknown webhook", "There is no webhook with this id."),
    "422": ("invalid-input", "Invalid input", "url: Must begin with https://."),
}
_RULEBOOK_REFUSALS: dict[str, tuple[str, str, str]] = {
    "404": ("unknown-job", "Unknown job", "There is no job with this id; GET /api/rulebook lists the last ones."),
    "422": ("invalid-input", "Invalid input", "badges[0].points: Line 12: Must be at least 0."),
}
_RULEBOOK = """\
name = "school"
levels = { kind = "quadratic", step = 50 }

[event_types.lesson]
points = 10

[[badges]]
id = "first_lesson"
name = "Off you go"
description = "Finish a lesson."
icon = "1"
category = "learning"
rarity = "common"
points = 10
criterion = { kind = "count", event = "lesson", target = 1 }
"""
_QUEUED: Json = {
    "success": True,
    "queued": True,
    "reason": QUEUED,
    "event": {**_RECORDED["event"], "points": None},
    "newBadges": [],
}
_QUEUED_DESCRIPTION = (
    "The database is away; the event is safe on the server's disk and is recorded, once, when it is back."
)
_REPEATABLE = ("post /api/progress/retractions", "post /api/progress/awards")
_DONE_BEFORE = {
    "description": "It was so before; nothing changed.",
    "headers": {"Idempotent-Replayed": {"schema": {"const": "true"}}},
}
_REPLAYED = {"description": "The event was recorded before; this is the first answer again, and nothing changed."}


class DescriptionPlugin(OpenAPIRenderPlugin):
    """Serves the completed description below the framework's own path."""

    def __init__(self) -> None:
        super().__init__(path="/openapi.json", media_type=MediaType.JSON)

    def render(self, request: Request[Any, Any, Any], openapi_schema: Json) -> bytes:
        del request
        # The framework gives the same one each time.
        return msgspec.json.encode(complete(deepcopy(openapi_schema)))


@get("/openapi.json", access=OPEN, media_type=MediaType.JSON, include_in_schema=False, sync_to_thread=False)
def description(request: Request[Any, Any, Any]) -> bytes:
    """The same, where clients look for it."""
    return msgspec.json.encode(complete(request.app.openapi_schema.to_schema()))


def complete(description: Json) -> Json:
    """The framework's description with guide, groups, bodies, examples and refusals."""
    description["info"]["description"] = GUIDE
    description["tags"] = [{"name": name, "description": words} for name, words in GROUPS.items()]
    _, components = msgspec.json.schema_components(
        [*(body for body, _ in _BODIES.values()), Problem, BatchAnswer, RecordedView, QueuedView, PersonalData],
        ref_template="#/components/schemas/{name}",
    )
    # What is null counts as left out.
    metadata = components["LearningEvent"]["properties"]["metadata"]
    metadata["type"] = [metadata["type"], "null"]
    schemas: Json = description.setdefault("components", {}).setdefault("schemas", {})
    for name, schema in components.items():
        schemas.setdefault(name, schema)
    one: Json = description["paths"]["/api/progress/users/{user_id}"]["get"]
    # An id may contain slashes, so the framework has one address for all that begins so.
    description["paths"]["/api/progress/users/{user_id}/data"] = {"get": _personal_data(one)}
    complete_parameters(description["paths"])
    for path, operations in description["paths"].items():
        for method, operation in operations.items():
            if isinstance(operation, dict) and "responses" in operation:
                _complete_operation(f"{method} {path}", operation)  # pyright: ignore[reportUnknownArgumentType]
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
    """The operation that the address of a user has with `/data` at its end."""
    operation: Json = deepcopy(user)
    operation |= {
        "summary": "Everything that is held of a learner",
        "operationId": f"{user['operationId']}Data",
        "description": "One document with profile, progress, standings, every entry of the ledger, and what waits to "
        "be recorded. Streamed, however long it is.",
    }
    operation["responses"]["200"]["content"] = {"application/json": {"schema": _reference(PersonalData)}}
    return operation


def _loosen(node: Any) -> None:
    """Say `anyOf` where the framework says `oneOf`: 1 is an integer and a number, and fits a union of both twice."""
    if isinstance(node, dict):
        found = cast("Json", node)
        if "oneOf" in found:
            found["anyOf"] = found.pop("oneOf")
        node = list(found.values())
    if isinstance(node, list):
        for each in cast("list[Any]", node):
            _loosen(each)


def _complete_operation(route: str, operation: Json) -> None:
    responses: Json = operation["responses"]
    responses.pop("400", None)
    parameters: list[Json] = operation.get("parameters", [])
    _fill_in(route, parameters)
    if any(each["name"] == ENVELOPE for each in parameters):
        # As a parameter it would make every answer of a typed client a union of two forms.
        operation["parameters"] = [each for each in parameters if each["name"] != ENVELOPE]
        operation["description"] += "\n\n" + ENVELOPE_WORDS
    if not route.endswith(("/health/live", "/health/ready")):
        # Where something may be public, none will do, too.
        is_shown = route in ("get /api/progress/leaderboard", "get /api/progress/leaderboard/stream", "get /api/badges")
        operation["security"] = [{"bearer": []}, *([{}] if is_shown else [])]
    for status in _refusals_of(route):
        responses.setdefault(status, _refusal(status, route))
    if route in _BODIES:
        body, example = _BODIES[route]
        _take(operation, {"application/json": {"schema": _reference(body), "example": example}})
    if route.endswith("/event"):
        created: Json = responses["201"]["content"]["application/json"]
        created["example"] = _RECORDED
        responses["200"] = {
            **_REPLAYED,
            "headers": {"Idempotent-Replayed": {"schema": {"const": "true"}}},
            "content": {"application/json": {"schema": created["schema"], "example": _RECORDED}},
        }
        created["schema"] = _reference(RecordedView)
        responses["202"] = {
            "description": _QUEUED_DESCRIPTION,
            "content": {"application/json": {"schema": _reference(QueuedView), "example": _QUEUED}},
        }
    elif route.startswith("post /api/rulebook"):
        _take(operation, {"application/toml": {"schema": {"type": "string"}, "example": _RULEBOOK}})
        if route == "post /api/rulebook":
            responses["200"] = {
                "description": "This rulebook was in force already; nothing changed.",
                "content": responses["201"]["content"],
            }
    elif route in _REPEATABLE:
        responses["200"] = {**_DONE_BEFORE, "content": responses["201"]["content"]}
    elif route.endswith("/events"):
        events = {"type": "array", "items": _reference(LearningEvent), "maxItems": 10_000}
        lines = {"schema": {"type": "string"}, "example": msgspec.json.encode(_EVENT).decode() + "\n"}
        _take(
            operation,
            {"application/json": {"schema": events, "example": [_EVENT]}, **dict.fromkeys(sorted(NDJSON_TYPES), lines)},
        )
    elif "/export/" in route:
        responses["200"]["content"]["text/csv"] = {"schema": {"type": "string"}, "example": _CSV}
    elif "/stream" in route:
        example = _BOARD_STREAM if "/leaderboard" in route else _USER_STREAM
        responses["200"]["description"] = "Server-sent events, without end."
        responses["200"]["content"] = {STREAM_TYPE: {"schema": {"type": "string"}, "example": example}}
    elif route.endswith("/ready"):
        responses["503"] = {
            "description": "Not ready",
            "content": {"application/json": {"schema": _reference(Ready), "example": _NOT_READY}},
        }


def _fill_in(route: str, parameters: list[Json]) -> None:
    """Give path parameters their examples; not those of what deletes, which nobody should send by accident."""
    if not route.startswith("delete"):
        for each in parameters:
            if each["in"] == "path" and each["name"] in EXAMPLES:
                each["example"] = EXAMPLES[each["name"]]


def _refusals_of(route: str) -> list[str]:
    if route.endswith("/ready"):
        return ["422"]
    if "/api/" not in route:
        return []
    refusals = ["401", "403", "429", "503"]
    if "/api/webhooks" in route:
        if route == "post /api/webhooks":
            return sorted([*refusals, "400", "408", "413", "415", "422"])
        if "{" in route:
            refusals.append("404")
        return [*refusals, "422"] if route.endswith(("/deliveries", "/replay", "/rotate")) else refusals
    if "/api/rulebook" in route:
        others = ["408", "413", "415", "422"] if route.startswith("post") else ["404"] if "{" in route else []
        return sorted([*refusals, *others])
    if "/api/progress/" not in route:
        return refusals
    refusals.append("422")
    if "/stream" in route:
        pass
    elif route.startswith(("get", "delete")):
        refusals.append("404")
    else:
        refusals += ["400", "408", "413", "415"]
    if route.endswith(("/retractions", "/awards")):
        # What is to be corrected may not be there, or the user deleted or merged into another one.
        refusals += ["404", "409", "410"]
    elif "/progress/awards/" in route:
        refusals += ["400", "408", "409", "410", "413", "415"]
    if route.endswith("/event") or route.startswith("put"):
        refusals += ["409", "410"]
    return sorted(refusals)


def _take(operation: Json, content: Json) -> None:
    operation["requestBody"] = {"required": True, "content": content}


def _refusal(status: str, route: str) -> Json:
    if "/api/rulebook" in route and status in _RULEBOOK_REFUSALS:
        code, title, detail = _RULEBOOK_REFUSALS[status]
    elif "/api/webhooks" in route and status in _WEBHOOK_REFUSALS:
        code, title, detail = _WEBHOOK_REFUSALS[status]
    elif status == "409" and not route.endswith("/event"):
        code, title, detail = _MERGED
    else:
        code, title, detail = _WRONG_FIELD[route.partition(" ")[0]] if status == "422" else _REFUSALS[status]
    example = {
        "type": f"urn:laurels:problem:{code}",
        "title": title,
        "status": int(status),
        "detail": detail,
        "success": False,
        "error": detail,
    }
    refusal: Json = {
        "description": title,
        "content": {MEDIA_TYPE: {"schema": _reference(Problem), "example": example}},
    }
    if status in ("429", "503"):
        refusal["headers"] = {"Retry-After": {"schema": {"type": "integer"}, "description": "Seconds to wait."}}
    return refusal


def _reference(of: type) -> Json:
    return {"$ref": f"#/components/schemas/{of.__name__}"}
