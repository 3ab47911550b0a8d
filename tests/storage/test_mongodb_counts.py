"""Counting on MongoDB stays exact when the process that counts is killed, at whatever step."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from datetime import date
from typing import Any

import pytest
from pymongo import AsyncMongoClient, monitoring

from laurels.domain.rules.board_retention import RetentionCutoff
from laurels.storage.mongodb import MongoStore
from laurels.storage.mongodb.projections.board_counts import Answer, BoardCounts
from laurels.storage.mongodb.projections.count_journal import count_fresh
from laurels.storage.mongodb.schema import migrate
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
    counts = BoardCounts(store._database, "all", few=USERS - 1, at_once=5)
    assert (await counts.read((), asked)).counted == expected
    for above in asked:
        assert (await counts.read((), [above])).counted[above] == expected[above]
    found = (await counts.read(["user 0", "user 5", "nobody"], ())).rankings
    assert {user_id: (each.above, each.of, each.next_points) for user_id, each in found.items()} == {
        "user 0": (expected[0], USERS, 1),
        "user 5": (sum(user % 13 > 5 for user in range(USERS)), USERS, 6),
    }
    nowhere = BoardCounts(store._database, "nowhere", few=0, at_once=0)
    assert (await nowhere.read(["user 0"], asked)) == Answer(dict.fromkeys(asked, 0), {})


class Commands(monitoring.CommandListener):
    """The names of the commands that clients send."""

    def __init__(self) -> None:
        self.sent: list[str] = []

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        self.sent.append(event.command_name)

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None: ...
    def failed(self, event: monitoring.CommandFailedEvent) -> None: ...


async def test_a_rank_is_one_query_while_no_batch_is_counted(mongodb_url: str) -> None:
    commands = Commands()
    client = AsyncMongoClient[dict[str, Any]](mongodb_url, event_listeners=[commands], timeoutMS=20_000)
    store = MongoStore(client)
    await migrate(store._database)
    for user in range(USERS):
        await project(store, f"user {user}", points=user * user)
    await count_fresh(store._database)
    counts = BoardCounts(store._database, "all")
    await counts.read([f"user {user}" for user in range(USERS)], ())
    for user in range(USERS):
        commands.sent.clear()
        [ranking] = (await counts.read([f"user {user}"], ())).rankings.values()
        assert (ranking.above, ranking.of) == (USERS - 1 - user, USERS)
        assert ranking.next_points == (None if user == USERS - 1 else (user + 1) ** 2)
        assert commands.sent == ["aggregate"]
    await store.close()


@pytest.mark.parametrize("at_once", [0, 3, 1_000])
async def test_ranks_are_right_however_many_lines_are_not_counted(
    store: MongoStore, mongodb_url: str, at_once: int
) -> None:
    other = await MongoStore.open(mongodb_url)
    counts = BoardCounts(store._database, "all", at_once=at_once)
    draw = random.Random(7)
    has: dict[str, int] = {}
    for seq in range(1, 60):
        user_id = f"user {draw.randrange(12)}"
        has[user_id] = draw.choice([draw.randrange(50), draw.randrange(3_000), draw.randrange(2**40)])
        await project(other if seq % 2 else store, user_id, seq, points=has[user_id])
        if seq % 7 == 0:
            await count_fresh(other._database)
        found = (await counts.read([*has, "nobody"], ())).rankings
        assert {user_id: (each.above, each.of, each.next_points) for user_id, each in found.items()} == {
            user_id: (
                sum(each > points for each in has.values()),
                len(has),
                min((each for each in has.values() if each > points), default=None),
            )
            for user_id, points in has.items()
        }
    await other.close()


async def test_ranks_are_right_at_each_step_of_counting(store: MongoStore) -> None:
    """Another process counts, and this one reads between each of its commands."""
    for user in range(USERS):
        await project(store, f"user {user}", points=user * 40)
    await count_fresh(store._database)
    points = {f"user {user}": user * user % 83 * 40 for user in range(USERS)}
    for user_id, has in points.items():
        await project(store, user_id, 2, points=has)
    early = [BoardCounts(store._database, "all", at_once=at_once) for at_once in (0, 1_000)]
    checked = 0

    async def check_ranks() -> None:
        nonlocal checked
        late = [BoardCounts(store._database, "all", at_once=at_once) for at_once in (0, 1_000)]
        for counts in (*early, *late):
            found = (await counts.read(points, ())).rankings
            assert {user_id: (each.above, each.of) for user_id, each in found.items()} == {
                user_id: (sum(each > has for each in points.values()), USERS) for user_id, has in points.items()
            }
        checked += 1

    class Steps:
        """A database whose writes wait for the readers."""

        def __init__(self, inner: Any) -> None:
            self._inner = inner

        def __getitem__(self, name: str) -> Any:
            return Steps(self._inner[name])

        def __getattr__(self, name: str) -> Any:
            method = getattr(self._inner, name)
            if name not in ("update_one", "bulk_write"):
                return method

            async def call(*arguments: Any, **options: Any) -> Any:
                await check_ranks()
                if name == "bulk_write":
                    # Half of the writes, then all: as far as another process might have come.
                    await method(arguments[0][: len(arguments[0]) // 2] or arguments[0], **options)
                    await check_ranks()
                return await method(*arguments, **options)

            return call

    counting: Any = Steps(store._database)
    await count_fresh(counting)
    await check_ranks()
    assert checked >= 6
    assert await store.boards.miscounted() == []


async def test_counts_that_were_dropped_are_forgotten_by_every_process(store: MongoStore, mongodb_url: str) -> None:
    other = await MongoStore.open(mongodb_url)
    for user in range(5):
        await project(store, f"user {user}", points=user, boards=["2026-01-01"])
    await store.snapshots.behind(1, before=0)
    assert await other.boards.count("2026-01-01") == 5
    while await store.boards.drop(RetentionCutoff(day=date(2026, 2, 1).toordinal()), limit=10):
        pass
    assert await other.boards.count("2026-01-01") == await store.boards.count("2026-01-01") == 0
    await other.close()
