"""A server for the pages whose commands are run."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a server on a fresh database, started as the docs say."""
    folder: Path = tmp_path_factory.mktemp("server")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "laurels", "serve", "--port", str(port), "--store", "sqlite:///docs.db"]
    base = f"http://127.0.0.1:{port}"
    with subprocess.Popen(command, cwd=folder) as process:
        try:
            deadline = time.monotonic() + 30
            while True:
                try:
                    if httpx2.get(f"{base}/health/ready").is_success:
                        break
                except httpx2.TransportError:
                    assert process.poll() is None, "the server ended"
                assert time.monotonic() < deadline, "the server did not get ready"
                time.sleep(0.1)
            yield base
        finally:
            process.terminate()
