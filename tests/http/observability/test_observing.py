"""What the service tells of itself: log lines, ids of requests, metrics, spans."""

from __future__ import annotations

import json
import re
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import httpx2
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from tests.http.callers import make_key
from tests.http.conftest import StartServer
from tests.http.server_process import ServerProcess
from tests.ports import free_port

Series = dict[tuple[str, frozenset[tuple[str, str]]], float]
DEPLOY = Path(__file__).parents[3] / "deploy"
SECRET_PARTS = ("hidden-user", "hidden-query", "hidden-language", "hidden-token")


def scrape(port: int) -> Series:
    """The samples of one process."""
    answer = httpx2.get(f"http://127.0.0.1:{port}/metrics", trust_env=False)
    assert (answer.status_code, answer.headers["content-type"][:10]) == (200, "text/plain")
    families = text_string_to_metric_families(answer.text)
    return {(s.name, frozenset(s.labels.items())): s.value for family in families for s in family.samples}


def value(series: Series, name: str, **labels: str) -> float:
    return series.get((name, frozenset(labels.items())), 0.0)


def lines(server: ServerProcess) -> list[dict[str, Any]]:
    """The lines about requests."""
    found = [json.loads(line) for line in server.log.splitlines() if line.startswith("{")]
    return [line for line in found if line["event"] == "request"]


def line_of(server: ServerProcess, request_id: str) -> dict[str, Any]:
    """The line about a request, which is written when its answer is on its way."""
    wait_for(lambda: request_id in [line["request_id"] for line in lines(server)])
    [line] = [line for line in lines(server) if line["request_id"] == request_id]
    return line


def event(user: str, number: int = 1, **more: Any) -> dict[str, Any]:
    return {"userId": user, "eventType": "code_run", "eventId": f"e{number}", **more}


def wait_for(what: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not what():
        assert time.monotonic() < deadline, "it did not come to pass"
        time.sleep(0.02)


@pytest.fixture(scope="module")
def metrics_port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory, metrics_port: int) -> Iterator[ServerProcess]:
    """A server of which all can be seen, with a spool."""
    folder = tmp_path_factory.mktemp("seen")
    server = ServerProcess(
        folder,
        access_log="all",
        metrics_port=str(metrics_port),
        spool=str(folder / "spool"),
        address_rate="0",
        max_streams="1",
        projection_interval_ms="10",
    )
    server.start()
    yield server
    server.stop()


@pytest.fixture
def client(seen: ServerProcess) -> Iterator[httpx2.Client]:
    with seen.client() as client:
        yield client


class TestRequestIds:
    def test_a_valid_one_comes_back_and_stands_in_the_log(self, seen: ServerProcess, client: httpx2.Client) -> None:
        for path in ("/api/progress/dashboard/hidden-user", "/api/badges", "/nowhere"):
            given = f"Given-1.2_{len(path)}"
            answer = client.get(path, headers={"x-request-id": given})
            assert answer.headers.get_list("x-request-id") == [given]
            line_of(seen, given)

    @pytest.mark.parametrize("given", ["", "a" * 65, "a b", 'a"b', "a\u00e9", "a/b", None])
    def test_others_are_replaced_by_new_ones(self, client: httpx2.Client, given: str | None) -> None:
        headers = [] if given is None else [(b"x-request-id", given.encode("latin-1"))]
        ids = [client.get("/health/live", headers=headers).headers["x-request-id"] for _ in range(2)]
        assert all(re.fullmatch(r"[0-9a-f]{12}-[0-9a-f]+", found) for found in ids)
        assert ids[0] != ids[1]

    def test_errors_alone_have_a_line_by_default_and_all_of_theirs_have_it(
        self, start_server: StartServer, user: str
    ) -> None:
        server = start_server(log_addresses="true")
        path = f"/api/progress/dashboard/{user}"
        with server.client() as client, closing(sqlite3.connect(server.database)) as database:
            headers = {"authorization": f"Bearer {make_key(f'sqlite:///{server.database}', 'admin')}"}
            for other in ("/api/badges", "/nowhere", path):
                client.get(other)
            database.execute("DROP TABLE progress")
            answer = client.get(path, headers={"x-request-id": "broken-1", **headers})
        assert answer.status_code == 503
        line_of(server, "broken-1")
        told = [(line["status"], line["route"], line["address"]) for line in lines(server)]
        template = "/api/progress/dashboard/{user_id}"
        assert told == [(401, template, "127.0.0.1"), (503, template, "127.0.0.1")]
        found = [json.loads(line) for line in server.log.splitlines() if "broken-1" in line]
        assert {line["event"] for line in found} == {"request failed", "request"}
        assert {line["request_id"] for line in found} == {"broken-1"}
        assert user not in "".join(json.dumps(line) for line in found)


