"""What the logs hold, and what they never do."""

from __future__ import annotations

import subprocess
import sys

import pytest

CODE = """
import logging
from laurels.http.observability.logs import configure_logs
configure_logs({level!r})
logging.getLogger("pymongo.command").debug("a command with a secret")
logging.getLogger("pymongo.connection").info("a connection")
logging.getLogger("laurels").debug("ours")
"""


@pytest.mark.parametrize(
    ("level", "shown"), [("debug", ["a connection", "ours"]), ("info", ["a connection"]), ("warning", [])]
)
def test_the_driver_never_tells_of_its_commands(level: str, shown: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-c", CODE.format(level=level)], capture_output=True, text=True, timeout=60, check=True
    )
    assert "secret" not in done.stderr
    assert [each for each in ("a connection", "ours") if each in done.stderr] == shown
