"""POST /api/progress/event, field by field."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import httpx2
import pytest

from tests.http.answers import BADGE, EVENT, INSTANT, RECORDED, assert_refused
from tests.http.conftest import Record

URL = "/api/progress/event"
# A Wednesday noon: no badge for an hour or a weekend comes in between.
NOON = "2025-03-05T12:00:00Z"
METADATA = {"language": "python", "codeLength": 240, "sessionDuration": 12.5, "editor": {"theme": ["dark", None, 1.0]}}


@pytest.fixture
def event(user: str) -> dict[str, Any]:
    """A whole event."""
    return {"userId": user, "eventType": "code_run", "metadata": METADATA, "eventId": "run-1", "timestamp": NOON}


class TestRecordEvent:
    def test_the_first_time_is_created_with_points_badges_and_progress(
        self, client: httpx2.Client, event: dict[str, Any]
    ) -> None:
        response = client.post(URL, json=event)
        assert response.status_code == 201
        assert "idempotent-replayed" not in response.headers
        assert response.headers["content-type"] == "application/json"
        assert response.json() == {
            "success": True,
            "event": {
                "eventId": "run-1",
                "userId": event["userId"],
                "eventType": "code_run",
                "language": "python",
                "codeLength": 240,
                "sessionDuration": 12.5,
                "points": 7,
                "metadata": METADATA,
                "timestamp": "2025-03-05T12:00:00.000Z",
            },
            "newBadges": [
                {
                    "badgeId": "first_run",
                    "name": "First Steps",
                    "description": "Run your first program.",
                    "icon": "👣",
                    "category": "coding",
                    "rarity": "common",
                    "points": 10,
                    "earnedAt": "2025-03-05T12:00:00.000Z",
                }
            ],
            "progress": {"totalPoints": 17, "level": 1, "leveledUp": False, "dailyStreak": 0},
        }

    def test_the_least_that_can_be_sent_is_a_user_and_a_type(self, record: Record, user: str) -> None:
        answer = record(user, "tutorial_start")
        assert answer.keys() == RECORDED
        event = answer["event"]
        assert event.keys() == EVENT
        assert [event[name] for name in ("language", "codeLength", "sessionDuration", "metadata")] == [None] * 3 + [{}]
        assert 1 <= len(event["eventId"]) <= 100
        assert INSTANT.fullmatch(event["timestamp"])
        assert answer["progress"]["dailyStreak"] == 1
        assert all(badge.keys() == BADGE for badge in answer["newBadges"])

    def test_two_events_without_an_id_are_two_events(self, record: Record, user: str) -> None:
        first, second = record(user), record(user)
        assert first["event"]["eventId"] != second["event"]["eventId"]
        assert second["progress"]["totalPoints"] == first["progress"]["totalPoints"] + 5

    @pytest.mark.parametrize(
        ("event_type", "metadata", "points"),
        [
            ("code_run", {}, 5),
            ("code_run", {"codeLength": 100}, 5),
            ("code_run", {"codeLength": 101}, 7),
            ("code_run", {"codeLength": 500}, 7),
            ("code_run", {"codeLength": 501}, 10),
            ("ai_explain", {"codeLength": 900}, 3),
            ("ai_debug", {}, 4),
            ("snippet_create", {}, 8),
            ("session_join", {}, 10),
            ("visualize", {}, 6),
            ("challenge_complete", {}, 20),
            ("tutorial_start", {}, 1),
            ("tutorial_step_complete", {}, 1),
            ("tutorial_quiz_attempt", {}, 1),
            ("tutorial_complete", {}, 15),
        ],
    )
    def test_points_follow_the_rulebook(
        self, record: Record, user: str, event_type: str, metadata: dict[str, Any], points: int
    ) -> None:
        assert record(user, event_type, metadata=metadata)["event"]["points"] == points

    def test_a_time_is_shown_in_utc_and_cut_to_milliseconds(self, record: Record, user: str) -> None:
        event = record(user, timestamp="2025-03-05T14:30:00.123987+02:30")["event"]
        assert event["timestamp"] == "2025-03-05T12:00:00.123Z"

    def test_a_level_is_reached_and_said_so(self, record: Record, user: str) -> None:
        answers = [record(user, "challenge_complete", timestamp=NOON)["progress"] for _ in range(5)]
        for answer in answers:
            reached = max(level for level in range(1, 20) if 50 * level * (level - 1) <= answer["totalPoints"])
            assert answer["level"] == reached
        levels = [1, *(answer["level"] for answer in answers)]
        assert levels[-1] > 1
        assert [answer["leveledUp"] for answer in answers] == [now > before for before, now in pairwise(levels)]

    def test_a_badge_brings_the_next_within_the_same_event(self, record: Record, user: str) -> None:
        # Nine runs and the first badge make 73 points, the tenth run 80, its badge 105.
        runs = [record(user, timestamp=NOON, metadata={"codeLength": 240}) for _ in range(10)]
        assert [badge["badgeId"] for badge in runs[0]["newBadges"]] == ["first_run"]
        assert [run["newBadges"] for run in runs[1:9]] == [[]] * 8
        assert [badge["badgeId"] for badge in runs[9]["newBadges"]] == ["code_runner_10", "points_100"]
        assert runs[9]["progress"] == {"totalPoints": 125, "level": 2, "leveledUp": True, "dailyStreak": 0}


def dashboard(client: httpx2.Client, event: dict[str, Any]) -> dict[str, Any]:
    """The dashboard of the event's learner, but for how many others hold the same badges."""
    shown = client.get(f"/api/progress/dashboard/{event['userId']}").json()
    return shown | {"badges": [{**badge, "held": None} for badge in shown["badges"]]}


