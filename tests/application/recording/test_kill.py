"""`kill -9` at any time: what was acknowledged stands once, and everything made from it comes right again."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path

from laurels.application.maintenance.verification import verify
from laurels.application.service import Service
from laurels.bootstrap import open_service, open_store

KILLS = 12
CALLERS = 12
USERS = 5


def run_and_kill(program: Path, url: str, first: int, after: float) -> set[tuple[str, str]]:
    """Let a process record from event number `first` on and kill it `after` seconds from its first
    acknowledgement; the (user, event id) pairs that it acknowledged."""
    arguments = [sys.executable, str(program), url, *map(str, (first, 0, CALLERS, USERS))]
    # Unbuffered: what a buffer had read ahead of the first line would be lost to `communicate`, half a line included.
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        first_line = process.stdout.readline()
        killer = threading.Timer(after, process.kill)
        killer.start()
        said, complaint = process.communicate()
        killer.join()
    assert process.returncode == -signal.SIGKILL, complaint
    lines = [first_line, *said.splitlines(keepends=True)]
    return {tuple(line.decode().split()) for line in lines if line.endswith(b"\n")}  # pyright: ignore[reportReturnType]


async def event_ids(service: Service) -> Counter[tuple[str, str]]:
    """How often each event stands in the ledger."""
    found: Counter[tuple[str, str]] = Counter()
    for user_id in await service.store.ledger.users():
        entries = await service.store.ledger.entries(user_id, limit=1_000_000)
        found.update((user_id, entry.event_id or "") for entry in entries)
    return found


async def test_every_acknowledged_event_stands_once_after_many_kills(store_url: str, processes: Path) -> None:
    program = processes / "record_under_load.py"
    draw = random.Random()
    acknowledged: set[tuple[str, str]] = set()
    first = 1
    for _ in range(KILLS):
        # Most of the time in the thick of it, now and then right at the start.
        said = run_and_kill(program, store_url, first, draw.choice((0.0, 0.01, 0.1, 0.3, 0.5)) * draw.random())
        # Looked at before the next process, whose retries would make good what was lost.
        store = await open_store(store_url)
        assert said - (await store.ledger.load({}, said, "")).known.keys() == set()
        await store.close()
        acknowledged |= said
        # The next process repeats some of what this one may have had in its hands, as clients do.
        reached = max((int(event_id.partition("-")[2]) for _, event_id in acknowledged), default=1)
        first = max(1, reached - draw.randrange(30))
    async with open_service(store_url) as laurels:
        await laurels.projector.catch_up(before=laurels.clock() + 1)
        stands = await event_ids(laurels)
        found = await verify(laurels.store, laurels.rulebook)
        progresses = [await laurels.learners.progress(user_id) for user_id in await laurels.store.ledger.users()]
    assert len(acknowledged) > KILLS * CALLERS
    assert acknowledged - stands.keys() == set()
    assert set(stands.values()) == {1}
    assert (found.differences, found.behind) == ([], 0)
    assert found.events == sum(progress.events for progress in progresses) == stands.total()
