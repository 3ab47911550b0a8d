"""A learner's goals over HTTP: set with their own token, read by the client, and refused where something is wrong."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx2
import pytest

from laurels.client import Client
from laurels.errors import InvalidProfile
from tests.http.answers import assert_refused
from tests.http.callers import SECRET, bearer, make_key, token
from tests.http.server_process import ServerProcess

BOOK = """
name = "goals"
levels = { kind = "quadratic", step = 50 }
event_types.code_run = { points = 5 }
event_types.login = { points = 0 }
streak.repair = { within = 10, price = 7 }
streak.own_pauses = { days = 5 }
"""
# Where it is about noon now: no day ends while the tests run.
AHEAD = 12 - datetime.now(UTC).hour
NOON_ZONE = f"Etc/GMT{-AHEAD:+d}"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    folder = tmp_path_factory.mktemp("goals")
    book: Path = folder / "book.toml"
    book.write_text(BOOK)
    process = ServerProcess(folder, rulebook=str(book), jwt_secret=SECRET, public="profiles")
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
        for user in ("ada", "cem", "dan", "eve"):
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


class TestFormsOfTheOwnPage:
    @pytest.fixture
    def mine(self, http: httpx2.Client, server: ServerProcess) -> Iterator[httpx2.Client]:
        """What eve's browser sends from her page, behind a proxy that adds her token."""
        del http
        with server.client() as client:
            client.headers.update({**bearer(token("eve")), "origin": server.url})
            yield client

    def submit(self, client: httpx2.Client, **fields: str) -> httpx2.Response:
        found = re.search(r'name="token" value="([0-9a-f]+)"', client.get("/u/eve").text)
        assert found
        return client.post("/u/eve", data={"token": found[1], **fields})

    def test_a_learner_sets_goals_plans_a_pause_and_repairs_a_day(
        self, http: httpx2.Client, mine: httpx2.Client
    ) -> None:
        now = datetime.now(UTC) + timedelta(hours=AHEAD)
        for ago in (3, 2, 0):
            at = (datetime.now(UTC) - timedelta(days=ago)).isoformat()
            event = {"userId": "eve", "eventType": "code_run", "timestamp": at}
            assert http.post("/api/progress/event", json=event).is_success
        done = self.submit(mine, action="goals", eventsPerDay="2", pointsPerWeek="")
        assert (done.status_code, done.headers["location"]) == (303, "/u/eve")
        tomorrow = f"{now + timedelta(days=1):%Y-%m-%d}"
        assert self.submit(mine, action="pause", **{"from": tomorrow, "until": tomorrow}).status_code == 303
        missed = f"{now - timedelta(days=1):%Y-%m-%d}"
        assert f'name="day" value="{missed}"' in mine.get("/u/eve").text
        assert self.submit(mine, action="repair", day=missed).status_code == 303
        user = mine.get("/api/progress/users/eve").json()["user"]
        assert (user["goals"], user["totalPoints"]) == ({"eventsPerDay": 2}, 8)
        assert user["pauses"] == [{"from": tomorrow, "until": tomorrow}]
        assert 'name="was-eventsPerDay" value="2"' in mine.get("/u/eve").text
        # What another device has set since the page was opened stays.
        self.submit(mine, action="goals", eventsPerDay="3", pointsPerDay="9", **{"was-pointsPerDay": "9"})
        assert mine.get("/api/progress/users/eve").json()["user"]["goals"] == {"eventsPerDay": 3}

    @pytest.mark.parametrize(
        ("fields", "sentence"),
        [
            ({"action": "goals", "eventsPerDay": "many"}, "a whole number from 1 to 1,000,000"),
            ({"action": "pause", "from": "2026-01-01", "until": "2026-01-02"}, "before it begins"),
            ({"action": "repair", "day": "soon"}, "a calendar date"),
            ({"action": "repair", "day": "2026-01-01"}, "day"),
            ({"action": "win"}, "goals, pause or repair"),
        ],
    )
    def test_what_cannot_be_done_is_said(self, mine: httpx2.Client, fields: dict[str, str], sentence: str) -> None:
        answer = self.submit(mine, **fields)
        assert answer.status_code == 422
        assert sentence in answer.text

    def test_only_the_learner_has_them_and_only_their_own_page_sends_them(
        self, http: httpx2.Client, server: ServerProcess, mine: httpx2.Client
    ) -> None:
        with server.client() as stranger:
            for client in (http, stranger):
                assert 'method="post"' not in client.get("/u/eve").text
                assert client.post("/u/eve", data={"action": "goals"}).status_code == 404
        assert mine.post("/u/dan", data={"action": "goals"}).status_code == 404
        assert mine.post("/u/eve", data={"action": "goals", "eventsPerDay": "9"}).status_code == 403
        mine.headers["origin"] = "https://evil.example"
        assert self.submit(mine, action="goals", eventsPerDay="9").status_code == 403
