"""GET /api/progress/history/:userId adds up to the total; GET /api/progress/events/:userId/:eventId finds an event."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import httpx2
import pytest

from tests.http.answers import EVENT, assert_refused
from tests.http.conftest import Record

ENTRY = {"seq", "kind", "at", "recordedAt", "points", "awards"}


def history(client: httpx2.Client, user: str, **query: Any) -> list[dict[str, Any]]:
    lines: list[dict[str, Any]] = []
    cursor: str | None = None
    while True:
        params = query if cursor is None else {**query, "cursor": cursor}
        answer = client.get(f"/api/progress/history/{user}", params=params)
        assert answer.status_code == 200, answer.text
        lines += answer.json()["entries"]
        cursor = answer.json()["next"]
        if cursor is None:
            return lines


@pytest.fixture
def corrected(client: httpx2.Client, record: Record, user: str) -> str:
    """A learner with events, a profile, a badge granted and taken back, and an event retracted."""
    for number in range(12):
        record(user, eventId=f"run-{number}", metadata={"language": "python"})
    client.put(f"/api/progress/users/{user}", json={"displayName": "Ada"})
    client.post("/api/progress/awards", json={"userId": user, "badgeId": "mentor", "reason": "Led the course."})
    client.request("DELETE", f"/api/progress/awards/{user}/mentor", json={"reason": "By mistake."})
    client.post("/api/progress/retractions", json={"userId": user, "eventId": "run-3", "reason": "A script."})
    return user


@pytest.mark.parametrize("limit", [1, 4, 50, 500])
def test_every_line_adds_up_to_the_total(client: httpx2.Client, corrected: str, limit: int) -> None:
    lines = history(client, corrected, limit=limit)
    assert [line["seq"] for line in lines] == list(range(len(lines), 0, -1))
    for line in lines:
        assert line.keys() - {"event", "reason", "cause", "eventId", "revoked"} == ENTRY
    total = client.get(f"/api/progress/dashboard/{corrected}").json()["user"]["totalPoints"]
    assert sum(line["points"] + sum(award["points"] for award in line["awards"]) for line in lines) == total
    kinds = [line["kind"] for line in lines]
    assert kinds[:4] == ["retraction", "revocation", "award", "profile"]
    assert [line.get("reason") for line in lines[:3]] == ["A script.", "By mistake.", "Led the course."]
    retracted, revoked, granted = lines[:3]
    assert (retracted["eventId"], "revoked" in retracted) == ("run-3", False)
    assert [badge["badgeId"] for badge in revoked["revoked"]] == ["mentor"]
    assert granted["cause"] == "grant"
    assert lines[-1]["event"] == {
        "eventId": "run-0",
        "eventType": "code_run",
        "metadata": {"language": "python"},
    }


@pytest.mark.parametrize("cursor", ["", "x", "-1", "1.5", "9" * 16, "٣"])
def test_a_wrong_cursor_is_refused(client: httpx2.Client, corrected: str, cursor: str) -> None:
    response = client.get(f"/api/progress/history/{corrected}", params={"cursor": cursor})
    assert_refused(response, 422, field="cursor")


@pytest.mark.parametrize("limit", [0, 501])
def test_a_wrong_limit_is_refused(client: httpx2.Client, corrected: str, limit: int) -> None:
    response = client.get(f"/api/progress/history/{corrected}", params={"limit": limit})
    assert_refused(response, 422, field="limit")


def test_nobody_has_no_history(client: httpx2.Client) -> None:
    assert_refused(client.get("/api/progress/history/nobody-is-here"), 404, code=":unknown-user")


def test_an_event_is_found_with_what_it_brought(client: httpx2.Client, record: Record, user: str) -> None:
    recorded = record(user, eventId="a/b c")
    found = client.get(f"/api/progress/events/{user}/{quote('a/b c', safe='')}").json()
    assert found == {
        "success": True,
        "status": "recorded",
        "event": recorded["event"],
        "newBadges": recorded["newBadges"],
    }
    assert found["event"].keys() == EVENT


def test_a_retracted_event_says_why(client: httpx2.Client, corrected: str) -> None:
    found = client.get(f"/api/progress/events/{corrected}/run-3").json()
    assert (found["status"], found["reason"]) == ("retracted", "A script.")
    assert client.get(f"/api/progress/events/{corrected}/run-4").json()["status"] == "recorded"


def test_an_event_that_is_not_there_is_a_404(client: httpx2.Client, corrected: str) -> None:
    assert_refused(client.get(f"/api/progress/events/{corrected}/none"), 404, code=":unknown-event")
    assert_refused(client.get("/api/progress/events/nobody-is-here/none"), 404, code=":unknown-event")
    assert_refused(client.get(f"/api/progress/events/{corrected}/%00"), 422, field="eventId")
