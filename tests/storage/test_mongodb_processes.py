"""Several processes on one MongoDB, and what is left of them and of their server after `kill -9`."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from laurels import Laurels
from laurels.application.rebuild import verify
from laurels.bootstrap import open_store

# Processes that open one new database at the same moment, and append to it.
OPEN_AT_ONCE = """
import asyncio, multiprocessing, sys
from laurels.bootstrap import open_store
from laurels.testing.builders import event_entry

async def append(url, name):
    store = await open_store(url)
    assert await store.append([event_entry(name, 1)]) == frozenset()
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


def start_into(output: Path, program: Path, *arguments: object) -> subprocess.Popen[bytes]:
    """A Python process that prints into a file."""
    with output.open("wb") as file:
        return subprocess.Popen([sys.executable, program, *map(str, arguments)], stdout=file)


def finish(process: subprocess.Popen[str]) -> list[str]:
    """The lines that the process printed until it ended well."""
    said, complaint = process.communicate(timeout=200)
    assert process.returncode == 0, complaint
    return said.splitlines()


async def check(url: str, acknowledged: list[str]) -> int:
    """Everything acknowledged stands once, nothing else does twice, and all follows from it; how many events."""
    async with Laurels.open(url) as laurels:
        await laurels.projector.catch_up(before=laurels.clock() + 1)
        found = await verify(laurels.store, laurels.rulebook)
        stands: Counter[str] = Counter()
        for user_id in await laurels.store.users():
            entries = await laurels.store.entries(user_id, limit=1_000_000)
            stands.update(f"{user_id} {entry.event_id}" for entry in entries)
            awards = [award.badge_id for entry in entries for award in entry.fact.outcome.awards]  # pyright: ignore
            assert len(awards) == len(set(awards))
            line = await laurels.store.standing("all", user_id)
            assert line is not None
            assert line.points == (await laurels.analytics.progress(user_id)).total_points
    assert set(acknowledged) <= stands.keys()
    assert set(stands.values()) == {1}
    assert (found.differences, found.behind) == ([], 0)
    return stands.total()


async def test_processes_that_open_a_new_database_at_once_make_it_once(mongodb_url: str) -> None:
    finish(start(OPEN_AT_ONCE, mongodb_url, 10))
    store = await open_store(mongodb_url)
    assert await store.users() == sorted(f"user {n}" for n in range(10))
    await store.close()


async def test_two_that_record_for_the_same_users_lose_and_double_nothing(mongodb_url: str, processes: Path) -> None:
    # Of the numbers that both have, each event is sent twice and stands once.
    program = processes / "record_under_load.py"
    running = [start(program, mongodb_url, first, last, 8, 10) for first, last in ((1, 120), (60, 180))]
    acknowledged = [line for process in running for line in finish(process)]
    assert Counter(Counter(acknowledged).values()) == {1: 8 * 119, 2: 8 * 61}
    assert await check(mongodb_url, acknowledged) == 8 * 180


@pytest.fixture
def fragile(deploy_mongodb: Callable[..., Any], tmp_path: Path) -> Iterator[Any]:
    """A replica set of three of the test's own, to be broken."""
    deployment = deploy_mongodb(tmp_path / "fragile", members=3)
    yield deployment
    deployment.end()


async def test_a_killed_primary_loses_and_doubles_nothing(fragile: Any, processes: Path, tmp_path: Path) -> None:
    url: str = fragile.url("laurels")
    # Into files: what somebody has begun to read from a pipe, `communicate` does not give again.
    outputs = [tmp_path / f"output {number}" for number in range(2)]
    program = processes / "record_under_load.py"
    running = [
        start_into(output, program, url, first, last, 8, 10)
        for output, (first, last) in zip(outputs, ((1, 600), (300, 900)), strict=True)
    ]
    async with asyncio.timeout(60):
        # In the thick of it: thousands are still to come.
        while min(output.stat().st_size for output in outputs) < 10_000:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    killed = fragile.primary()
    killed.kill()
    await asyncio.sleep(4.0)
    killed.start()
    assert [await asyncio.to_thread(process.wait, 200) for process in running] == [0, 0]
    acknowledged = [line for output in outputs for line in output.read_text().splitlines()]
    # The processes rode through the election: no caller got an error.
    assert Counter(Counter(acknowledged).values()) == {1: 8 * 599, 2: 8 * 301}
    assert await check(url, acknowledged) == 8 * 900
