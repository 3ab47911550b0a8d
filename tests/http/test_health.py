"""Health, and addresses and methods that there are not."""

from __future__ import annotations

import socket

import httpx2
import pytest

from tests.http.answers import assert_refused
from tests.http.server_process import ServerProcess


class TestHealth:
    def test_a_running_server_is_live(self, client: httpx2.Client) -> None:
        response = client.get("/health/live")
        assert (response.status_code, response.json()) == (200, {"status": "ok"})

    def test_a_server_that_can_record_is_ready(self, client: httpx2.Client) -> None:
        response = client.get("/health/ready")
        assert (response.status_code, response.json()) == (200, {"status": "ok", "checks": {"store": "ok"}})


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
            ("POST", "/api/progress/dashboard/ada", "GET"),
            ("POST", "/api/progress/users/ada", "DELETE, GET, PUT"),
            ("PATCH", "/api/progress/leaderboard", "GET"),
            ("POST", "/api/badges", "GET"),
            ("POST", "/health/live", "GET"),
            ("TRACE", "/api/badges", "GET"),
        ],
    )
    def test_a_wrong_method_is_refused_and_the_right_one_named(
        self, client: httpx2.Client, method: str, path: str, allowed: str
    ) -> None:
        response = client.request(method, path)
        assert_refused(response, 405)
        assert set(response.headers["allow"].split(", ")) == {*allowed.split(", "), "OPTIONS"}

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
