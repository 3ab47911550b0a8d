"""A learner's goals over HTTP: set with their own token, read by the client, and refused where something is wrong."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import httpx2
import pytest

from laurels.client import Client
from laurels.errors import InvalidProfile
from tests.http.answers import assert_refused
from tests.http.callers import SECRET, bearer, make_key, token
from tests.http.server_process import ServerProcess

# Where it is about noon now: no day ends while the tests run.
AHEAD = 12 - datetime.now(UTC).hour
NOON_ZONE = f"Etc/GMT{-AHEAD:+d}"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    process = ServerProcess(tmp_path_factory.mktemp("goals"), jwt_secret=SECRET, public="profiles")
    process.start()
    yield process
    process.stop()


@pytest.fixture(scope="module")
def admin(server: ServerProcess) -> str:
    return make_key(f"sqlite:///{server.database}", "admin")


@pytest.fixture(scope="module")
def http(server: ServerProcess, admin: str) -> Iterator[httpx2.Client]:
    with server.client() as client:
        client.headers.update(bearer(admin))
        for user in ("ada", "cem", "dan"):
            assert client.put(f"/api/progress/users/{user}", json={"timeZone": NOON_ZONE}).is_success
        yield client


def test_a_learner_sets_changes_and_ends_their_goals(http: httpx2.Client) -> None:
    mine = bearer(token("ada"))

    def put(goals: object) -> httpx2.Response:
        return http.put("/api/progress/users/ada", json={"goals": goals}, headers=mine)

    assert put({"eventsPerDay": 1, "pointsPerWeek": 1_000}).json()["user"]["goals"] == {
        "eventsPerDay": 1,
        "pointsPerWeek": 1_000,
    }
    event = {"userId": "ada", "eventType": "code_run", "eventId": "run-1"}
    assert http.post("/api/progress/event", json=event).status_code == 201
    goals = http.get("/api/progress/dashboard/ada", headers=mine).json()["goals"]
    assert [(goal["goalId"], goal["measure"], goal["per"], goal["isMet"]) for goal in goals] == [
        ("eventsPerDay", "events", "day", True),
        ("pointsPerWeek", "points", "week", False),
    ]
    assert goals[1]["fraction"] == 0.005
    assert put({"eventsPerDay": None}).json()["user"]["goals"] == {"pointsPerWeek": 1_000}
    answer = http.get("/api/progress/goals/ada", headers=mine).json()
    assert answer["success"]
    [weekly] = answer["goals"]
    assert weekly["present"]["current"] == 5
    assert_refused(put({"eventsPerday": 1}), 422, field="goals.eventsPerday")
    assert_refused(put({"eventsPerDay": 0}), 422, field="goals.eventsPerDay")
    assert_refused(put([]), 422, field="goals")
    assert http.get("/api/progress/goals/ada", headers=bearer(token("bob"))).status_code == 403


def test_the_client_has_the_verbs_of_the_library(http: httpx2.Client, server: ServerProcess, admin: str) -> None:
    del http
    with Client(server.url, token=admin, storage=None) as client:
        assert client.set_goal("cem", "points", per="day", target=5).goals == {"pointsPerDay": 5}
        client.record("cem", "code_run")
        [record] = client.goals("cem")
        assert (record.measure, record.per, record.met_count, record.run) == ("points", "day", 1, 1)
        [goal] = client.dashboard("cem").goals
        assert (goal.target, goal.current, goal.is_met, goal.fraction) == (5, 5, True, 1.0)
        assert goal.first == goal.last
        line = next(each for each in client.history("cem") if each.goals)
        assert line.goals == {"pointsPerDay": 5}
        assert client.set_goal("cem", "points", per="day", target=None).goals == {}
        with pytest.raises(InvalidProfile, match='"events" or "points"'):
            client.set_goal("cem", "badges", per="day", target=5)
        with pytest.raises(InvalidProfile, match="from 1 to"):
            client.set_goal("cem", "events", per="day", target=0)


def test_the_page_shows_goals_to_the_learner_and_not_to_everybody(http: httpx2.Client, server: ServerProcess) -> None:
    mine = bearer(token("dan"))
    changes = {"goals": {"eventsPerWeek": 4}, "visibility": "public"}
    assert http.put("/api/progress/users/dan", json=changes, headers=mine).is_success
    assert http.post("/api/progress/event", json={"userId": "dan", "eventType": "login"}).is_success
    shown = http.get("/u/dan?lang=de", headers=mine).text
    assert "4 Ereignisse in der Woche" in shown
    assert 'aria-label="4 Ereignisse in der Woche">25' in shown
    assert "Ziel: 4 Ereignisse in der Woche" in shown
    with server.client() as stranger:
        public = stranger.get("/u/dan?lang=de")
        assert public.status_code == 200
        assert "Ereignisse in der Woche" not in public.text
