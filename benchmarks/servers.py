"""Servers as processes of their own on loopback, all with the same server software and the same options.

Laurels has its own side of a connection, as `laurels serve` has; the others have the server's.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import msgspec

from benchmarks.bench import ROOT, environment

LAURELS = "laurels.bootstrap:create_app_from_environment"
FLOOR = "benchmarks.floor_app:create_app"
UNGUARDED = "benchmarks.unguarded_app:create_app"
STARTUP_SECONDS = 60.0
# As `laurels serve` runs it.
_OPTIONS = (
    *("--loop", "uvloop", "--ws", "none", "--workers", "1", "--log-level", "warning"),
    *("--no-access-log", "--no-server-header", "--no-proxy-headers"),
)
_CONNECTIONS = "laurels.http.sockets.connections:BoundedProtocol"


class Server:
    """A running server."""

    def __init__(self, process: subprocess.Popen[bytes], port: int) -> None:
        self.process = process
        self.port = port

    def get(self, path: str) -> tuple[int, bytes]:
        """Status and body of one GET."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    @property
    def rss_mib(self) -> float:
        """Resident memory now, in MiB (read from /proc: Linux only)."""
        status = Path(f"/proc/{self.process.pid}/status").read_text("ascii")
        [line] = [line for line in status.splitlines() if line.startswith("VmRSS:")]
        return int(line.split()[1]) / 1024

    @property
    def cpu_seconds(self) -> float:
        """Processor time of all its threads so far (read from /proc: Linux only)."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text("ascii").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def serving(factory: str, variables: dict[str, str] | None = None) -> Generator[Server]:
    """A server of the application that `factory` makes; `variables` go into its environment."""
    port = _free_port()
    command = [sys.executable, "-m", "uvicorn", "--factory", factory, "--port", str(port), *_OPTIONS]
    command += ["--http", "httptools" if factory == FLOOR else _CONNECTIONS]
    process = subprocess.Popen(command, cwd=ROOT, env=environment(variables))
    try:
        server = Server(process, port)
        _wait_until_ready(server)
        yield server
    finally:
        process.terminate()
        try:
            process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextmanager
def laurels(database: Path, **settings: str) -> Generator[Server]:
    """Laurels on a database, with everything but the given settings as it is by default: full durability."""
    with laurels_on(f"sqlite:///{database}", **settings) as server:
        yield server


@contextmanager
def laurels_on(url: str, **settings: str) -> Generator[Server]:
    """The same on the store that a URL names."""
    variables = {f"LAURELS_{name.upper()}": value for name, value in settings.items()}
    with serving(LAURELS, {"LAURELS_STORE": url} | variables) as server:
        yield server


def post(path: str, body: bytes, content_type: str = "application/json", *, credentials: str | None = None) -> bytes:
    """A whole POST request."""
    head = f"POST {path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: {content_type}\r\ncontent-length: {len(body)}"
    if credentials is not None:
        head += f"\r\nauthorization: Bearer {credentials}"
    return head.encode() + b"\r\n\r\n" + body


def post_json(path: str, value: Any, *, credentials: str | None = None) -> bytes:
    """A whole POST request with a value as its JSON body."""
    return post(path, msgspec.json.encode(value), credentials=credentials)


def get(path: str) -> bytes:
    """A whole GET request."""
    return f"GET {path} HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n".encode()


def _wait_until_ready(server: Server) -> None:
    deadline = time.monotonic() + STARTUP_SECONDS
    while time.monotonic() < deadline:
        if server.process.poll() is not None:
            raise RuntimeError(f"The server ended with {server.process.returncode} before it was ready.")
        try:
            if server.get("/health/ready")[0] == 200:
                return
        except OSError:
            pass
        time.sleep(0.05)
    raise RuntimeError(f"The server was not ready after {STARTUP_SECONDS:.0f} seconds.")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
