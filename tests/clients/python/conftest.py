"""One server for all tests of a module, which may kill it and start it again, and the clients of a test."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from laurels.client import Client
from tests.clients.python.scripted_service import ScriptedService
from tests.http.server_process import ServerProcess

NewClient = Callable[..., Client]
_users = (f"learner/{number} é" for number in itertools.count(1))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """It goes on taking events while its database is locked."""
    folder = tmp_path_factory.mktemp("client")
    process = ServerProcess(
        folder, projection_interval_ms="10", spool=str(folder / "spool"), store_timeout_ms="300", address_rate="0"
    )
    process.start()
    yield process
    process.stop()


@pytest.fixture
def user() -> str:
    """An id that no other test uses, with characters that a path cannot hold."""
    return next(_users)


@pytest.fixture
def service() -> Iterator[ScriptedService]:
    """What answers in the place of the service, as it is told to."""
    with ScriptedService() as scripted:
        yield scripted


@pytest.fixture
def new_client(tmp_path: Path) -> Iterator[NewClient]:
    """Makes clients with a queue in the folder of the test, which are closed at its end."""
    made: list[Client] = []

    def new(url: str, **options: Any) -> Client:
        usual: dict[str, Any] = {"storage": tmp_path / "queue", "timeout": 10}
        usual |= {"flush_interval": 0.05, "retry_interval": 0.05}
        made.append(Client(url, **usual | options))
        return made[-1]

    yield new
    for client in made:
        client.close(0)
