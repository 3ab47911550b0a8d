"""GET /api/badges and GET /api/progress/badges/:userId."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import httpx2
import pytest

from tests.http.answers import assert_refused
from tests.http.conftest import Record, StartServer
from tests.waiting import SOON

DEFINITION = {"badgeId", "name", "description", "icon", "category", "rarity", "points", "criterion", "held"}
STATE = (DEFINITION - {"criterion"}) | {"earned", "earnedAt", "current", "target", "fraction"}
NOON = "2025-03-05T12:00:00.000Z"

# What clients know by heart: id, name, category, rarity, points.
FIXED = {
    ("first_run", "First Steps", "coding", "common", 10),
    ("code_runner_10", "Code Runner", "coding", "common", 25),
    ("code_runner_100", "Speed Demon", "coding", "rare", 100),
    ("polyglot", "Polyglot", "coding", "rare", 50),
    ("first_ai_help", "AI Assistant", "learning", "common", 15),
    ("debug_master", "Debug Master", "learning", "rare", 75),
    ("visualizer", "Visual Learner", "learning", "common", 40),
    ("collaborator", "Team Player", "social", "common", 60),
    ("mentor", "Mentor", "social", "epic", 100),
    ("collaborator_25", "Collaborator", "social", "rare", 120),
    ("points_100", "Century", "milestone", "common", 20),
    ("points_500", "High Achiever", "milestone", "rare", 50),
    ("points_1000", "Elite Coder", "milestone", "epic", 100),
    ("streak_3", "Consistent", "streak", "common", 30),
    ("streak_7", "Dedicated", "streak", "rare", 70),
    ("streak_30", "Unstoppable", "streak", "legendary", 200),
}


def wait_for(holds: Callable[[], bool]) -> None:
    give_up_at = time.monotonic() + SOON
    while not holds():
        assert time.monotonic() < give_up_at
        time.sleep(0.01)


class TestBadgeCatalogue:
    def test_it_lists_every_badge_with_its_criterion(self, client: httpx2.Client) -> None:
        response = client.get("/api/badges")
        assert response.status_code == 200
        answer = response.json()
        assert answer.keys() == {"success", "badges", "total"}
        assert answer["success"] is True
        assert answer["total"] == len(answer["badges"]) >= 60
        assert all(badge.keys() == DEFINITION for badge in answer["badges"])
        assert all(badge["criterion"]["kind"] for badge in answer["badges"])
        assert max(Counter(badge["badgeId"] for badge in answer["badges"]).values()) == 1

    def test_the_badges_that_clients_know_are_as_they_know_them(self, client: httpx2.Client) -> None:
        badges = client.get("/api/badges").json()["badges"]
        names = ("badgeId", "name", "category", "rarity", "points")
        assert {tuple(badge[name] for name in names) for badge in badges} >= FIXED

    def test_categories_and_rarities_are_these(self, client: httpx2.Client) -> None:
        badges = client.get("/api/badges").json()["badges"]
        assert {badge["category"] for badge in badges} == {"coding", "learning", "social", "milestone", "streak"}
        assert {badge["rarity"] for badge in badges} == {"common", "rare", "epic", "legendary"}


class TestHowRareTheyAre:
    def test_answers_and_pages_say_how_many_hold_a_badge(self, start_server: StartServer) -> None:
        server = start_server(rarity_minimum="2", projection_interval_ms="10")
        with server.client() as client:

            def record(user: str, kind: str = "code_run") -> dict[str, Any]:
                return client.post("/api/progress/event", json={"userId": user, "eventType": kind}).json()

            new = [badge for user in ("ada", "bob", "cleo") for badge in record(user)["newBadges"]]
            record("dan", "visualize")
            # What an event brought is told as it was.
            assert new
            assert not any("held" in badge for badge in new)

            def held() -> list[object]:
                badges = [
                    client.get("/api/badges").json()["badges"],
                    client.get("/api/progress/badges/dan").json()["badges"],
                    client.get("/api/progress/dashboard/ada").json()["badges"],
                ]
                return [badge["held"] for found in badges for badge in found if badge["badgeId"] == "first_run"]

            # Counted are those who are projected; what is counted once is shown for a while.
            wait_for(lambda: client.get("/api/progress/leaderboard").json()["total"] == 4)
            assert held() == [{"count": 3, "share": 0.75}] * 3
            assert "75% have it" in client.get("/badges").text
            assert "nobody has it yet" in client.get("/badges").text
            shown = client.get("/badges/first_run").text
            assert re.search(r'Learners who have it</dt><dd>3 <span class="quiet">75%</span>', shown)

    def test_too_few_learners_say_nothing(self, start_server: StartServer) -> None:
        server = start_server(rarity_minimum="2")
        with server.client() as client:
            client.post("/api/progress/event", json={"userId": "ada", "eventType": "code_run"})
            assert {badge["held"] for badge in client.get("/api/badges").json()["badges"]} == {None}
            assert "Learners who have it" not in client.get("/badges/first_run").text


class TestUserBadges:
    def test_every_badge_is_there_held_or_open(self, client: httpx2.Client, record: Record, user: str) -> None:
        record(user, timestamp=NOON)
        response = client.get(f"/api/progress/badges/{user}")
        assert response.status_code == 200
        answer = response.json()
        assert answer.keys() == {"success", "badges"}
        assert all(state.keys() == STATE for state in answer["badges"])
        catalogue = client.get("/api/badges").json()["badges"]
        # How many hold it may have changed in between.
        common = DEFINITION - {"criterion", "held"}
        assert [{name: state[name] for name in common} for state in answer["badges"]] == [
            {name: badge[name] for name in common} for badge in catalogue
        ]

    def test_a_held_badge_is_complete_and_dated_by_its_event(
        self, client: httpx2.Client, record: Record, user: str
    ) -> None:
        record(user, timestamp=NOON)
        record(user)
        states = {state["badgeId"]: state for state in client.get(f"/api/progress/badges/{user}").json()["badges"]}
        first = states["first_run"]
        assert (first["earned"], first["earnedAt"]) == (True, NOON)
        assert (first["current"], first["target"], first["fraction"]) == (1, 1, 1.0)
        runner = states["code_runner_10"]
        assert (runner["earned"], runner["earnedAt"]) == (False, None)
        assert (runner["current"], runner["target"], runner["fraction"]) == (2, 10, 0.2)

    @pytest.mark.parametrize(
        ("events", "badge"),
        [
            ([("ai_explain", {})], "first_ai_help"),
            ([("ai_debug", {})] * 25, "debug_master"),
            ([("visualize", {})] * 10, "visualizer"),
            ([("session_join", {})] * 5, "collaborator"),
            ([("session_join", {"role": "mentor"})] * 10, "mentor"),
            ([("session_join", {})] * 25, "collaborator_25"),
            ([("code_run", {"language": name}) for name in ("c", "go", "rust", "python", "java")], "polyglot"),
        ],
        ids=lambda value: value if isinstance(value, str) else "",
    )
    def test_a_badge_comes_with_the_last_event_that_it_takes(
        self, record: Record, user: str, events: list[tuple[str, dict[str, str]]], badge: str
    ) -> None:
        brought = [
            [new["badgeId"] for new in record(user, event_type, metadata=metadata, timestamp=NOON)["newBadges"]]
            for event_type, metadata in events
        ]
        assert badge in brought[-1]
        assert not any(badge in earlier for earlier in brought[:-1])

    def test_one_that_was_granted_shows_how_far_it_is_by_itself(
        self, client: httpx2.Client, record: Record, user: str
    ) -> None:
        for name in ("c", "go"):
            record(user, metadata={"language": name}, timestamp=NOON)
        wanted = {"userId": user, "badgeId": "polyglot", "reason": "on paper", "earnedAt": NOON}
        assert client.post("/api/progress/awards", json=wanted).status_code == 201
        states = {state["badgeId"]: state for state in client.get(f"/api/progress/badges/{user}").json()["badges"]}
        granted = states["polyglot"]
        assert (granted["earned"], granted["earnedAt"]) == (True, NOON)
        assert (granted["current"], granted["target"], granted["fraction"]) == (2, 5, 0.4)
        assert all(state["fraction"] == state["current"] / state["target"] for state in states.values())

    def test_a_mentor_is_only_who_joins_as_one(self, client: httpx2.Client, record: Record, user: str) -> None:
        for role in ["mentor"] * 9 + ["student"] * 3:
            record(user, "session_join", metadata={"role": role}, timestamp=NOON)
        states = {state["badgeId"]: state for state in client.get(f"/api/progress/badges/{user}").json()["badges"]}
        assert (states["mentor"]["earned"], states["mentor"]["current"]) == (False, 9)

    def test_the_streak_badges_come_at_3_and_7_days(self, record: Record, user: str) -> None:
        brought = [
            {badge["badgeId"] for badge in record(user, timestamp=f"2025-03-{day:02}T12:00:00Z")["newBadges"]}
            for day in range(3, 10)
        ]
        assert [("streak_3" in new, "streak_7" in new) for new in brought] == [
            (day == 3, day == 7) for day in range(1, 8)
        ]

    def test_an_unknown_learner_is_not_found(self, client: httpx2.Client, user: str) -> None:
        assert_refused(client.get(f"/api/progress/badges/{user}"), 404, code=":unknown-user")
