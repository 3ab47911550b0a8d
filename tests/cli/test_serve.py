"""`laurels serve`: says where it is ready, and in one sentence why it cannot be."""

from __future__ import annotations

import json
import re
import select
import signal
import socket
import subprocess
import urllib.request

import pytest

from tests.cli.conftest import Run, Start, event, ndjson


def ready_url(serving: subprocess.Popen[bytes]) -> str:
    """The address that the ready line tells."""
    assert serving.stdout is not None
    assert serving.stderr is not None
    readable, _, _ = select.select([serving.stdout], [], [], 60)
    assert readable, "the server did not say that it is ready"
    line = serving.stdout.readline().decode()
    match = re.fullmatch(r"Laurels is ready at (http://127\.0\.0\.1:\d+) \(docs at /docs\)\n", line)
    assert match, (line, serving.stderr.read().decode())
    return match[1]


def post(url: str, body: dict[str, object]) -> int:
    request = urllib.request.Request(
        f"{url}/api/progress/event", json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        return answer.status


class TestServing:
    @pytest.mark.parametrize("workers", [1, 2])
    def test_it_serves_where_it_says_and_verify_works_beside_it(
        self, run: Run, start: Start, store_url: str, workers: int
    ) -> None:
        serving = start("serve", "--port", 0, "--store", store_url, "--workers", workers)
        url = ready_url(serving)
        for number in range(5):
            assert post(url, event(number)) == 201
        assert run("import", "-", "--store", store_url, stdin=ndjson(event(n) for n in range(300))).code == 0
        verified = run("verify", "--store", store_url)
        assert verified.code == 0
        assert verified.out.startswith("7 users, 300 entries, 300 events, ")
        serving.send_signal(signal.SIGTERM)
        _, told = serving.communicate(timeout=30)
        assert serving.returncode == 0
        assert b"Traceback" not in told

    def test_an_interrupt_ends_it(self, start: Start, store_url: str) -> None:
        serving = start("serve", "--port", 0, "--store", store_url)
        ready_url(serving)
        serving.send_signal(signal.SIGINT)
        _, told = serving.communicate(timeout=30)
        assert serving.returncode == 130
        assert b"Traceback" not in told


class TestFailures:
    def test_what_cannot_be_opened_is_told_before_anything_starts(self, run: Run) -> None:
        for arguments in (
            ["--store", "sqlite:////nowhere/at/all.db"],
            ["--store", "oracle://somewhere"],
            ["--rulebook", "nowhere.toml"],
            ["--host", "no.such.host.invalid"],
        ):
            done = run("serve", "--port", 0, *arguments)
            assert (done.code, done.out, len(done.err.splitlines())) == (2, "", 1)

    def test_a_port_that_is_taken(self, run: Run) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            for workers in (1, 2):
                done = run("serve", "--port", port, "--workers", workers)
                assert (done.code, done.out) == (2, "")
                assert done.err == f"Cannot listen on 127.0.0.1:{port}: Address already in use.\n"
