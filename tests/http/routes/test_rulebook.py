"""Rulebooks over HTTP: shown, tried, put in force for running processes, and what follows."""

from __future__ import annotations

import time
from typing import Any

import httpx2

from tests.changed_rulebook import CODING, SECOND_RUN
from tests.http.answers import assert_refused
from tests.http.conftest import StartServer

PATH = "/api/rulebook"
TOML = {"Content-Type": "application/toml"}


def ended(client: httpx2.Client, job_id: str) -> dict[str, Any]:
    deadline = time.monotonic() + 30
    while (job := client.get(f"{PATH}/jobs/{job_id}").json()["job"])["state"] in ("waiting", "running"):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    return job


def held(client: httpx2.Client, user_id: str) -> dict[str, str]:
    badges = client.get(f"/api/progress/badges/{user_id}").json()["badges"]
    return {badge["badgeId"]: badge["earnedAt"] for badge in badges if badge["earned"]}


def test_a_new_badge_from_its_file_to_learners_who_meet_it_already(start_server: StartServer) -> None:
    server = start_server(workers=2)
    with server.client() as client:
        before = client.get(PATH).json()
        assert (before["version"], before["rulebook"]["name"], before["jobs"]) == (1, "coding", [])
        for number in range(3):
            event = {"userId": "ada", "eventType": "code_run", "timestamp": f"2026-03-0{number + 1}T12:00:00Z"}
            assert client.post("/api/progress/event", json=event).status_code == 201
        assert "second_run" not in held(client, "ada")

        shown = client.post(f"{PATH}/preview", content=CODING + SECOND_RUN, headers=TOML)
        assert shown.status_code == 200
        [badge] = [badge for badge in shown.json()["badges"] if badge["badgeId"] == "second_run"]
        assert (badge["wouldEarn"], badge["samples"][0]["earnedAt"]) == (1, "2026-03-02T12:00:00.000Z")
        assert client.get(PATH).json()["version"] == 1

        made = client.post(PATH, content=CODING + SECOND_RUN, headers=TOML, params={"backfill": "true"})
        assert made.status_code == 201, made.text
        assert made.json()["rulebook"]["version"] == 2
        job = ended(client, made.json()["job"]["jobId"])
        assert (job["state"], job["learners"], job["awards"]) == ("done", 1, {"second_run": 1})
        assert held(client, "ada")["second_run"] == "2026-03-02T12:00:00.000Z"
        # Whichever process is asked: both go by it by now.
        for _ in range(20):
            with server.client() as another:
                assert "second_run" in {badge["badgeId"] for badge in another.get("/api/badges").json()["badges"]}
        again = client.post(PATH, content=CODING + SECOND_RUN, headers=TOML)
        assert (again.status_code, again.json()["rulebook"]["version"], again.json()["job"]) == (200, 2, None)
        now = client.get(PATH).json()
        assert [each["version"] for each in now["versions"]] == [2, 1]
        assert [each["jobId"] for each in now["jobs"]] == [job["jobId"]]
    server.stop()
    # And after a restart, whatever the built-in one says.
    server.start()
    with server.client() as client:
        assert client.get(PATH).json()["version"] == 2
        assert client.get("/health/ready").json()["status"] == "ok"


def test_points_of_the_past_are_counted_anew_where_that_is_asked_for(start_server: StartServer) -> None:
    with start_server().client() as client:
        event = {"userId": "ada", "eventType": "ai_explain", "timestamp": "2026-03-01T12:00:00Z"}
        assert client.post("/api/progress/event", json=event).status_code == 201
        before = client.get("/api/progress/dashboard/ada").json()["user"]["totalPoints"]
        richer = CODING.replace("points = 3\n", "points = 33\n", 1)
        shown = client.post(f"{PATH}/preview", content=richer, headers=TOML, params={"repoint": "true"}).json()
        assert (shown["repointed"], shown["repointedPoints"]) == (1, 30)
        made = client.post(PATH, content=richer, headers=TOML, params={"repoint": "true"})
        assert made.status_code == 201, made.text
        job = ended(client, made.json()["job"]["jobId"])
        assert (job["state"], job["repoint"], job["repointed"]) == ("done", True, 1)
        assert client.get("/api/progress/dashboard/ada").json()["user"]["totalPoints"] == before + 30
        line = client.get("/api/progress/history/ada").json()["entries"][0]
        assert (line["kind"], line["points"]) == ("repoint", 30)
        assert "Points counted anew" in client.get("/u/ada").text


def test_what_cannot_be_used_is_refused_with_its_key_and_changes_nothing(client: httpx2.Client) -> None:
    for address in (PATH, f"{PATH}/preview"):
        wrong = SECOND_RUN.replace("points = 7", "points = -7")
        problem = assert_refused(client.post(address, content=CODING + wrong, headers=TOML), 422, code="invalid-input")
        assert problem["errors"][0]["field"].endswith(".points")
        line = (CODING + wrong).splitlines().index("points = -7") + 1
        assert f"Line {line}: " in problem["detail"]
        assert_refused(client.post(address, content="no = [toml", headers=TOML), 422, code="invalid-input")
        assert_refused(client.post(address, content=b"\xff\xfe", headers=TOML), 422, code="invalid-input")
        assert_refused(client.post(address, content=CODING, headers={"Content-Type": "text/plain"}), 415)
        assert_refused(client.post(address, content="#" * (2 * 1024 * 1024 + 1), headers=TOML), 413)
    assert_refused(client.post(PATH, content=CODING, headers=TOML, params={"notify": "all"}), 422)
    assert_refused(client.post(PATH, content=CODING, headers=TOML, params={"backfil": "true"}), 422)
    assert_refused(client.get(f"{PATH}/jobs/nowhere"), 404, code="unknown-job")
    assert client.get(PATH).json()["version"] == 1
