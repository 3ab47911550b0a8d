"""A MongoDB to be stopped, killed and started again, and servers on it that keep a spool."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.http.server_process import ServerProcess
from tests.mongod import Deployment, deploy

# Seconds that a request waits for a database that hangs.
LIMIT = 1.0

StartServer = Callable[..., ServerProcess]


@pytest.fixture(scope="module")
def mongodb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """One server by itself. Each test leaves it running."""
    deployment = deploy(tmp_path_factory.mktemp("mongodb"), members=0)
    yield deployment
    deployment.end()


@pytest.fixture
def store(mongodb: Deployment) -> str:
    """The store URL of a fresh database on the server, which runs, whatever the test before did to it."""
    [node] = mongodb.nodes
    if not node.is_running:
        node.start()
    node.wait()
    return mongodb.url(mongodb.fresh())


@pytest.fixture
def serve(store: str, tmp_path: Path) -> Iterator[StartServer]:
    """Starts a server with a spool on `store`, or one on another; it is ended with the test."""
    started: list[ServerProcess] = []

    def serve(**settings: Any) -> ServerProcess:
        folder = tmp_path / f"server-{len(started)}"
        folder.mkdir()
        spool = str(tmp_path / "spool")
        fixed = {"spool": spool, "store_timeout_ms": str(int(1000 * LIMIT)), "heartbeat_ms": "250", "store": store}
        process = ServerProcess(folder, **{**fixed, **settings})
        started.append(process)
        process.start()
        return process

    yield serve
    for process in started:
        process.stop()
        assert "unexpected fault" not in process.log, process.log
