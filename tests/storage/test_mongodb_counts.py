"""Counting on MongoDB stays exact when the process that counts is killed, at whatever step."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from functools import partial

import pytest

from laurels.storage.mongodb import MongoStore
from laurels.storage.mongodb.projections import counts
from laurels.testing.builders import project

USERS = 40

# Projects users, and is killed after the given number of commands that write or read in the database.
DIE_AT = """
import asyncio, os, signal, sys
from pymongo import monitoring

url, seq, step, before = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4] == "before"
done = -1

class Death(monitoring.CommandListener):
    def _pass(self, event, is_before):
        global done
        if done >= 0 and event.command_name in ("find", "update", "insert", "getMore") and is_before == before:
            done += 1
            if done == step:
                os.kill(os.getpid(), signal.SIGKILL)
    def started(self, event): self._pass(event, True)
    def succeeded(self, event): self._pass(event, False)
    def failed(self, event): self._pass(event, False)

monitoring.register(Death())

from laurels.application.ports.snapshots import Projection
from laurels.bootstrap import open_store
from laurels.testing.builders import card, progress, standing

async def main():
    global done
    store = await open_store(url)
    done = 0
    points = {f"user {n}": n * n % 83 + 7 * seq for n in range(40)}
    await store.snapshots.project(
        [Projection(progress(user, seq, points=has), {"all": standing(user, has)}) for user, has in points.items()],
        cards=[card(user, has) for user, has in points.items()],
    )
    # Which counts what is fresh.
    await store.snapshots.behind(1, before=0)

asyncio.run(main())
"""


def die_at(url: str, seq: int, step: int, *, before: bool) -> int:
    """The exit code of a process that projected, or was killed while it did."""
    arguments = [url, str(seq), str(step), "before" if before else "after"]
    return subprocess.run([sys.executable, "-c", DIE_AT, *arguments], timeout=100, check=False).returncode


async def check(store: MongoStore) -> None:
    """What is counted is what sorting everyone gives."""
    points = [line.points for line in await store.boards.standings("all", limit=1_000)]
    assert await store.boards.count("all") == len(points)
    for asked in {-1, *points, *(each - 1 for each in points)}:
        assert await store.boards.count("all", above=asked) == sum(each > asked for each in points), asked


@pytest.fixture
async def store(mongodb_url: str) -> AsyncIterator[MongoStore]:
    opened = await MongoStore.open(mongodb_url)
    yield opened
    await opened.close()


# What is after a step is nearly what is before the next.
@pytest.mark.parametrize("before", [True, pytest.param(False, marks=pytest.mark.long)], ids=["before", "after"])
async def test_a_process_that_is_killed_at_any_step_leaves_counts_that_are_exact(
    store: MongoStore, mongodb_url: str, *, before: bool
) -> None:
    for user in range(USERS):
        await project(store, f"user {user}", points=user)
    # Before each odd step, and after each even one.
    steps = 0 if before else 1
    while (code := die_at(mongodb_url, 2 + steps, 1 + steps, before=before)) != 0:
        assert code == -signal.SIGKILL
        await check(store)
        if steps % 4 > 1:
            # Every other time the next process, which is killed as well, finds what this one left.
            await store.snapshots.behind(10, before=0)
            await check(store)
            assert await store.boards.miscounted() == []
        steps += 2
    assert steps >= 8, "killed less often than counting has steps"
    await check(store)
    assert await store.boards.miscounted() == []
    assert await store._database["standings"].count_documents({"fresh": True}) == 0


@pytest.mark.parametrize(
    ("collection", "wanted", "change"),
    [
        ("counts", {"level": 0}, {"$inc": {"users": 1}}),
        ("counts", {"level": 4}, {"$inc": {"users": -1}}),
        ("counts", {"level": 6}, {"$unset": {"batch": ""}}),
        ("standings", {"userId": "ada"}, {"$set": {"points": 9_000}}),
        ("standings", {"userId": "ada"}, {"$unset": {"counted": "", "batch": ""}}),
    ],
)
async def test_counts_that_were_tampered_with_are_found_and_mended(
    store: MongoStore, collection: str, wanted: dict[str, object], change: dict[str, dict[str, object]]
) -> None:
    for user in ("ada", "bob"):
        await project(store, user, points=5)
        await project(store, user, points=6, boards=["other"])
    # Counts what is fresh.
    await store.snapshots.behind(1, before=0)
    assert await store.boards.miscounted() == []
    done = await store._database[collection].update_one({"board": "all", **wanted}, change)
    assert done.modified_count == 1
    assert await store.boards.miscounted() == ["all"]
    await store.snapshots.clear()
    for user in ("ada", "bob"):
        await project(store, user, points=5)
    assert await store.boards.miscounted() == []
    await check(store)


async def test_lines_from_before_there_were_counts_are_counted(store: MongoStore, mongodb_url: str) -> None:
    for user in range(USERS):
        await project(store, f"user {user}", points=user)
    database = store._database
    await database["standings"].update_many({}, {"$unset": {"fresh": "", "counted": "", "batch": ""}})
    await database["counts"].drop()
    await database["meta"].delete_one({"_id": "counts"})
    await database["meta"].update_one({"_id": "schema"}, {"$set": {"version": 1}})
    newer = await MongoStore.open(mongodb_url)
    await check(newer)
    await newer.snapshots.behind(10, before=0)
    assert await database["standings"].count_documents({"fresh": True}) == 0
    await check(newer)
    assert await newer.boards.miscounted() == []
    await newer.close()


async def test_where_much_is_not_counted_the_lines_are_gone_through(store: MongoStore) -> None:
    for user in range(USERS):
        await project(store, f"user {user}", points=user % 13)
        await project(store, f"user {user}", points=user, boards=["other"])
    asked = [None, -1, 0, 6, 12, 13, 2**70, -(2**70)]
    expected = {None: USERS} | {above: sum(user % 13 > above for user in range(USERS)) for above in asked[1:]}
    await check(store)
    counts_of = partial(counts.counts_of, store._database, few=USERS - 1)
    assert await counts_of("all", asked) == expected
    for above in asked:
        assert await counts_of("all", [above]) == {above: expected[above]}
    assert await counts_of("nowhere", asked) == dict.fromkeys(asked, 0)
