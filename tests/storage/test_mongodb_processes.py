"""Several processes on one MongoDB."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from pathlib import Path

from laurels.application.maintenance.verification import verify
from laurels.bootstrap import open_service, open_store

# Processes that open one new database at the same moment, and append to it.
OPEN_AT_ONCE = """
import asyncio, multiprocessing, sys
from laurels.bootstrap import open_store
from laurels.testing.builders import event_entry

async def append(url, name):
    store = await open_store(url)
    assert await store.ledger.append([event_entry(name, 1)]) == frozenset()
    await store.close()

def work(barrier, url, name):
    barrier.wait()
    asyncio.run(append(url, name))

url, processes = sys.argv[1], int(sys.argv[2])
context = multiprocessing.get_context("fork")
barrier = context.Barrier(processes)
running = [context.Process(target=work, args=(barrier, url, f"user {n}")) for n in range(processes)]
for process in running:
    process.start()
for process in running:
    process.join()
sys.exit(any(process.exitcode for process in running))
"""


def start(program: str | Path, *arguments: object) -> subprocess.Popen[str]:
    """A Python process with its pipes; `program` is a file, or the text of one."""
    command = [str(program)] if isinstance(program, Path) else ["-c", program]
    return subprocess.Popen(
        [sys.executable, *command, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process: subprocess.Popen[str]) -> list[str]:
    """The lines that the process printed until it ended well."""
    said, complaint = process.communicate(timeout=200)
    assert process.returncode == 0, complaint
    return said.splitlines()


async def check(url: str, acknowledged: list[str]) -> int:
    """Everything acknowledged stands once, nothing else does twice, and all follows from it; how many events."""
    async with open_service(url) as laurels:
        await laurels.projector.catch_up(before=laurels.clock() + 1)
        found = await verify(laurels.store, laurels.rulebook)
        stands: Counter[str] = Counter()
        for user_id in await laurels.store.ledger.users():
            entries = await laurels.store.ledger.entries(user_id, limit=1_000_000)
            stands.update(f"{user_id} {entry.event_id}" for entry in entries)
            awards = [award.badge_id for entry in entries for award in entry.body.outcome.awards]  # pyright: ignore
            assert len(awards) == len(set(awards))
            line = await laurels.store.boards.standing("all", user_id)
            assert line is not None
            assert line.points == (await laurels.learners.progress(user_id)).total_points
    assert set(acknowledged) <= stands.keys()
    assert set(stands.values()) == {1}
    assert (found.differences, found.behind) == ([], 0)
    return stands.total()


async def test_processes_that_open_a_new_database_at_once_make_it_once(mongodb_url: str) -> None:
    finish(start(OPEN_AT_ONCE, mongodb_url, 10))
    store = await open_store(mongodb_url)
    assert await store.ledger.users() == sorted(f"user {n}" for n in range(10))
    await store.close()


async def test_two_that_record_for_the_same_users_lose_and_double_nothing(mongodb_url: str, processes: Path) -> None:
    # Of the numbers that both have, each event is sent twice and stands once.
    program = processes / "record_under_load.py"
    running = [start(program, mongodb_url, first, last, 8, 10) for first, last in ((1, 120), (60, 180))]
    acknowledged = [line for process in running for line in finish(process)]
    assert Counter(Counter(acknowledged).values()) == {1: 8 * 119, 2: 8 * 61}
    assert await check(mongodb_url, acknowledged) == 8 * 180
