"""The refusals of each operation, with an example of each.

Readers and generated clients learn from it which errors to handle.
"""

from __future__ import annotations

from typing import Any

from laurels.domain.profiles import WRONG_ZONE
from laurels.errors import BalanceTooLow
from laurels.http.wire.problems import MEDIA_TYPE, STORE_DETAILS, TITLES, Problem

Json = dict[str, Any]

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
        "Another event of this user, with other content, has this eventId.",
    ),
    "413": ("request-entity-too-large", "Request Entity Too Large", "The body may have at most 65536 bytes."),
    "415": ("unsupported-media-type", "Unsupported Media Type", "Send the body as application/json."),
    "429": ("too-many-requests", "Too Many Requests", "Too many requests; wait a moment."),
    "503": ("store-unavailable", "Store unavailable", STORE_DETAILS["store-unavailable"]),
}
_MERGED = ("user-merged", "User merged into another one", "The user old was merged into the user ada; use that userId.")
_LITTLE = BalanceTooLow("coins", 3, 5)
_TOO_LOW = (_LITTLE.code, TITLES[_LITTLE.code], str(_LITTLE))
_REPAIR_REFUSED = (
    "repair-refused",
    "Streak cannot be repaired",
    "A repair costs 50 points, and this learner has 10 points; earn more first.",
)
_WRONG_FIELD: dict[str, tuple[str, str, str]] = {
    "post": ("invalid-event", "Invalid event", "userId: Is required."),
    "put": ("invalid-profile", "Invalid profile", f"timeZone: {WRONG_ZONE}"),
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


def refusals_of(route: str) -> list[str]:
    """The statuses with which `route` (method and path) may refuse."""
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
    if route.endswith(("/retractions", "/awards", "/repairs", "/spendings")):
        # The corrected object or the spending user may not exist, or the user may be deleted or merged into another
        # one.
        refusals += ["404", "409", "410"]
    elif "/progress/awards/" in route:
        refusals += ["400", "408", "409", "410", "413", "415"]
    if route.endswith("/event") or route.startswith("put"):
        refusals += ["409", "410"]
    return sorted(refusals)


def refusal_of(status: str, route: str) -> Json:
    """The response with which `route` refuses by a status."""
    if "/api/rulebook" in route and status in _RULEBOOK_REFUSALS:
        code, title, detail = _RULEBOOK_REFUSALS[status]
    elif "/api/webhooks" in route and status in _WEBHOOK_REFUSALS:
        code, title, detail = _WEBHOOK_REFUSALS[status]
    elif status == "409" and route.endswith("/spendings"):
        code, title, detail = _TOO_LOW
    elif status == "409" and route.endswith("/repairs"):
        code, title, detail = _REPAIR_REFUSED
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
    if code == _LITTLE.code:
        example |= {"currency": _LITTLE.currency, "balance": _LITTLE.balance, "amount": _LITTLE.amount}
    refusal: Json = {
        "description": title,
        "content": {MEDIA_TYPE: {"schema": reference(Problem), "example": example}},
    }
    if status in ("429", "503"):
        refusal["headers"] = {"Retry-After": {"schema": {"type": "integer"}, "description": "Seconds to wait."}}
    return refusal


def reference(of: type) -> Json:
    """A reference to the schema of a type."""
    return {"$ref": f"#/components/schemas/{of.__name__}"}
