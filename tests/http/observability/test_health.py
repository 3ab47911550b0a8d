"""Health, and addresses and methods that there are not."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sqlite3
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx2
import pytest
from litestar.testing import TestClient

from laurels.bootstrap import create_app
from laurels.http.routes import health
from laurels.settings import Settings
from tests.http.answers import assert_refused
from tests.http.callers import make_key
from tests.http.conftest import StartServer
from tests.http.server_process import ServerProcess
from tests.ports import free_port


class TestHealth:
    def test_a_running_server_is_live(self, client: httpx2.Client) -> None:
        response = client.get("/health/live")
        assert (response.status_code, response.json()) == (200, {"status": "ok"})

    def test_a_server_that_can_record_is_ready(self, client: httpx2.Client) -> None:
        response = client.get("/health/ready")
        assert (response.status_code, response.json()) == (200, {"status": "ok", "checks": {"store": "ok"}})

    def test_a_server_whose_boards_are_far_behind_is_degraded(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        # Instead of the minute that it is.
        monkeypatch.setattr(health, "BEHIND_SECONDS", 0.2)
        database = tmp_path / "laurels.db"
        app = create_app(Settings(store=f"sqlite:///{database}", projection_interval_ms=10))
        headers = {"authorization": f"Bearer {make_key(f'sqlite:///{database}', 'admin')}"}
        ready = (200, {"status": "ok", "checks": {"store": "ok"}})
        behind = (200, {"status": "degraded", "checks": {"store": "ok", "projections": "behind"}})
        with TestClient(app, base_url="http://127.0.0.1") as client, closing(sqlite3.connect(database)) as other:

            def readiness() -> tuple[int, Any]:
                answer = client.get("/health/ready")
                return answer.status_code, answer.json()

            assert readiness() == ready
            other.execute("ALTER TABLE standings RENAME TO elsewhere")
            body = {"userId": "ada", "eventType": "code_run"}
            assert client.post("/api/progress/event", json=body, headers=headers).status_code == 201
            wait_until(lambda: readiness() == behind)
            other.execute("ALTER TABLE elsewhere RENAME TO standings")
            wait_until(lambda: readiness() == ready)

    async def test_a_server_whose_committer_has_ended_is_not_ready_and_refuses_events(self, tmp_path: Path) -> None:
        url = f"sqlite:///{tmp_path}/laurels.db"
        headers = {"authorization": f"Bearer {await asyncio.to_thread(make_key, url, 'admin')}"}
        app = create_app(Settings(store=url))
        transport = httpx2.ASGITransport(app=app)  # pyright: ignore[reportArgumentType]  its scope is typed more narrowly
        async with app.lifespan(), httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            assert (await client.get("/health/ready")).status_code == 200
            [committer] = [task for task in asyncio.all_tasks() if task.get_name() == "laurels-committer"]
            committer.cancel()
            body = {"userId": "ada", "eventType": "code_run"}
            async with asyncio.timeout(5):
                refused = await client.post("/api/progress/event", json=body, headers=headers)
            assert_refused(refused, 500, code=":internal")
            answer = await client.get("/health/ready")
        assert answer.status_code == 503
        assert answer.json() == {"status": "unavailable", "checks": {"store": "ok", "tasks": "dead"}}

    def test_a_server_that_is_stopping_is_not_ready(self, start_server: StartServer) -> None:
        port = free_port()
        server = start_server(metrics_port=str(port))

        def under_way() -> bool:
            page = httpx2.get(f"http://127.0.0.1:{port}/metrics", trust_env=False).text
            return "laurels_http_requests_under_way 1.0" in page

        def is_closed() -> bool:
            with socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", server.port)) != 0

        # A request that waits for the store when the signal comes.
        with closing(sqlite3.connect(server.database, isolation_level=None)) as other, ThreadPoolExecutor() as pool:
            other.execute("BEGIN IMMEDIATE")
            with server.client() as client:
                asked = pool.submit(client.get, "/health/ready")
                wait_until(under_way)
                os.kill(server.pid, signal.SIGTERM)
                wait_until(is_closed)
                other.rollback()
                answer = asked.result()
        assert (answer.status_code, answer.json()["status"]) == (503, "stopping")


def wait_until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)


class TestUnknownAddresses:
    @pytest.mark.parametrize(
        "path",
        [
            "/nope",
            "/api",
            "/api/progress",
            "/api/progress/dashboard",
            "/api/progress/dashboard/",
            "/api/progress/leaderboard/ada",
            "/static",
            "/static/",
            "/static/nope.js",
            "/static/..%2Fpages.py",
            "/static/%2e%2e/pages.py",
            "/openapi/swagger",
            "/%00",
            "/\u00e9",
        ],
    )
    def test_they_are_not_found(self, client: httpx2.Client, path: str) -> None:
        assert_refused(client.get(path), 404, code=":not-found")

    @pytest.mark.parametrize(
        ("method", "path", "allowed"),
        [
            ("GET", "/api/progress/event", "POST"),
            ("DELETE", "/api/progress/event", "POST"),
            ("PUT", "/api/progress/events", "POST"),
            ("POST", "/api/progress/dashboard/ada", "GET, HEAD"),
            ("POST", "/api/progress/users/ada", "DELETE, GET, HEAD, PUT"),
            ("PATCH", "/api/progress/leaderboard", "GET, HEAD"),
            ("POST", "/api/badges", "GET, HEAD"),
            ("POST", "/health/live", "GET, HEAD"),
            ("TRACE", "/api/badges", "GET, HEAD"),
        ],
    )
    def test_a_wrong_method_is_refused_and_the_right_one_named(
        self, client: httpx2.Client, method: str, path: str, allowed: str
    ) -> None:
        response = client.request(method, path)
        assert_refused(response, 405)
        assert set(response.headers["allow"].split(", ")) == {*allowed.split(", "), "OPTIONS"}

    @pytest.mark.parametrize("path", ["/api/badges", "/health/ready", "/static/docs.js", "/docs", "/openapi.json"])
    def test_head_is_answered_as_get_is_without_a_body(self, client: httpx2.Client, path: str) -> None:
        head, get = client.head(path), client.get(path)
        assert (head.status_code, head.content) == (200, b"")
        for name in ("content-type", "content-length"):
            assert head.headers[name] == get.headers[name]

    def test_the_methods_of_an_address_are_told(self, client: httpx2.Client) -> None:
        answer = client.options("/api/webhooks")
        assert (answer.status_code, answer.headers["allow"]) == (204, "GET, HEAD, OPTIONS, POST")

    def test_an_invalid_host_is_refused(self, client: httpx2.Client) -> None:
        assert_refused(client.get("/api/badges", headers={"host": "a b<script>"}), 400)

    def test_what_is_no_http_ends_no_server(self, server: ServerProcess, client: httpx2.Client) -> None:
        for garbage in (
            b"\x16\x03\x01\x02\x00",
            b"GET\r\n\r\n",
            b"POST /api/progress/event HTTP/1.1\r\nContent-Length: x",
        ):
            with socket.create_connection(("127.0.0.1", server.port), timeout=5) as connection:
                connection.sendall(garbage + b"\r\n\r\n")
                connection.shutdown(socket.SHUT_WR)
                while connection.recv(4096):
                    pass
        assert client.get("/health/live").status_code == 200