class TestRepeatedEvent:
    def test_the_same_content_gives_the_first_answer_again(
        self, client: httpx2.Client, event: dict[str, Any], record: Record
    ) -> None:
        first = client.post(URL, json=event)
        record(event["userId"], "challenge_complete")
        again = client.post(URL, json=event)
        assert (first.status_code, again.status_code) == (201, 200)
        assert again.headers["idempotent-replayed"] == "true"
        assert again.content == first.content

    def test_it_changes_nothing(self, client: httpx2.Client, event: dict[str, Any]) -> None:
        client.post(URL, json=event)
        before = dashboard(client, event)
        client.post(URL, json=event)
        assert dashboard(client, event) == before
        assert before["totalEvents"] == 1

    @pytest.mark.parametrize(
        "change",
        [
            {"metadata": dict(reversed(METADATA.items()))},
            {"timestamp": "2025-03-05T13:00:00+01:00"},
            {"timestamp": "2025-03-05T12:00:00.000999Z"},
            {"timestamp": None},
        ],
        ids=["keys in another order", "the same instant elsewhere", "the same millisecond", "no time"],
    )
    def test_the_same_content_may_be_written_differently(
        self, client: httpx2.Client, event: dict[str, Any], change: dict[str, Any]
    ) -> None:
        first = client.post(URL, json=event)
        again = client.post(URL, json=event | change)
        assert again.status_code == 200
        assert again.content == first.content

    @pytest.mark.parametrize(
        "change",
        [
            {"eventType": "ai_debug"},
            {"metadata": {}},
            {"metadata": METADATA | {"codeLength": 601}},
            {"metadata": METADATA | {"editor": {"theme": ["dark", None, 1]}}},
            {"metadata": METADATA | {"editor": {"theme": ["dark", None, True]}}},
            {"timestamp": "2025-03-05T12:00:00.001Z"},
        ],
        ids=["type", "no metadata", "a field of it", "1 for 1.0", "true for 1.0", "a millisecond later"],
    )
    def test_other_content_is_a_conflict_and_changes_nothing(
        self, client: httpx2.Client, event: dict[str, Any], change: dict[str, Any]
    ) -> None:
        client.post(URL, json=event)
        before = dashboard(client, event)
        assert_refused(client.post(URL, json=event | change), 409, code=":event-conflict")
        assert dashboard(client, event) == before

    def test_an_id_belongs_to_one_learner_only(
        self, client: httpx2.Client, event: dict[str, Any], record: Record
    ) -> None:
        client.post(URL, json=event)
        assert record(f"{event['userId']}-other", eventId=event["eventId"])["event"]["eventId"] == event["eventId"]