class TestAccessLog:
    def test_of_many_refusals_some_have_a_line(self, start_server: StartServer, user: str) -> None:
        server = start_server(failure_rate="0")
        path = f"/api/progress/dashboard/{user}"
        started = time.monotonic()
        with server.client() as client:
            for _ in range(200):
                assert client.get(path, headers={"authorization": "Basic x"}).status_code == 401
            seconds = time.monotonic() - started
            # The first line of another second tells how many had none.
            time.sleep(1.1)
            client.get(path, headers={"authorization": "Basic x", "x-request-id": "the-last"})
        last = line_of(server, "the-last")
        written = len(lines(server))
        assert written <= 10 * (seconds + 2)
        assert sum(line.get("unlogged", 0) for line in lines(server)) + written == 201
        assert last["unlogged"] > 0

    def test_of_many_that_fail_with_the_store_some_have_a_line(self, start_server: StartServer, user: str) -> None:
        server = start_server()
        server.database.rename(server.database.with_suffix(".away"))
        started = time.monotonic()
        with server.client() as client:
            for _ in range(200):
                assert client.get(f"/api/progress/dashboard/{user}").status_code == 503
        assert 10 <= len(lines(server)) <= 2 * 10 * (time.monotonic() - started + 2)

    def test_a_line_tells_of_a_request_and_of_nobody(self, seen: ServerProcess, client: httpx2.Client) -> None:
        key = make_key(f"sqlite:///{seen.database}", "admin")
        headers = {"authorization": f"Bearer {key}", "x-request-id": "with-key"}
        client.get("/api/progress/rank/hidden-user?timeframe=hidden-query", headers=headers)
        client.post("/api/progress/event", json=event("hidden-user", metadata={"language": "hidden-language"}))
        client.get("/api/progress/activity/hidden-user", headers={"authorization": "Bearer hidden-token"})
        line = line_of(seen, "with-key")
        assert line.pop("ms") >= 0
        assert line.pop("timestamp")
        assert line == {
            "event": "request",
            "level": "info",
            "logger": "laurels.access",
            "route": "/api/progress/rank/{user_id}",
            "method": "GET",
            "status": 422,
            "request_id": "with-key",
            "key": key.split("_")[1],
            "pid": seen.pid,
        }
        assert [part for part in (*SECRET_PARTS, key.split("_")[2], "127.0.0.1:") if part in str(lines(seen))] == []


