"""A soak: ten minutes of honest load beside hostile clients, on one real server that then has to stop and to agree.

`SOAK_SECONDS=60 pytest tests/soak --long` makes it shorter, to try it.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from laurels.bootstrap import open_store
from tests.http.callers import make_key
from tests.http.server_process import ServerProcess
from tests.soak.honest import Follower, Honest, Learner
from tests.soak.hostile import Hostile

SECONDS = float(os.environ.get("SOAK_SECONDS", "600"))
LEARNERS = 24
FOLLOWED = 4
HOSTILE_OF_EACH_KIND = 2
PLACES = 60
# docs/deployment.md: 10 seconds for requests under way, 30 in all.
STOP_SECONDS = 30.0
MiB = 1024 * 1024

# How much more memory the server may have at its highest after the first quarter than at its highest within it.
# Progress, sessions and pages are those of a fixed set of learners, so they are all there by then. What may still
# grow is the page cache of SQLite: each of its four connections keeps at most what the database has grown by, and
# never more than 64 MiB. The rest, for bursts that fall together and for what the allocator keeps of them, is fixed:
# some hundred bytes that each hostile client left behind would be more than that in ten minutes.
SLACK = 24 * MiB
CONNECTIONS = 4
PAGE_CACHE = 64 * MiB


class Served(ServerProcess):
    """A server as an operator starts it."""

    def command(self) -> list[str]:
        return ["laurels", "serve", "--host", "127.0.0.1", "--port", str(self.port)]


class Memory:
    """Resident memory of a server, and the size of its database, looked at four times a second."""

    def __init__(self, server: ServerProcess, seconds: float) -> None:
        self._server = server
        self._started = time.monotonic()
        self._seconds = seconds
        self.tenths: dict[int, int] = {}
        self.first = self.later = self.database_first = self.database = 0

    async def watch(self) -> None:
        while True:
            self.look()
            await asyncio.sleep(0.25)

    def look(self) -> None:
        status = Path(f"/proc/{self._server.pid}/status").read_text()
        resident = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS")) * 1024
        self.database = self._server.database.stat().st_size
        part = (time.monotonic() - self._started) / self._seconds
        tenth = int(part * 10)
        self.tenths[tenth] = max(self.tenths.get(tenth, 0), resident)
        if part < 1 / 4:
            self.first = max(self.first, resident)
            self.database_first = self.database
        else:
            self.later = max(self.later, resident)

    @property
    def growth(self) -> int:
        return self.later - self.first

    @property
    def bound(self) -> int:
        return SLACK + CONNECTIONS * min(PAGE_CACHE, self.database - self.database_first)


async def _soak(server: ServerProcess, honest: Honest, hostile: Hostile, memory: Memory) -> float:
    """The load, and a stop while the hostile part of it goes on; how many seconds that took."""
    enough, over = asyncio.Event(), asyncio.Event()
    async with asyncio.TaskGroup() as group:
        watching = group.create_task(memory.watch())
        followers = [group.create_task(Follower(honest, f"learner-{number}").run()) for number in range(FOLLOWED)]
        learners = [group.create_task(Learner(honest, number).run(enough)) for number in range(LEARNERS)]
        for kind in hostile.kinds:
            for _ in range(HOSTILE_OF_EACH_KIND):
                group.create_task(hostile.run(kind, over))
        group.create_task(hostile.take_all_places(over, every=SECONDS / 20))
        await asyncio.sleep(SECONDS)
        enough.set()
        await asyncio.gather(*learners)
        await _all_told(honest)
        watching.cancel()
        started = time.monotonic()
        await asyncio.to_thread(server.stop, within=STOP_SECONDS)
        took = time.monotonic() - started
        over.set()
        for follower in followers:
            follower.cancel()
    return took


async def _all_told(honest: Honest) -> None:
    """Give streams the time to tell of what was recorded last."""
    for _ in range(100):
        if all(honest.acknowledged[user] <= told.keys() for user, told in honest.followed.items()):
            return
        await asyncio.sleep(0.1)


async def _ledger(server: ServerProcess) -> dict[str, Counter[str]]:
    """By learner, how often each event id stands in the ledger."""
    store = await open_store(f"sqlite:///{server.database}")
    found: dict[str, Counter[str]] = {}
    try:
        for user in await store.ledger.users():
            counted = found.setdefault(user, Counter())
            after = 0
            while entries := await store.ledger.entries(user, after=after):
                counted.update(entry.event_id for entry in entries if entry.event_id is not None)
                after = entries[-1].seq
    finally:
        await store.close()
    return found


@pytest.mark.long
@pytest.mark.timeout(SECONDS + 300)
def test_ten_minutes_beside_hostile_clients_cost_the_honest_nothing(tmp_path: Path) -> None:
    server = Served(
        tmp_path,
        max_requests=str(PLACES),
        request_seconds="2",
        write_seconds="2",
        head_seconds="2",
        max_connections_per_address="200",
        stream_heartbeat_ms="1000",
        # The same whatever is sent: the progress of learners may not fill the time of the soak.
        cache_weight="100000",
        max_batch_bytes=str(2 * MiB),
    )
    key = make_key(f"sqlite:///{server.database}", "events:write", "progress:read")
    server.start()
    honest = Honest(server, key)
    hostile = Hostile(server, key, places=PLACES)
    memory = Memory(server, SECONDS)
    try:
        took = asyncio.run(_soak(server, honest, hostile, memory))
    finally:
        server.kill()
    acknowledged = {user: Counter(ids) for user, ids in honest.acknowledged.items()}
    events = sum(map(len, acknowledged.values()))
    # Shown with -s, and where it fails.
    print(f"{events} events, answers {dict(honest.statuses)}, stopped after {took:.1f} s")
    print(f"memory: {memory.first / MiB:.0f} MiB in the first quarter, {memory.growth / MiB:+.1f} afterwards,")
    print(f"where {memory.bound / MiB:.1f} are allowed; the database has {memory.database / MiB:.0f} MiB")
    print(f"the most in each tenth: {[round(most / MiB) for most in memory.tenths.values()]} MiB")
    print(f"hostile: {dict(sorted(hostile.outcomes.items()))}")

    assert honest.faults == []
    assert hostile.faults == []
    assert "unexpected fault" not in server.log, server.log
    assert "Traceback" not in server.log, server.log
    # Otherwise nothing was tried: clients of each kind, requests of all kinds, and some that were shed.
    assert events > SECONDS * 20
    assert honest.shed > 0
    for kind in hostile.kinds:
        assert sum(count for name, count in hostile.outcomes.items() if name.startswith(kind)) > SECONDS / 5, kind
    assert took < STOP_SECONDS
    assert memory.growth < memory.bound

    ledger = asyncio.run(_ledger(server))
    assert {user: ledger[user] for user in acknowledged} == acknowledged
    for user, told in honest.followed.items():
        assert told == acknowledged[user], user
    verified = subprocess.run(
        [sys.executable, "-m", "laurels", "verify", "--store", f"sqlite:///{server.database}"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        timeout=240,
        check=False,
    )
    assert verified.returncode == 0, verified.stdout + verified.stderr
