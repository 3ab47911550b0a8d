"""A server with some learners for the pages, and a browser to look at them."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.http.conftest import start_server
from tests.http.server_process import ServerProcess
from tests.waiting import wait_until

__all__ = ["start_server"]

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
HOSTILE = '<script>alert("x")</script>\u202e"\'&\U0001f600' + "\u0301" * 5
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def fill(client: httpx2.Client) -> None:
    """Some learners, one of them with a name that means harm where it is not escaped."""

    def put(user: str, **fields: Any) -> None:
        assert client.put(f"/api/progress/users/{user}", json=fields).is_success

    def post(user: str, event_type: str, **fields: Any) -> None:
        body = {"userId": user, "eventType": event_type, **fields}
        assert client.post("/api/progress/event", json=body).is_success

    for user, name in (("ada", "Ada"), ("bob", HOSTILE.replace("\u202e", "")), ("cem", "جمال")):
        put(user, displayName=name, timeZone="Europe/Lisbon")
    put("ada", goals={"eventsPerDay": 5, "pointsPerWeek": 1_000})
    for number in range(12):
        post("ada", "code_run", metadata={"language": "python", "codeLength": 50 * number})
        post("ada", "visualize", timestamp=f"2026-0{1 + number % 9}-1{number % 10}T12:00:00Z")
    post("bob", "code_run", metadata={"language": HOSTILE[:20]})
    post("cem", "session_join")
    post("nameless@example.org", "challenge_complete")
    # The boards follow a moment later.
    wait_until(lambda: client.get("/api/progress/leaderboard").json()["total"] >= 4)


@pytest.fixture(scope="session")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server that nobody else uses, on this machine alone: it shows everything."""
    process = ServerProcess(tmp_path_factory.mktemp("pages"), projection_interval_ms="20")
    process.start()
    try:
        with process.client() as client:
            fill(client)
        yield process
    finally:
        process.stop()
    assert "unexpected fault" not in process.log, process.log


@pytest.fixture(scope="session")
def client(pages: ServerProcess) -> Iterator[httpx2.Client]:
    """A client of it."""
    with pages.client() as client:
        yield client


# Of one module: while it runs, its thread has an event loop, and no other test could start one.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Debian's Chromium. scripts/setup installs it where CI runs."""
    if CHROMIUM is None:
        if os.environ.get("CI"):
            pytest.fail("there is no Chromium: apt-get install chromium")
        pytest.skip("there is no Chromium here: apt-get install chromium")
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield found
        found.close()
