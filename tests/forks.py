"""Starts commands and servers as forks of one process that has loaded their modules: what they do is the same, and the
second of processor time that loading takes is spent once.

Run as a program, this is that process. It takes requests on the socket that it is given, forks, and tells of each fork
its id and, when it has ended, its exit status.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import importlib
import json
import os
import selectors
import signal
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import IO, Any, NoReturn

ROOT = Path(__file__).parent.parent
# What is loaded before the first fork. A command or a server may load more.
MODULES = (
    "laurels.bootstrap.server",
    "laurels.storage.mongodb",
    "laurels.storage.sqlite",
    "laurels.storage.spool",
    "laurels.cli.app",
    "laurels.cli.serve",
    "laurels.cli.users",
    "laurels.cli.importing.command",
    "laurels.cli.maintenance.verify",
    "laurels.cli.rulebook.command",
    "laurels.cli.doctor.command",
    "uvicorn.main",
    "uvicorn.config",
    "uvicorn.loops.auto",
    "uvicorn.lifespan.on",
)
# What can be started, and the function that each is, without arguments: they read `sys.argv`.
PROGRAMS = {"laurels": "laurels.cli:main", "uvicorn": "uvicorn.main:main"}
_NUMBER = struct.Struct("=i")
_LONGEST = 1 << 20


class Forked:
    """A process that was started here; of the methods of `subprocess.Popen` those that tests use."""

    def __init__(self, line: socket.socket) -> None:
        self._line = line
        self.returncode: int | None = None
        self.pid = self._receive(None)

    def _receive(self, timeout: float | None) -> int:
        self._line.settimeout(timeout)
        told = self._line.recv(_NUMBER.size)
        if not told:
            raise AssertionError("the process that forks has ended")
        return _NUMBER.unpack(told)[0]

    def poll(self) -> int | None:
        """Its exit status, negative for a signal, or None while it runs."""
        with contextlib.suppress(BlockingIOError):
            self._wait(0)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end. Raises subprocess.TimeoutExpired."""
        try:
            return self._wait(timeout)
        except TimeoutError:
            raise subprocess.TimeoutExpired(f"process {self.pid}", timeout or 0) from None

    def _wait(self, timeout: float | None) -> int:
        if self.returncode is None:
            self.returncode = self._receive(timeout)
            self._line.close()
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Send it a signal, unless it has ended."""
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it at once."""
        self.send_signal(signal.SIGKILL)


def fork(
    program: str, arguments: Sequence[str], *, env: Mapping[str, str], cwd: Path, stdin: Any, stdout: Any, stderr: Any
) -> Forked:
    """Start a program of PROGRAMS with open files for its standard streams."""
    asked = json.dumps([program, list(arguments), dict(env), str(cwd)]).encode()
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        files = [stdin.fileno(), stdout.fileno(), stderr.fileno(), theirs.fileno()]
        socket.send_fds(_forker(), [asked], files)
    return Forked(ours)


def run(
    program: str,
    arguments: Sequence[str],
    *,
    stdin: IO[bytes],
    stdout: IO[bytes],
    stderr: IO[bytes],
    env: Mapping[str, str],
    cwd: Path,
    timeout: float,
) -> int:
    """The exit status of a program. Raises subprocess.TimeoutExpired, and ends it then."""
    process = fork(program, arguments, env=env, cwd=cwd, stdin=stdin, stdout=stdout, stderr=stderr)
    try:
        return process.wait(timeout)
    except BaseException:
        process.kill()
        raise


@cache
def _forker() -> socket.socket:
    """The socket of the process that forks, which is started with the first request. It ends when this is closed."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _LONGEST)
    with theirs:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.forks", str(theirs.fileno())],
            pass_fds=[theirs.fileno()],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )

    def end() -> None:
        ours.close()
        process.wait()

    atexit.register(end)
    return ours


class _Request:
    """What a fork is to be: it leaves the loop of `_serve` with this, and becomes it."""

    def __init__(self, asked: bytes, files: Sequence[int]) -> None:
        self.program, self.arguments, self.environment, self.folder = json.loads(asked)
        self.files = files

    def become(self) -> NoReturn:
        for number, file in enumerate(self.files[:3]):
            os.dup2(file, number)
        os.closerange(3, 4_096)
        os.environ.clear()
        os.environ.update(self.environment)
        time.tzset()
        os.chdir(self.folder)
        sys.path[0] = self.folder
        # A process that this one spawns must not load this module for its own main one.
        main_module: Any = sys.modules["__main__"]
        main_module.__spec__ = main_module.__file__ = None
        sys.argv = [self.program, *self.arguments]
        module, _, name = PROGRAMS[self.program].partition(":")
        getattr(importlib.import_module(module), name)()
        raise SystemExit(0)


def _serve(control: socket.socket) -> _Request | None:
    """Fork for each request, and tell of each end. Returns the request in a fork, and None when nobody asks more."""
    lines: dict[int, tuple[int, socket.socket]] = {}
    with selectors.DefaultSelector() as selector:
        selector.register(control, selectors.EVENT_READ)
        while True:
            for key, _ in selector.select():
                if key.fileobj is not control:
                    ended = key.fd
                    pid, line = lines.pop(ended)
                    selector.unregister(ended)
                    os.close(ended)
                    _, status = os.waitpid(pid, 0)
                    # The process that asked may have ended.
                    with line, contextlib.suppress(OSError):
                        line.send(_NUMBER.pack(os.waitstatus_to_exitcode(status)))
                    continue
                asked, files, _, _ = socket.recv_fds(control, _LONGEST, 4)
                if not asked:
                    for pid, _ in lines.values():
                        os.kill(pid, signal.SIGKILL)
                    return None
                pid = os.fork()
                if pid == 0:
                    return _Request(asked, files)
                for file in files[:3]:
                    os.close(file)
                line = socket.socket(fileno=files[3])
                line.send(_NUMBER.pack(pid))
                watched = os.pidfd_open(pid)
                lines[watched] = pid, line
                selector.register(watched, selectors.EVENT_READ)


def main() -> None:
    """Load the modules, and fork until nobody asks more."""
    for module in MODULES:
        importlib.import_module(module)
    gc.freeze()
    request = _serve(socket.socket(fileno=int(sys.argv[1])))
    if request is not None:
        request.become()


if __name__ == "__main__":
    main()