class TestMetrics:
    def test_requests_and_events_are_counted(self, seen: ServerProcess, metrics_port: int, user: str) -> None:
        # A client of its own: keys may have been made meanwhile.
        headers = {"authorization": f"Bearer {make_key(f'sqlite:///{seen.database}', 'admin')}"}
        before = scrape(metrics_port)
        with httpx2.Client(base_url=seen.url, headers=headers, trust_env=False) as client:
            for body, status in (
                (event(user), 201),
                (event(user), 200),
                (event(user, eventType="ai_debug"), 409),
                (event(user, eventType="unknown"), 422),
                ({"userId": 5}, 422),
            ):
                assert client.post("/api/progress/event", json=body).status_code == status
            batch = [event(user, 2), event(user), {"userId": 5}]
            assert client.post("/api/progress/events", json=batch).status_code == 200
        after = scrape(metrics_port)

        def grown(name: str, **labels: str) -> float:
            return value(after, name, **labels) - value(before, name, **labels)

        outcomes = {each: grown("laurels_events_total", outcome=each) for each in ("recorded", "replayed", "conflict")}
        assert outcomes == {"recorded": 2, "replayed": 2, "conflict": 1}
        assert grown("laurels_events_total", outcome="invalid") == 3
        labels = {"route": "/api/progress/event", "method": "POST"}
        assert grown("laurels_http_requests_total", status="2xx", **labels) == 2
        assert grown("laurels_http_requests_total", status="4xx", **labels) == 3
        assert grown("laurels_http_request_seconds_count", status="4xx", **labels) == 3
        assert grown("laurels_http_request_seconds_bucket", status="4xx", le="+Inf", **labels) == 3
        assert grown("laurels_commit_size_count") == grown("laurels_commit_seconds_count") == 4
        assert grown("laurels_commit_size_sum") == 5
        assert value(after, "laurels_store_available") == 1
        assert value(after, "laurels_cache_users") >= 1
        assert value(after, "laurels_cache_weight") >= 16
        wait_for(lambda: value(scrape(metrics_port), "laurels_projector_users_waiting") == 0)
        done = scrape(metrics_port)
        assert value(done, "laurels_projector_behind_seconds") == 0
        flushes = "laurels_projector_flush_seconds_count"
        assert value(done, flushes) > value(before, flushes)

    def test_streams_are_counted(self, seen: ServerProcess, metrics_port: int) -> None:
        headers = {"authorization": f"Bearer {make_key(f'sqlite:///{seen.database}', 'admin')}"}
        refused = value(scrape(metrics_port), "laurels_streams_refused_total")
        with httpx2.Client(base_url=seen.url, headers=headers, trust_env=False) as client:
            path = "/api/progress/leaderboard/stream"
            with client.stream("GET", path) as stream:
                assert stream.status_code == 200
                assert client.get(path).status_code == 503
                during = scrape(metrics_port)
            assert value(during, "laurels_streams_open") == 1
            assert value(during, "laurels_streams_refused_total") == refused + 1
        wait_for(lambda: value(scrape(metrics_port), "laurels_streams_open") == 0)

    def test_random_paths_make_no_further_series(self, seen: ServerProcess, metrics_port: int) -> None:
        prefixes = ("/", "/api/progress/dashboard/", "/api/progress/badges/", "/api/progress/stream/x/", "/static/")

        def ask(client: httpx2.Client, numbers: range) -> None:
            for number in numbers:
                method = ("GET", "PUT", "GET", "OPTIONS")[number % 4]
                path = f"{prefixes[number % 5]}path-{number}"
                if "stream" not in path or method != "GET":
                    client.request(method, path, headers={"authorization": f"Bearer nobody-{number}"})

        with seen.client() as client:
            ask(client, range(40))
            before = scrape(metrics_port)
            ask(client, range(40, 1_040))
        after = scrape(metrics_port)
        assert after.keys() - before.keys() == set()
        assert "path-" not in str(after.keys())

    def test_they_are_answered_on_their_own_port_alone(self, seen: ServerProcess, metrics_port: int) -> None:
        assert httpx2.post(f"http://127.0.0.1:{metrics_port}/metrics", trust_env=False).status_code == 405
        with seen.client() as client:
            assert client.get("/metrics").status_code == 404

    def test_each_worker_has_a_port(self, start_server: StartServer) -> None:
        port = free_port()
        server = start_server(workers=2, metrics_port=str(port), access_log="off")
        told = sorted(set(re.findall(r"metrics at http://127\.0\.0\.1:(\d+)/metrics", server.log)), key=int)
        assert len(told) == 2
        assert int(told[0]) >= port
        started = [value(scrape(int(each)), "process_start_time_seconds") for each in told]
        assert all(started)
        with server.client() as client:
            assert client.get("/api/badges", headers={"authorization": "Bearer nobody"}).status_code == 401
        server.stop()
        assert lines(server) == []

    def test_dashboard_and_alerts_ask_for_what_there_is(self, seen: ServerProcess, metrics_port: int) -> None:
        with seen.client() as client:
            client.get("/health/live")
        given = {name for name, _ in scrape(metrics_port)} | {"up"}
        dashboard = json.loads((DEPLOY / "grafana" / "laurels.json").read_text("utf-8"))
        shown = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
        groups = yaml.safe_load((DEPLOY / "prometheus" / "alerts.yml").read_text("utf-8"))["groups"]
        alerts = [rule for group in groups for rule in group["rules"]]
        assert all({"summary", "action"} <= rule["annotations"].keys() for rule in alerts)
        assert (len(shown) > 20, len(alerts) > 5) == (True, True)
        for expression in (*shown, *(rule["expr"] for rule in alerts)):
            asked = set(re.findall(r"\b(?:laurels|process)_\w+|\bup\b", expression))
            assert asked, expression
            assert asked <= given, expression

    def test_every_metric_stands_on_the_page(self, seen: ServerProcess, metrics_port: int) -> None:
        assert seen.pid
        page = (Path(__file__).parents[3] / "docs" / "operations.md").read_text("utf-8")
        names = {re.sub("_(bucket|count|sum)$", "", name) for name, _ in scrape(metrics_port)}
        assert len(names) > 20
        ours = {name for name in names if name.startswith("laurels_")}
        assert [name for name in sorted(ours) if f"`{name}`" not in page] == []


