"""A server as a process of its own, as an operator runs it: started, awaited, ended or killed by its id."""

from __future__ import annotations

import os
import subprocess
import time
from contextlib import closing
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

import httpx2

from laurels.application.maintenance.verification import Verification, verify
from laurels.bootstrap import open_store
from laurels.rulebooks.loader import load_rulebook
from tests.forks import Forked, fork
from tests.ports import free_port

STARTUP_SECONDS = 30.0
STARTED = "Application startup complete"
FACTORY = "laurels.bootstrap:create_app_from_environment"


class ServerProcess:
    """A server on a loopback port of its own with its database in `folder`, or in the one that the setting `store`
    names. Restarting keeps both.

    It counts as started when all workers run and `probe` answers 200.
    """

    def __init__(self, folder: Path, *, workers: int = 1, probe: str = "/health/ready", **settings: str) -> None:
        self._probe = probe
        self.folder = folder
        self.database = folder / "laurels.db"
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._workers = workers
        self._environment = {name: value for name, value in os.environ.items() if not name.startswith("LAURELS_")}
        self._environment["LAURELS_STORE"] = f"sqlite:///{self.database}"
        self._environment |= {f"LAURELS_{name.upper()}": value for name, value in settings.items()}
        # Beside the folder, which some tests take away.
        self._log = folder.with_name(f"{folder.name}-{self.port}.log")
        self._process: Forked | None = None

    def start(self) -> None:
        """Start and wait until it is ready."""
        before = self.log.count(STARTED)
        program, *arguments = self.command()
        with self._log.open("ab") as log, Path(os.devnull).open("rb") as nothing:
            self._process = fork(
                program, arguments, env=self._environment, cwd=self.folder, stdin=nothing, stdout=log, stderr=log
            )
        try:
            self._wait_until_ready(self._process, before)
        except BaseException:
            self.kill()
            raise

    def command(self) -> list[str]:
        """What starts it: a program of `tests.forks`, and its arguments."""
        command = ["uvicorn", "--factory", FACTORY, "--no-access-log", "--no-proxy-headers"]
        command += ["--host", "127.0.0.1", "--port", str(self.port), "--workers", str(self._workers)]
        return [*command, "--http", "laurels.http.sockets.connections:BoundedProtocol"]

    def _wait_until_ready(self, process: Forked, started_before: int) -> None:
        deadline = time.monotonic() + STARTUP_SECONDS
        # Each new connection goes to any of the workers: so many in a row that no one is left out.
        wanted, in_a_row = 1 if self._workers == 1 else 10 * self._workers, 0
        while time.monotonic() < deadline:
            if process.poll() is not None:
                raise AssertionError(f"the server ended with {process.returncode}:\n{self.log}")
            in_a_row = in_a_row + 1 if self._is_ready(started_before) else 0
            if in_a_row == wanted:
                return
            if not in_a_row:
                time.sleep(0.02)
        raise AssertionError(f"the server was not ready after {STARTUP_SECONDS} seconds:\n{self.log}")

    def _is_ready(self, started_before: int) -> bool:
        # All workers, not just the one that answers.
        if self.log.count(STARTED) - started_before < self._workers:
            return False
        try:
            with closing(HTTPConnection("127.0.0.1", self.port, timeout=30)) as connection:
                connection.request("GET", self._probe)
                return connection.getresponse().status == httpx2.codes.OK
        except (OSError, HTTPException):
            return False

    def client(self) -> httpx2.Client:
        """A client for it, to be closed by the caller."""
        return httpx2.Client(base_url=self.url, timeout=30, trust_env=False)

    def async_client(self) -> httpx2.AsyncClient:
        """The same for many requests at once."""
        return httpx2.AsyncClient(base_url=self.url, timeout=60, trust_env=False)

    @property
    def pid(self) -> int:
        """The id of the running process."""
        assert self._process is not None
        return self._process.pid

    @property
    def processor_seconds(self) -> float:
        """Processor time that the process has taken: unlike the clock, the same on a busy machine."""
        fields = Path(f"/proc/{self.pid}/stat").read_text("utf-8").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def kill(self) -> None:
        """End it as the kernel would: at once, without a chance to finish anything."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def stop(self, *, within: float = 20) -> None:
        """End it in order. Raises AssertionError where that takes more than `within` seconds."""
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(timeout=within)
            except subprocess.TimeoutExpired:
                self.kill()
                raise AssertionError(f"the server did not end when asked to:\n{self.log}") from None
            self._process = None

    @property
    def log(self) -> str:
        """What it has written to stdout and stderr."""
        return self._log.read_text("utf-8", "replace") if self._log.exists() else ""

    async def verify(self) -> Verification:
        """Its database, recomputed from the ledger and compared."""
        store = await open_store(self._environment["LAURELS_STORE"])
        try:
            return await verify(store, load_rulebook("coding"))
        finally:
            await store.close()


class BehindProxy(ServerProcess):
    """A server that believes proxies on this machine, as `laurels serve` does where they are named."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        super().__init__(folder, trusted_proxies="127.0.0.1", **settings)

    def command(self) -> list[str]:
        command = [part for part in super().command() if part != "--no-proxy-headers"]
        return [*command, "--proxy-headers", "--forwarded-allow-ips", "127.0.0.1"]
