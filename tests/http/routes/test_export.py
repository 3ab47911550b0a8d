"""GET /api/progress/export/:userId, as one document and as CSV."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import httpx2

from tests.http.answers import INSTANT, USER, assert_refused
from tests.http.conftest import Record

URL = "/api/progress/export/"
COLUMNS = [
    "eventId",
    "eventType",
    "timestamp",
    "points",
    "language",
    "codeLength",
    "sessionDuration",
    "metadata",
    "onceKey",
    "unpaid",
    "boost",
]


def rows(client: httpx2.Client, user: str) -> list[dict[str, str]]:
    response = client.get(URL + user, params={"format": "csv"})
    assert response.status_code == 200, response.text
    return list(csv.DictReader(io.StringIO(response.text, newline="")))


class TestExport:
    def test_it_has_these_fields_and_agrees_with_the_dashboard(
        self, client: httpx2.Client, record: Record, user: str
    ) -> None:
        record(user, metadata={"language": "go"}, timestamp="2025-03-05T12:00:00Z")
        record(user, "ai_explain", timestamp="2025-03-04T12:00:00Z")
        response = client.get(URL + user)
        assert response.status_code == 200
        export = response.json()
        dashboard = client.get(f"/api/progress/dashboard/{user}").json()
        assert export["user"].keys() == USER
        assert INSTANT.fullmatch(export.pop("generatedAt"))
        assert export == {
            "success": True,
            "user": dashboard["user"],
            "summary": {
                "totalEvents": 2,
                "totalPoints": dashboard["user"]["totalPoints"],
                "level": dashboard["user"]["level"],
                "dailyStreak": 0,
                "longestStreak": 2,
                "badgeCount": len(dashboard["badges"]),
            },
            "eventStats": dashboard["eventStats"],
            "topLanguages": dashboard["topLanguages"],
            "badges": [
                {name: badge[name] for name in ("name", "description", "category", "rarity", "points", "earnedAt")}
                for badge in dashboard["badges"]
            ],
            "activity": [
                {"date": "2025-03-04", "events": 1, "points": 3},
                {"date": "2025-03-05", "events": 1, "points": 5},
            ],
        }

    def test_a_learner_without_events_can_be_exported(self, client: httpx2.Client, user: str) -> None:
        client.put(f"/api/progress/users/{user}", json={"displayName": "Ada"})
        export = client.get(URL + user).json()
        assert export["activity"] == export["badges"] == export["topLanguages"] == []
        assert export["eventStats"] == {}
        assert rows(client, user) == []

    def test_an_unknown_learner_is_not_found_in_either_form(self, client: httpx2.Client, user: str) -> None:
        for form in ("json", "csv"):
            assert_refused(client.get(URL + user, params={"format": form}), 404, code=":unknown-user")

    def test_another_form_is_refused(self, client: httpx2.Client, record: Record, user: str) -> None:
        record(user)
        for form in ("xml", "", "CSV"):
            assert_refused(client.get(URL + user, params={"format": form}), 422, field="format")


class TestCsv:
    def test_it_is_a_streamed_attachment_with_these_columns(
        self, client: httpx2.Client, record: Record, user: str
    ) -> None:
        metadata = {"language": "go", "codeLength": 10, "sessionDuration": 1.5, "note": 'a "quoted", word\nand a line'}
        record(user, metadata=metadata, eventId="run-1", timestamp="2025-03-05T12:00:00Z")
        record(user, eventId="run-2", timestamp="2025-03-05T12:00:00Z")
        response = client.get(URL + user, params={"format": "csv"})
        assert response.headers["content-type"] == "text/csv; charset=utf-8"
        assert response.headers["content-disposition"] == 'attachment; filename="events.csv"'
        assert response.headers["transfer-encoding"] == "chunked"
        lines = list(csv.reader(io.StringIO(response.text, newline="")))
        assert lines[0] == COLUMNS
        assert lines[1][:7] == ["run-1", "code_run", "2025-03-05T12:00:00.000Z", "5", "go", "10", "1.5"]
        assert json.loads(lines[1][7]) == metadata
        assert lines[2] == ["run-2", "code_run", "2025-03-05T12:00:00.000Z", "5", "", "", "", "{}", "", "", ""]

    def test_events_come_in_the_order_of_recording(self, client: httpx2.Client, record: Record, user: str) -> None:
        for day in (7, 5, 6):
            record(user, eventId=str(day), timestamp=f"2025-03-0{day}T12:00:00Z")
        assert [row["eventId"] for row in rows(client, user)] == ["7", "5", "6"]

    def test_thousands_of_events_come_whole(self, client: httpx2.Client, user: str) -> None:
        events = [{"userId": user, "eventType": "code_run", "eventId": str(number)} for number in range(2_345)]
        assert client.post("/api/progress/events", json=events).json()["recorded"] == 2_345
        exported = rows(client, user)
        assert [row["eventId"] for row in exported] == [event["eventId"] for event in events]
        dashboard = client.get(f"/api/progress/dashboard/{user}").json()
        earned = sum(int(row["points"]) for row in exported) + sum(badge["points"] for badge in dashboard["badges"])
        assert dashboard["user"]["totalPoints"] == earned

    def test_what_a_spreadsheet_would_run_is_made_inert(self, client: httpx2.Client, record: Record, user: str) -> None:
        formulas: list[str] = ["=1+1", "+1", "-1", "@SUM(A1)", '=HYPERLINK("http://x")', "=cmd|' /C calc'!A0"]
        for formula in formulas:
            record(user, eventId=formula, metadata={"language": formula})
        record(user, eventId="a=1", metadata={"language": "c+-"})
        exported = rows(client, user)
        assert [row["eventId"] for row in exported] == [*(f"'{formula}" for formula in formulas), "a=1"]
        assert [row["language"] for row in exported] == [*(f"'{formula}" for formula in formulas), "c+-"]
        assert [json.loads(row["metadata"])["language"] for row in exported[:-1]] == formulas
        cells: list[Any] = [cell for row in exported for cell in row.values()]
        assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r")) for cell in cells)
