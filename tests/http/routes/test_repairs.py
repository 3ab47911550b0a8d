"""A streak repaired over HTTP: by the learner, by the client, again, and where it is refused."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx2
import pytest

from laurels import PlannedPause
from laurels.client import Client
from laurels.errors import RepairRefused
from tests.http.answers import assert_refused
from tests.http.callers import SECRET, bearer, make_key, token
from tests.http.server_process import ServerProcess

BOOK = """
name = "repairs"
levels = { kind = "quadratic", step = 5 }
event_types.talk = { points = 10 }
streak.repair = { within = 10, price = 12 }
streak.own_pauses = { days = 5 }
"""
URL = "/api/progress/repairs"
# Whatever the hour: all days lie behind, and none of them moves while the tests run.
NOW = datetime.now(UTC)


def day(ago: int) -> str:
    return f"{NOW - timedelta(days=ago):%Y-%m-%d}"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    folder = tmp_path_factory.mktemp("repairs")
    book: Path = folder / "book.toml"
    book.write_text(BOOK)
    process = ServerProcess(folder, rulebook=str(book), jwt_secret=SECRET)
    process.start()
    yield process
    process.stop()


@pytest.fixture(scope="module")
def admin(server: ServerProcess) -> str:
    return make_key(f"sqlite:///{server.database}", "admin")


@pytest.fixture(scope="module")
def http(server: ServerProcess, admin: str) -> Iterator[httpx2.Client]:
    """A client of the administrator, when ada and bob have learned on the fifth, fourth and second day before today."""
    with server.client() as client:
        client.headers.update(bearer(admin))
        for user in ("ada", "bob"):
            for ago in (5, 4, 2):
                at = (NOW - timedelta(days=ago)).isoformat()
                event = {"userId": user, "eventType": "talk", "eventId": f"talk-{ago}", "timestamp": at}
                assert client.post("/api/progress/event", json=event).status_code == 201
        yield client


def test_a_learner_repairs_a_day_once(http: httpx2.Client) -> None:
    dashboard = http.get("/api/progress/dashboard/ada").json()
    assert dashboard["streak"]["repair"]["price"] == 12
    assert day(3) in dashboard["streak"]["repair"]["days"]
    mine = bearer(token("ada"))
    made = http.post(URL, json={"userId": "ada", "day": day(3)}, headers=mine)
    assert made.status_code == 201, made.text
    answer = made.json()
    assert answer["success"]
    assert answer["repair"] == {"userId": "ada", "day": day(3), "lastDay": day(3), "points": 12}
    assert answer["progress"].keys() == {"totalPoints", "level", "leveledUp", "dailyStreak"}
    assert (answer["progress"]["totalPoints"], answer["progress"]["leveledUp"]) == (18, False)
    again = http.post(URL, json={"userId": "ada", "day": day(3)}, headers=mine)
    assert (again.status_code, again.headers["Idempotent-Replayed"]) == (200, "true")
    assert again.json()["repair"] == answer["repair"]
    assert http.get("/api/progress/dashboard/ada").json()["longestStreak"] == 3
    days = http.get("/api/progress/activity/ada").json()["days"]
    assert {"date": day(3), "events": 0, "points": 0, "state": "repaired"} in days
    [line] = [each for each in http.get("/api/progress/history/ada").json()["entries"] if each["kind"] == "repair"]
    assert (line["points"], line["day"], line["reason"]) == (-12, day(3), f"Repaired the streak for {day(3)}.")


def test_what_is_refused_says_why(http: httpx2.Client) -> None:
    for wanted in (day(-1), day(4), day(30)):
        refused = http.post(URL, json={"userId": "bob", "day": wanted})
        assert_refused(refused, 409, code="repair-refused")
    assert_refused(http.post(URL, json={"userId": "nobody", "day": day(3)}), 404, code="unknown-user")
    wrong = http.post(URL, json={"userId": "", "day": "yesterday", "dya": 1})
    assert [each["field"] for each in wrong.json()["errors"]] == ["dya", "userId", "day"]
    assert http.post(URL, json={"userId": "bob", "day": day(3)}, headers=bearer(token("ada"))).status_code == 403


def test_the_client_has_the_verb(http: httpx2.Client, server: ServerProcess, admin: str) -> None:
    del http
    with Client(server.url, token=admin, storage=None) as client:
        made = client.repair_streak("bob", (NOW - timedelta(days=3)).date(), reason="Was ill.")
        assert (made.first, made.points, made.total_points, made.is_replay) == (made.last, 12, 18, False)
        assert client.repair_streak("bob", made.first).is_replay
        assert next(client.history("bob")).reason == "Was ill."
        with pytest.raises(RepairRefused, match="not over"):
            client.repair_streak("bob", NOW.date() + timedelta(days=1))


def test_a_learner_plans_a_pause(http: httpx2.Client, server: ServerProcess, admin: str) -> None:
    plan = [{"from": day(-3), "until": day(-4)}]
    mine = bearer(token("ada"))
    planned = http.put("/api/progress/users/ada", json={"pauses": plan}, headers=mine)
    assert planned.status_code == 200, planned.text
    assert planned.json()["user"]["pauses"] == plan
    late = http.put("/api/progress/users/ada", json={"pauses": [{"from": day(2), "until": day(2)}]}, headers=mine)
    assert_refused(late, 422, field="pauses")
    assert http.put("/api/progress/users/ada", json={"pauses": [{"from": "soon"}]}, headers=mine).status_code == 422
    with Client(server.url, token=admin, storage=None) as client:
        first, last = (NOW + timedelta(days=3)).date(), (NOW + timedelta(days=4)).date()
        assert client.set_profile("bob", pauses=[(first, last)]).pauses == [PlannedPause(first, last)]