class _Collector(HTTPServer):
    """Takes what is posted to it."""

    def __init__(self) -> None:
        self.got: list[tuple[str, bytes]] = []
        super().__init__(("127.0.0.1", 0), _Taking)


class _Taking(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        assert isinstance(self.server, _Collector)
        self.server.got.append((self.path, body))
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  the name is the library's
        del format, args


class TestTraces:
    def test_requests_and_commits_reach_the_collector(self, start_server: StartServer, user: str) -> None:
        with _Collector() as collector:
            thread = threading.Thread(target=collector.serve_forever, daemon=True)
            thread.start()
            server = start_server(otlp_endpoint=f"http://127.0.0.1:{collector.server_port}")
            trace = "0af7651916cd43dd8448eb211c80319c"
            with server.client() as client:
                headers = {"traceparent": f"00-{trace}-b7ad6b7169203331-01"}
                assert client.post("/api/progress/event", json=event(user), headers=headers).status_code == 201
            # The end sends what is left.
            server.stop()
            collector.shutdown()
            thread.join()
        assert {path for path, _ in collector.got} == {"/v1/traces"}
        spans = b"".join(body for _, body in collector.got)
        assert all(part in spans for part in (b"POST /api/progress/event", b"commit", bytes.fromhex(trace)))
        assert user.encode() not in spans

    def test_without_a_collector_nothing_of_it_is_loaded(self, tmp_path: Path) -> None:
        code = """if True:
            import asyncio, sys
            # The names of attributes alone, a module without dependencies, another package looks for.
            LIBRARY = ("opentelemetry.sdk", "opentelemetry.trace", "opentelemetry.exporter", "opentelemetry.context")
            from laurels.bootstrap import create_app
            from laurels.settings import Settings
            async def main():
                async with create_app(Settings()).lifespan():
                    print([name for name in sys.modules if name.startswith(LIBRARY)])
            asyncio.run(main())
        """
        done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout) == (0, "[]\n"), done.stderr
