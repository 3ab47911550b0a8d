"""Streams of hundreds of different boards from one address do not hold up what everybody else follows."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from laurels.domain.periods import Timeframe
from tests.http.callers import bearer, make_key
from tests.http.conftest import StartServer
from tests.http.server_process import ServerProcess
from tests.http.stream_client import BOARD, SOON

LEARNERS = 120
MESSAGES = 15


class Follower:
    """A client of a board's stream that counts its messages."""

    def __init__(self, server: ServerProcess, query: str, address: str) -> None:
        self.messages = 0
        self._request = f"GET {BOARD}?{query} HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-For: {address}\r\n\r\n"
        self._port = server.port

    async def follow(self, begun: asyncio.Semaphore) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port, limit=1024 * 1024)
        try:
            writer.write(self._request.encode())
            assert await reader.readline() == b"HTTP/1.1 200 OK\r\n"
            begun.release()
            while line := await reader.readline():
                self.messages += line.startswith(b"event: leaderboard")
        finally:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()


async def test_a_common_board_is_read_more_often_than_hundreds_of_others(start_server: StartServer) -> None:
    server = start_server(
        is_behind_proxy=True, address_rate="0", max_streams_per_address="1000", projection_interval_ms="20"
    )
    key = bearer(await asyncio.to_thread(make_key, f"sqlite:///{server.database}", "events:write"))
    begun = asyncio.Semaphore(0)
    queries = [f"limit={limit}&timeframe={timeframe}" for limit in range(1, 101) for timeframe in Timeframe]
    others = [Follower(server, query, "192.0.2.1") for query in queries if query != "limit=10&timeframe=all-time"]
    honest = Follower(server, "limit=10&timeframe=all-time", "198.51.100.1")
    async with server.async_client() as client, asyncio.timeout(4 * SOON), asyncio.TaskGroup() as group:
        events = [{"userId": f"user-{number}", "eventType": "code_run"} for number in range(LEARNERS)]
        assert (await client.post("/api/progress/events", json=events, headers=key)).status_code == 200
        following = [group.create_task(each.follow(begun)) for each in (*others, honest)]
        for _ in following:
            await begun.acquire()
        before = [each.messages for each in others]
        goal = honest.messages + MESSAGES
        while honest.messages < goal:
            event = {"userId": "user-1", "eventType": "session_join"}
            assert (await client.post("/api/progress/event", json=event, headers=key)).status_code == 201
            await asyncio.sleep(0.02)
        told = sum(each.messages for each in others) - sum(before)
        for task in following:
            task.cancel()
    assert told / len(others) < MESSAGES * 2 / 3
