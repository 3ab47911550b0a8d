"""Without a key everything is open, but to this machine alone; and what browsers are told."""

from __future__ import annotations

import socket

import httpx2
import pytest

from tests.http.callers import SECRET, make_key
from tests.http.conftest import StartServer
from tests.http.server_process import ServerProcess

EVENT = {"userId": "ada", "eventType": "code_run"}


class TestOnlyThisMachine:
    """Without a key everything is open, but to this machine alone."""

    @pytest.mark.parametrize(
        ("headers", "status"),
        [
            ({}, 200),
            ({"host": "localhost:8000"}, 200),
            ({"host": "[::1]:8000"}, 200),
            ({"origin": "{own}", "referer": "{own}/leaderboard", "sec-fetch-site": "same-origin"}, 200),
            ({"sec-fetch-site": "none"}, 200),
            ({"origin": "https://{host}"}, 401),
            ({"origin": "http://localhost:3000"}, 401),
            ({"referer": "http://evil.example/"}, 401),
            ({"referer": "http://localhost:3000/page"}, 401),
            ({"sec-fetch-site": "cross-site"}, 401),
            ({"sec-fetch-site": "same-site"}, 401),
            ({"via": "1.1 proxy"}, 401),
            ({"x-forwarded-host": "laurels.example"}, 401),
            ({"x-forwarded-proto": "https"}, 401),
            ({"cf-connecting-ip": "192.0.2.1"}, 401),
            ({"host": "[::1]evil.com"}, 401),
            ({"host": "localhost:80@evil.com"}, 401),
            ({"host": "localhost.evil.com"}, 401),
            ({"host": "127.0.0.1.evil.com"}, 401),
            ({"x-forwarded-for": "192.0.2.1"}, 401),
            ({"forwarded": "for=192.0.2.1"}, 401),
            ({"host": "laurels.example"}, 401),
            ({"origin": "https://laurels.example"}, 401),
            ({"origin": "null"}, 401),
        ],
        ids=str,
    )
    def test_who_counts_as_this_machine(self, client: httpx2.Client, headers: dict[str, str], status: int) -> None:
        client.post("/api/progress/event", json={**EVENT, "userId": "machine"})
        own = str(client.base_url).rstrip("/")
        host = own.partition("://")[2]
        sent = {name: value.replace("{own}", own).replace("{host}", host) for name, value in headers.items()}
        assert client.get("/api/progress/dashboard/machine", headers=sent).status_code == status

    @pytest.mark.parametrize(
        ("head", "status"),
        [
            (b"GET %s HTTP/1.1\r\nHost: localhost\r\n", 200),
            # What a bare proxy_pass sends.
            (b"GET %s HTTP/1.0\r\nHost: localhost\r\n", 401),
            (b"GET %s HTTP/1.1\r\nHost: localhost\r\nHost: evil.com\r\n", 401),
        ],
    )
    def test_what_no_client_library_sends(
        self, server: ServerProcess, client: httpx2.Client, head: bytes, status: int
    ) -> None:
        client.post("/api/progress/event", json={**EVENT, "userId": "machine"})
        with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
            connection.sendall(head % b"/api/progress/dashboard/machine" + b"Connection: close\r\n\r\n")
            answer = connection.makefile("rb").readline()
        assert int(answer.split()[1]) in ({status} if status == 200 else {status, 400})

    def test_a_page_of_an_origin_that_is_allowed_may_call(self, start_server: StartServer) -> None:
        server = start_server(cors_origins="http://localhost:3000")
        with server.client() as client:
            for origin, status in (("http://localhost:3000", 201), ("http://localhost:4000", 401)):
                headers = {"origin": origin, "sec-fetch-site": "same-site", "referer": f"{origin}/page"}
                answer = client.post("/api/progress/event", json=EVENT | {"eventId": origin}, headers=headers)
                assert answer.status_code == status

    def test_with_the_first_key_it_is_over(self, start_server: StartServer) -> None:
        server = start_server()
        with server.client() as client:
            assert client.post("/api/progress/event", json=EVENT).status_code == 201
            make_key(f"sqlite:///{server.database}", "progress:read")
            assert client.post("/api/progress/event", json=EVENT).status_code == 401


class TestHeaders:
    """What browsers are told."""

    def test_answers_are_not_kept_and_do_nothing(self, client: httpx2.Client) -> None:
        for path in ("/api/badges", "/api/progress/dashboard/nobody", "/health/live", "/openapi.json"):
            headers = client.get(path).headers
            assert headers["x-content-type-options"] == "nosniff"
            assert headers["cache-control"] == "no-store"
            assert headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"

    def test_pages_run_no_script_of_elsewhere(self, client: httpx2.Client) -> None:
        page = client.get("/docs")
        policy = page.headers["content-security-policy"]
        assert "script-src 'self';" in policy
        assert "unsafe" not in policy
        assert "<script>" not in page.text

    def test_other_origins_may_call_where_they_are_listed(self, start_server: StartServer) -> None:
        origin = "https://learn.example"
        server = start_server(cors_origins=f"{origin}, https://other.example", jwt_secret=SECRET)
        with server.client() as client:
            allowed = client.options(
                "/api/progress/event", headers={"origin": origin, "access-control-request-method": "POST"}
            )
            assert allowed.status_code == 204
            assert allowed.headers["access-control-allow-origin"] == origin
            assert "authorization" in allowed.headers["access-control-allow-headers"]
            read = client.get("/api/badges", headers={"origin": origin})
            assert read.headers["access-control-allow-origin"] == origin
            assert read.headers["vary"] == "Origin"
            assert {"date", "retry-after"} <= set(read.headers["access-control-expose-headers"].split(", "))
            other = client.get("/api/badges", headers={"origin": "https://evil.example"})
            assert "access-control-allow-origin" not in other.headers

    def test_where_none_is_listed_none_may(self, client: httpx2.Client) -> None:
        answer = client.get("/api/badges", headers={"origin": "https://learn.example"})
        assert "access-control-allow-origin" not in answer.headers
