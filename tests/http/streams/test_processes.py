"""Live streams where several processes serve one database: whoever records, all who follow are told."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.http.conftest import StartServer
from tests.http.server_process import ServerProcess
from tests.http.stream_client import BOARD, USER, follow, post, seqs
from tests.mongod import Deployment

Two = tuple[ServerProcess, ServerProcess]


@pytest.fixture(scope="module", params=["sqlite", "replica set", "mongodb alone"])
def two(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Two]:
    """Two servers on one database."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path_factory.mktemp('shared') / 'shared.db'}"
    else:
        name = "mongodb_one_node" if request.param == "replica set" else "mongodb_alone"
        deployment: Deployment = request.getfixturevalue(name)
        url = deployment.url(deployment.fresh())
    one, other = (ServerProcess(tmp_path_factory.mktemp("server"), store=url) for _ in range(2))
    try:
        one.start()
        other.start()
        yield one, other
    finally:
        one.stop()
        other.stop()
    for each in (one, other):
        assert "live streams wait" not in each.log, each.log
        assert "ERROR" not in each.log, each.log


async def test_what_one_records_the_other_tells(two: Two) -> None:
    one, other = two
    async with (
        follow(one, f"{USER}/ada") as reader,
        follow(other, f"{USER}/ada") as elsewhere,
        follow(one, BOARD) as board,
    ):
        for each in (reader, elsewhere, board):
            await each.next()
        points = 0
        for number in range(1, 7):
            answer = await asyncio.to_thread(post, two[number % 2], "ada", "visualize", eventId=f"e{number}")
            for each in (reader, elsewhere):
                told = await each.until(str(number))
                assert (told[0].kind, told[0].data) == ("event", answer["event"])
                assert told[-1].data == answer["progress"]
                assert seqs(told) == [number]
            points = answer["progress"]["totalPoints"]
        while (await board.next()).data["leaderboard"][0]["points"] != points:
            pass


async def test_several_are_followed_while_both_record(two: Two) -> None:
    users = [f"user-{number}" for number in range(3)]

    async def read(user: str, server: ServerProcess) -> list[int]:
        async with follow(server, f"{USER}/{user}", last_id="0") as reader:
            ready.release()
            return seqs(await reader.until("6"))

    ready = asyncio.Semaphore(0)
    reading = [asyncio.create_task(read(user, server)) for user in users for server in two]
    for _ in reading:
        await ready.acquire()
    for _ in range(3):
        await asyncio.gather(*(asyncio.to_thread(post, server, user, "visualize") for user in users for server in two))
    assert await asyncio.gather(*reading) == [list(range(1, 7))] * 6


@pytest.fixture
def breakable(deploy_mongodb: Callable[..., Deployment], tmp_path: Path) -> Iterator[Deployment]:
    """A replica set of one that a test may stop."""
    deployment = deploy_mongodb(tmp_path / "mongodb", members=1)
    yield deployment
    deployment.end()


async def test_a_stream_stays_open_while_the_database_is_away_and_goes_on_afterwards(
    start_server: StartServer, breakable: Deployment
) -> None:
    server = start_server(
        store=breakable.url(breakable.fresh()),
        spool="spool",
        store_timeout_ms="500",
        heartbeat_ms="100",
        stream_heartbeat_ms="200",
        probe="/health/ready?writes=queued",
    )
    async with follow(server, f"{USER}/ada") as reader, follow(server, BOARD) as board:
        await reader.next()
        await asyncio.to_thread(post, server, "ada", eventId="before")
        await reader.until("1")
        while not (await board.next()).data["leaderboard"]:
            pass
        node = breakable.nodes[0]
        node.kill()
        with server.client() as client:
            # The first one may still find out that the database is gone.
            queued = await asyncio.to_thread(
                client.post, "/api/progress/event", json={"userId": "ada", "eventType": "visualize", "eventId": "away"}
            )
        assert queued.status_code == 202
        # The database has to start, and the event that waits to be recorded.
        rest = asyncio.create_task(reader.until("2", within=60))
        before = reader.heartbeats
        await asyncio.sleep(1)
        assert not rest.done()
        assert (await board.next()).data["stale"] is True
        assert reader.heartbeats > before
        async with follow(server, f"{USER}/ada", last_id="0") as opened_meanwhile:
            node.start()
            assert seqs(await opened_meanwhile.until("2", within=60)) == [1, 2]
        assert seqs(await rest) == [2]
        assert "stale" not in (await board.next()).data
