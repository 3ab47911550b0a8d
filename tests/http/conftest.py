"""A running server for all tests that do not need one of their own, and ids that no other test uses."""

from __future__ import annotations

import asyncio
import itertools
import logging
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol

import httpx2
import pytest

from tests.http.server_process import BehindProxy, ServerProcess

StartServer = Callable[..., ServerProcess]
MAX_BATCH_BYTES = 2 * 1024 * 1024

# A failing test shows what was recorded of it; a line for each request would bury that.
logging.getLogger("httpx2").setLevel(logging.WARNING)

# For boards: each test has a month of long ago for itself.
_months = (f"{year}-{month:02}" for year in itertools.count(1980) for month in range(1, 13))
_users = (f"user-{number}" for number in itertools.count(1))


class Record(Protocol):
    """Records one event that must be new, and returns the answer."""

    def __call__(self, user_id: str, event_type: str = "code_run", **fields: Any) -> dict[str, Any]: ...


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """One server for the whole run. At its end nothing may have gone wrong inside, and the ledger must agree."""
    process = ServerProcess(
        tmp_path_factory.mktemp("server"), projection_interval_ms="10", max_batch_bytes=str(MAX_BATCH_BYTES)
    )
    process.start()
    try:
        yield process
    finally:
        process.stop()
    assert "unexpected fault" not in process.log, process.log
    assert asyncio.run(process.verify()).differences == []


@pytest.fixture(scope="session")
def client(server: ServerProcess) -> Iterator[httpx2.Client]:
    """A client of the shared server."""
    with server.client() as client:
        yield client


@pytest.fixture
def start_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StartServer]:
    """Starts servers of a test's own, on an empty database or on the one in `folder`; they are ended with the test."""
    started: list[ServerProcess] = []

    def start(*, folder: Path | None = None, is_behind_proxy: bool = False, **settings: Any) -> ServerProcess:
        kind = BehindProxy if is_behind_proxy else ServerProcess
        process = kind(folder or tmp_path_factory.mktemp("own"), **settings)
        started.append(process)
        process.start()
        return process

    yield start
    for process in started:
        process.stop()


@pytest.fixture
def user() -> str:
    """A user id of whom nothing is recorded."""
    return next(_users)


@pytest.fixture
def new_user() -> Callable[[], str]:
    """Makes such ids where a test needs several; they ascend."""
    return lambda: next(_users)


@pytest.fixture
def record(client: httpx2.Client) -> Record:
    """Records events on the shared server."""

    def record(user_id: str, event_type: str = "code_run", **fields: Any) -> dict[str, Any]:
        response = client.post("/api/progress/event", json={"userId": user_id, "eventType": event_type, **fields})
        assert response.status_code == 201, response.text
        return response.json()

    return record


@pytest.fixture
def away_from_midnight() -> None:
    """Waits where it is about to be midnight in some zone: what is today must not change within a test."""
    left = 900 - time.time() % 900
    if left < 5:
        time.sleep(left + 0.1)


@pytest.fixture
def month() -> str:
    """A month in which no other test records anything."""
    return next(_months)


@pytest.fixture
def score(record: Record, month: str) -> Callable[..., int]:
    """Has a learner join sessions in the month, and returns their points then."""

    def score(user: str, times: int, *, hour: int = 12) -> int:
        moment = f"{month}-10T{hour:02}:00:00Z"
        answers = [record(user, "session_join", timestamp=moment) for _ in range(times)]
        return answers[-1]["progress"]["totalPoints"]

    return score
