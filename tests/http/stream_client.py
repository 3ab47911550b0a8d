"""A client of live streams, as a browser would be one: it reads messages and remembers the last id."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import httpx2

from tests.http.server_process import ServerProcess

# Seconds for what should take a part of one, on a machine that has other things to do.
SOON = 30.0
USER = "/api/progress/stream"
BOARD = "/api/progress/leaderboard/stream"


class Told(NamedTuple):
    """One message."""

    id: str
    kind: str
    data: dict[str, Any]


class Reader:
    """Reads one stream. `heartbeats` and `retry` are what has come beside messages."""

    def __init__(self, response: httpx2.Response) -> None:
        self.response = response
        self.last_id = ""
        self.heartbeats = 0
        self.retry = 0
        self._lines = response.aiter_lines()

    async def next(self, within: float = SOON) -> Told:
        """The next message. Raises StopAsyncIteration at the end; after a TimeoutError nothing more can be read."""
        async with asyncio.timeout(within):
            return await self._next()

    async def _next(self) -> Told:
        kind, data, found_id = "", "", ""
        while True:
            line = await anext(self._lines)
            name, _, value = line.partition(":")
            match name, value.removeprefix(" "):
                case "", _ if line:
                    self.heartbeats += 1
                case "id", text:
                    found_id = text
                case "event", text:
                    kind = text
                case "data", text:
                    data = text
                case "retry", text:
                    self.retry = int(text)
                case _:
                    if kind:
                        self.last_id = found_id or self.last_id
                        return Told(found_id, kind, json.loads(data))

    async def take(self, count: int) -> list[Told]:
        """The next `count` messages."""
        return [await self.next() for _ in range(count)]

    async def until(self, message_id: str, *, within: float = SOON) -> list[Told]:
        """The messages up to the one with an id; `within`: seconds for the first of them."""
        told = [await self.next(within)]
        while told[-1].id != message_id:
            told.append(await self.next())
        return told


@asynccontextmanager
async def follow(
    server: ServerProcess, path: str, *, last_id: str | None = None, **query: Any
) -> AsyncIterator[Reader]:
    """Follow a stream within the block, after the message `last_id` where one is named."""
    headers = {} if last_id is None else {"Last-Event-ID": last_id}
    async with (
        server.async_client() as client,
        client.stream("GET", path, params=query, headers=headers) as response,
    ):
        if response.status_code != 200:
            await response.aread()
        yield Reader(response)


def post(server: ServerProcess, user: str, event_type: str = "code_run", **fields: Any) -> dict[str, Any]:
    """Record one event."""
    with server.client() as client:
        answer = client.post("/api/progress/event", json={"userId": user, "eventType": event_type, **fields})
    assert answer.status_code == 201, answer.text
    return answer.json()


def post_many(server: ServerProcess, user: str, count: int, **fields: Any) -> None:
    """Record `count` events of one user."""
    events = [{"userId": user, "eventType": "visualize", "eventId": f"e{n}", **fields} for n in range(count)]
    with server.client() as client:
        answer = client.post("/api/progress/events", json=events)
    assert answer.json()["recorded"] == count, answer.text


def seqs(told: list[Told]) -> list[int]:
    """The entries whose last messages are among `told`."""
    return [int(each.id) for each in told if "." not in each.id]
