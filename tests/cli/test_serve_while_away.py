"""What `laurels serve` does while its database is away: it goes on within the time limit, and opens nothing."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path
from time import monotonic

import pytest

from laurels.cli.serve import Prepared, _prepare  # pyright: ignore[reportPrivateUsage]  a process would cost seconds
from laurels.settings import Settings
from tests.waiting import FAR

LIMIT_MS = 500


@pytest.fixture(params=["nobody listens", "nobody answers"])
def away(request: pytest.FixtureRequest) -> Iterator[str]:
    """The URL of a database that does not answer."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        if request.param == "nobody answers":
            listener.listen()
        yield f"mongodb://127.0.0.1:{listener.getsockname()[1]}/laurels"


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])
async def test_it_serves_soon_and_opens_nothing(
    away: str, host: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = Settings(store=away, data=str(tmp_path), store_timeout_ms=LIMIT_MS)
    began = monotonic()
    assert await _prepare(settings, host) == Prepared(is_open=False, is_away=True)
    assert monotonic() - began < FAR
    assert f"events wait in {settings.spool_folder} until the database is there" in capsys.readouterr().err
