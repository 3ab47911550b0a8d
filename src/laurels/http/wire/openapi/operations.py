"""The requests and answers of each operation, beyond what the framework derives from its route."""

from __future__ import annotations

from typing import Any

import msgspec

from laurels.application.queries.views import QueuedView, RecordedView
from laurels.domain.events import LearningEvent
from laurels.http.routes.corrections import GrantRequest, RetractionRequest, RevocationRequest
from laurels.http.routes.repairs import RepairRequest
from laurels.http.routes.spendings import SpendingRequest
from laurels.http.wire.bodies import NDJSON_TYPES
from laurels.http.wire.envelopes import ENVELOPE, ENVELOPE_WORDS
from laurels.http.wire.openapi.error_responses import reference, refusal_of, refusals_of
from laurels.http.wire.openapi.examples import (
    BOARD_STREAM,
    CSV,
    EVENT,
    GRANT,
    NOT_READY,
    PROFILE,
    QUEUED,
    RECORDED,
    REPAIR,
    RETRACTION,
    REVOCATION,
    RULEBOOK,
    SPENDING,
    USER_STREAM,
    WEBHOOK,
)
from laurels.http.wire.openapi.guide import EXAMPLES
from laurels.http.wire.schemas import ProfileChange, Ready, WebhookRequest
from laurels.http.wire.streams import MEDIA_TYPE as STREAM_TYPE

Json = dict[str, Any]

BODIES: dict[str, tuple[type, Json]] = {
    "post /api/progress/event": (LearningEvent, EVENT),
    "put /api/progress/users/{user_id}": (ProfileChange, PROFILE),
    "post /api/webhooks": (WebhookRequest, WEBHOOK),
    "post /api/progress/retractions": (RetractionRequest, RETRACTION),
    "post /api/progress/awards": (GrantRequest, GRANT),
    "post /api/progress/spendings": (SpendingRequest, SPENDING),
    "post /api/progress/repairs": (RepairRequest, REPAIR),
    "delete /api/progress/awards/{user_id}/{badge_id}": (RevocationRequest, REVOCATION),
}
_QUEUED_DESCRIPTION = (
    "The database is away; the event is safe on the server's disk and is recorded, once, when it is back."
)
_REPEATABLE = (
    "post /api/progress/retractions",
    "post /api/progress/awards",
    "post /api/progress/repairs",
    "post /api/progress/spendings",
)
_DONE_BEFORE = {
    "description": "It was so before; nothing changed.",
    "headers": {"Idempotent-Replayed": {"schema": {"const": "true"}}},
}
_PDF: Json = {"application/pdf": {"schema": {"type": "string", "format": "binary"}}}
_REPLAYED = {"description": "The event was recorded before; this is the first answer again, and nothing changed."}


def complete_operation(route: str, operation: Json) -> None:
    """Give one operation its body, examples, answers and refusals; `route` is its method and path."""
    responses: Json = operation["responses"]
    responses.pop("400", None)
    parameters: list[Json] = operation.get("parameters", [])
    _fill_in(route, parameters)
    if any(each["name"] == ENVELOPE for each in parameters):
        # As a parameter it would turn every answer of a typed client into a union of two forms.
        operation["parameters"] = [each for each in parameters if each["name"] != ENVELOPE]
        operation["description"] += "\n\n" + ENVELOPE_WORDS
    if not route.endswith(("/health/live", "/health/ready")):
        # Routes that may be public also accept no credentials.
        is_shown = route in ("get /api/progress/leaderboard", "get /api/progress/leaderboard/stream", "get /api/badges")
        operation["security"] = [{"bearer": []}, *([{}] if is_shown else [])]
    for status in refusals_of(route):
        responses.setdefault(status, refusal_of(status, route))
    if route in BODIES:
        body, example = BODIES[route]
        _take(operation, {"application/json": {"schema": reference(body), "example": example}})
    if route.endswith("/event"):
        created: Json = responses["201"]["content"]["application/json"]
        created["example"] = RECORDED
        responses["200"] = {
            **_REPLAYED,
            "headers": {"Idempotent-Replayed": {"schema": {"const": "true"}}},
            "content": {"application/json": {"schema": created["schema"], "example": RECORDED}},
        }
        created["schema"] = reference(RecordedView)
        responses["202"] = {
            "description": _QUEUED_DESCRIPTION,
            "content": {"application/json": {"schema": reference(QueuedView), "example": QUEUED}},
        }
    elif route.startswith("post /api/rulebook"):
        _take(operation, {"application/toml": {"schema": {"type": "string"}, "example": RULEBOOK}})
        if route == "post /api/rulebook":
            responses["200"] = {
                "description": "This rulebook was in force already; nothing changed.",
                "content": responses["201"]["content"],
            }
    elif route in _REPEATABLE:
        responses["200"] = {**_DONE_BEFORE, "content": responses["201"]["content"]}
    elif route.endswith("/events"):
        events = {"type": "array", "items": reference(LearningEvent), "maxItems": 10_000}
        lines = {"schema": {"type": "string"}, "example": msgspec.json.encode(EVENT).decode() + "\n"}
        _take(
            operation,
            {"application/json": {"schema": events, "example": [EVENT]}, **dict.fromkeys(sorted(NDJSON_TYPES), lines)},
        )
    elif "/export/" in route:
        responses["200"]["content"] |= {"text/csv": {"schema": {"type": "string"}, "example": CSV}, **_PDF}
    elif "/review/" in route:
        responses["200"]["content"] |= _PDF
    elif "/stream" in route:
        example = BOARD_STREAM if "/leaderboard" in route else USER_STREAM
        responses["200"]["description"] = "Server-sent events, without end."
        responses["200"]["content"] = {STREAM_TYPE: {"schema": {"type": "string"}, "example": example}}
    elif route.endswith("/ready"):
        responses["503"] = {
            "description": "Not ready",
            "content": {"application/json": {"schema": reference(Ready), "example": NOT_READY}},
        }


def _fill_in(route: str, parameters: list[Json]) -> None:
    """Give path parameters their examples, except for deletions, which nobody should send by accident."""
    if not route.startswith("delete"):
        for each in parameters:
            if each["in"] == "path" and each["name"] in EXAMPLES:
                each["example"] = EXAMPLES[each["name"]]


def _take(operation: Json, content: Json) -> None:
    operation["requestBody"] = {"required": True, "content": content}
