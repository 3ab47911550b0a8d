"""Corrections over HTTP: said once, said again, refused."""

from __future__ import annotations

import itertools

import httpx2

from tests.http.conftest import Record

_users = (f"corrected-{number}" for number in itertools.count(1))


class TestRetracting:
    def test_an_event_goes_once_with_its_points(self, client: httpx2.Client, record: Record) -> None:
        user = next(_users)
        record(user, eventId="e1")
        record(user, eventId="e2")
        wanted = {"userId": user, "eventId": "e2", "reason": "twice"}
        first = client.post("/api/progress/retractions", json=wanted)
        assert first.status_code == 201, first.text
        assert first.json()["retraction"]["points"] == 5
        assert first.json()["progress"]["totalPoints"] == 15
        again = client.post("/api/progress/retractions", json=wanted)
        assert (again.status_code, again.headers["Idempotent-Replayed"]) == (200, "true")
        assert again.json()["retraction"] == first.json()["retraction"]
        assert client.get(f"/api/progress/dashboard/{user}").json()["totalEvents"] == 1

    def test_an_unknown_event_is_refused(self, client: httpx2.Client, record: Record) -> None:
        user = next(_users)
        record(user)
        refused = client.post("/api/progress/retractions", json={"userId": user, "eventId": "no", "reason": "x"})
        assert (refused.status_code, refused.json()["type"]) == (404, "urn:laurels:problem:unknown-event")


class TestAwards:
    def test_a_grant_says_whether_it_brought_a_level(self, client: httpx2.Client, record: Record) -> None:
        user = next(_users)
        record(user)
        for badge_id, told in (("polyglot", (1, False)), ("streak_30", (2, True)), ("streak_30", (2, False))):
            wanted = {"userId": user, "badgeId": badge_id, "reason": "on paper"}
            progress = client.post("/api/progress/awards", json=wanted).json()["progress"]
            assert (progress["level"], progress["leveledUp"]) == told

    def test_a_badge_is_granted_and_taken_back(self, client: httpx2.Client, record: Record) -> None:
        user = f"{next(_users)}/with a slash"
        record(user)
        wanted = {"userId": user, "badgeId": "polyglot", "reason": "on paper"}
        granted = client.post("/api/progress/awards", json=wanted)
        assert granted.status_code == 201, granted.text
        assert granted.json()["progress"]["totalPoints"] == 65
        assert client.post("/api/progress/awards", json=wanted).headers["Idempotent-Replayed"] == "true"
        path = "/api/progress/awards/" + user.replace("/", "%2F").replace(" ", "%20") + "/polyglot"
        revoked = client.request("DELETE", path, json={"reason": "a mistake"})
        assert revoked.status_code == 200, revoked.text
        assert revoked.json()["progress"]["totalPoints"] == 15
        assert client.request("DELETE", path, json={"reason": "a mistake"}).headers["Idempotent-Replayed"] == "true"

    def test_no_reason_is_refused_by_name(self, client: httpx2.Client, record: Record) -> None:
        user = next(_users)
        record(user)
        refused = client.post("/api/progress/awards", json={"userId": user, "badgeId": "polyglot", "reason": ""})
        assert refused.status_code == 422
        assert refused.json()["errors"][0]["field"] == "reason"
