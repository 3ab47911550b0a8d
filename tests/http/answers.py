"""What answers look like on the wire: the exact fields of each, and the one shape of a refusal."""

from __future__ import annotations

import re
from typing import Any

import httpx2

BADGE = {"badgeId", "name", "description", "icon", "category", "rarity", "points", "earnedAt"}
EVENT = {
    "eventId",
    "userId",
    "eventType",
    "language",
    "codeLength",
    "sessionDuration",
    "points",
    "metadata",
    "timestamp",
}
RECORDED = {"success", "event", "newBadges", "progress"}
USER = {
    "userId",
    "displayName",
    "hasName",
    "photoURL",
    "totalPoints",
    "level",
    "badges",
    "lastActiveAt",
    "createdAt",
    "timeZone",
}
INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")

# What would tell a stranger how the inside looks: traces, statements, drivers, files.
_LEAK = re.compile(
    r"Traceback|File \"|\.py\b|\.db\b|SELECT |INSERT |sqlite|apsw|msgspec|litestar|uvicorn|/(?:home|tmp|root|usr|var)/"
)


def assert_refused(response: httpx2.Response, status: int, *, field: str = "", code: str = "") -> dict[str, Any]:
    """Assert that `response` refuses with `status` in the one shape, names `field` if given, and leaks nothing."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    assert not _LEAK.search(response.text), response.text
    problem = response.json()
    more = {"currency", "balance", "amount"} if problem["type"].endswith(":balance-too-low") else set[str]()
    assert problem.keys() - {"errors", "fallback"} == {"type", "title", "status", "detail", "success", "error"} | more
    assert re.fullmatch(r"urn:laurels:problem:[a-z-]+", problem["type"])
    assert problem["type"].endswith(code)
    assert problem["title"]
    assert problem["status"] == status
    assert problem["success"] is False
    assert problem["error"] == problem["detail"] != ""
    if field:
        assert [error["field"] for error in problem["errors"]] == [field]
        assert problem["detail"] == f"{field}: {problem['errors'][0]['message']}"
    return problem
