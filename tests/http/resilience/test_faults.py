"""The database fails under a running server: clear 503s, nothing of the inside, and readiness says so."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import httpx2

from tests.http.answers import assert_refused
from tests.http.conftest import StartServer
from tests.http.server_process import ServerProcess
from tests.waiting import FAR

EVENT = {"userId": "ada", "eventType": "code_run"}
READS = [
    "/api/progress/dashboard/ada",
    "/api/progress/badges/ada",
    "/api/progress/activity/ada",
    "/api/progress/rank/ada",
    "/api/progress/export/ada",
    "/api/progress/export/ada?format=csv",
    "/api/progress/leaderboard",
    "/api/progress/leaderboard?around=ada",
]


def assert_unavailable(response: httpx2.Response) -> None:
    problem = assert_refused(response, 503)
    assert problem["fallback"] is True
    assert int(response.headers["retry-after"]) >= 1


def assert_live_but_not_ready(client: httpx2.Client) -> None:
    ready = client.get("/health/ready")
    assert (ready.status_code, ready.json()) == (503, {"status": "unavailable", "checks": {"store": "unavailable"}})
    assert client.get("/health/live").status_code == 200


def spoil(server: ServerProcess) -> None:
    # Written anew first, so that the server goes on from nothing that it holds of the file. The memory that SQLite
    # shares with the server stays: with garbage there, a process may do anything, and sometimes ends.
    with closing(sqlite3.connect(server.database)) as other:
        other.execute("VACUUM")
    for name in ("laurels.db", "laurels.db-wal"):
        with (server.folder / name).open("r+b") as file:
            size = file.seek(0, 2)
            file.seek(0)
            file.write((b"garbage " * size)[:size])


def test_a_spoiled_database_makes_every_answer_a_clear_refusal(start_server: StartServer) -> None:
    server = start_server()
    with server.client() as client:
        assert client.post("/api/progress/event", json=EVENT).status_code == 201
        spoil(server)
        assert_unavailable(client.post("/api/progress/event", json=EVENT))
        assert_unavailable(client.post("/api/progress/events", json=[EVENT]))
        assert_unavailable(client.put("/api/progress/users/ada", json={"displayName": "Ada"}))
        for path in READS:
            assert_unavailable(client.get(path))
        assert_live_but_not_ready(client)
        # What needs no database still works, and what is wrong is still told as such.
        assert client.get("/api/badges").status_code == 200
        assert_refused(client.post("/api/progress/event", json=EVENT | {"userId": ""}), 422, field="userId")
    # The cause is for the operator's eyes: in the log.
    assert "request failed" in server.log
    assert "Traceback" in server.log


def test_a_folder_that_is_gone_makes_reads_a_clear_refusal(start_server: StartServer) -> None:
    server = start_server()
    with server.client() as client:
        shutil.rmtree(server.folder)
        for path in READS:
            assert_unavailable(client.get(path))
        assert client.get("/health/live").status_code == 200


def test_a_database_locked_by_another_process_recovers_and_loses_nothing(start_server: StartServer) -> None:
    server = start_server()
    event = EVENT | {"eventId": "while-locked"}
    with server.client() as client, closing(sqlite3.connect(server.database, isolation_level=None)) as other:
        assert client.post("/api/progress/event", json=EVENT).status_code == 201
        other.execute("BEGIN IMMEDIATE")
        for _ in range(4):
            assert_live_but_not_ready(client)
        assert client.get("/api/progress/dashboard/ada").json()["totalEvents"] == 1
        # However often it was probed, the event waits for one probe at the most, and for the lock itself; beside others
        # for their commit, too. The limit is 2.5 seconds.
        with ThreadPoolExecutor(6) as callers:

            def post(number: int) -> float:
                time.sleep(0.3 * number)
                started = time.monotonic()
                assert_unavailable(client.post("/api/progress/event", json=event | {"userId": f"user-{number}"}))
                return time.monotonic() - started

            assert max(callers.map(post, range(6))) < FAR
        assert_unavailable(client.post("/api/progress/event", json=event))
        other.execute("ROLLBACK")
        deadline = time.monotonic() + 20
        while client.get("/health/ready").status_code != 200:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        assert client.post("/api/progress/event", json=event).status_code in (200, 201)
        assert client.get("/api/progress/dashboard/ada").json()["totalEvents"] == 2
    server.stop()
    assert asyncio.run(server.verify()).differences == []


def test_a_lock_that_is_soon_given_back_is_waited_for(start_server: StartServer) -> None:
    server = start_server()
    with server.client() as client, closing(sqlite3.connect(server.database, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        answers: list[httpx2.Response] = []
        waiting = threading.Thread(target=lambda: answers.append(client.post("/api/progress/event", json=EVENT)))
        waiting.start()
        time.sleep(0.5)
        assert answers == []
        other.execute("ROLLBACK")
        waiting.join()
        assert answers[0].status_code == 201
