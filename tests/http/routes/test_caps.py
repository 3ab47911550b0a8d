"""What an answer says of an event that brought fewer points than its type pays, or more."""

from __future__ import annotations

import asyncio
import csv
import io
from collections import Counter
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.http.answers import EVENT, assert_refused
from tests.http.conftest import Record, StartServer
from tests.http.resilience.test_races import post_all
from tests.http.server_process import ServerProcess

URL = "/api/progress/event"
BATCH = "/api/progress/events"
BOOK = """
name = "capped"
levels = { kind = "quadratic", step = 50 }
[event_types.code_run]
points = 5
max_per_day = 2
[event_types.talk]
points = 3
cooldown = 60
[event_types.read]
points = 5
[boosts.new_year]
factor = 1.5
from = 2026-01-01
until = 2026-01-06
event = "read"
"""


class TestOnceKey:
    def test_a_thing_is_paid_for_once_and_the_answer_says_so(
        self, client: httpx2.Client, record: Record, user: str
    ) -> None:
        first = record(user, "challenge_complete", onceKey="task-7", eventId="a")["event"]
        assert first.keys() == EVENT | {"onceKey"}
        assert (first["points"], first["onceKey"]) == (20, "task-7")
        second = record(user, "ai_debug", onceKey="task-7", eventId="b")
        assert (second["event"]["points"], second["event"]["unpaid"]) == (0, "once")
        assert record(user, "challenge_complete", onceKey="task-8")["event"]["points"] == 20
        dashboard = client.get(f"/api/progress/dashboard/{user}").json()
        assert dashboard["totalEvents"] == 3
        assert dashboard["eventStats"]["ai_debug"] == {"count": 1, "points": 0}

        body = {"userId": user, "eventType": "ai_debug", "eventId": "b", "onceKey": "task-7"}
        replayed = client.post(URL, json=body)
        assert (replayed.status_code, replayed.json()) == (200, second)
        for other in ({"onceKey": "task-9"}, {"onceKey": None}):
            assert_refused(client.post(URL, json=body | other), 409, code="event-conflict")

        export = client.get(f"/api/progress/export/{user}", params={"format": "csv"}).text
        rows = list(csv.DictReader(io.StringIO(export)))
        assert [(row["onceKey"], row["unpaid"]) for row in rows] == [("task-7", ""), ("task-7", "once"), ("task-8", "")]

    @pytest.mark.parametrize("key", ["", "x" * 101, "a\u0000b", 7, ["a"]])
    def test_a_wrong_one_is_refused(self, client: httpx2.Client, user: str, key: Any) -> None:
        refused = client.post(URL, json={"userId": user, "eventType": "code_run", "onceKey": key})
        assert refused.status_code == 422
        assert "onceKey" in refused.json()["detail"]

    async def test_of_32_clients_one_is_paid(self, server: ServerProcess, user: str) -> None:
        events = [
            {"userId": user, "eventType": "visualize", "eventId": str(number), "onceKey": "one"} for number in range(96)
        ]
        answers = await post_all(server, events=events, clients=32)
        assert Counter(answer.json()["event"]["points"] for answer in answers) == {6: 1, 0: 95}
        assert (await server.verify()).differences == []


class TestLimits:
    def test_every_surface_tells_why(self, start_server: StartServer, tmp_path: Path) -> None:
        book = tmp_path / "capped.toml"
        book.write_text(BOOK)
        server = start_server(rulebook=str(book))
        at = "2026-01-05T09:30:00Z"
        with server.client() as client:
            batch = client.post(
                BATCH,
                json=[
                    {"userId": "ada", "eventType": kind, "eventId": f"{kind}-{number}", "timestamp": at}
                    for kind in ("code_run", "talk")
                    for number in range(3)
                ],
            ).json()
            assert [(each["points"], each.get("unpaid")) for each in batch["results"]] == [
                (5, None),
                (5, None),
                (0, "daily-cap"),
                (3, None),
                (0, "cooldown"),
                (0, "cooldown"),
            ]
            again = client.post(
                URL, json={"userId": "ada", "eventType": "code_run", "eventId": "code_run-2", "timestamp": at}
            )
            assert (again.status_code, again.json()["event"]["unpaid"]) == (200, "daily-cap")
            dashboard = client.get("/api/progress/dashboard/ada").json()
            assert (dashboard["totalEvents"], dashboard["user"]["totalPoints"]) == (6, 13)
            days = client.get("/api/progress/activity/ada", params={"from": "2026-01-05", "to": "2026-01-05"}).json()
            assert days["days"] == [{"date": "2026-01-05", "events": 6, "points": 13}]

            # Days that pay more: told in the same places.
            boost = {"boostId": "new_year", "points": 3}
            read = {"userId": "bob", "eventType": "read", "eventId": "read", "timestamp": at}
            assert client.post(URL, json=read).json()["event"]["boost"] == boost
            [again] = client.post(BATCH, json=[read]).json()["results"]
            assert (again["points"], again["boost"]) == (8, boost)
            assert "boost" not in client.post(URL, json=read | {"eventId": "now", "timestamp": None}).json()["event"]
            lines = client.get("/api/progress/history/bob").json()["entries"]
            assert [line["event"].get("boost") for line in lines if line["kind"] == "event"] == [None, boost]
            export = client.get("/api/progress/export/bob", params={"format": "csv"}).text
            assert [row["boost"] for row in csv.DictReader(io.StringIO(export))] == ["new_year", ""]
        found = asyncio.run(server.verify())
        # Other rules than those of `verify` here: what was decided must add up.
        assert found.differences == []
