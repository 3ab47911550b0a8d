"""The clients that a server is there for: they record, read and follow, and remember what they were promised."""

from __future__ import annotations

import asyncio
import json
import random
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from typing import Any

import httpx2

from tests.http.callers import bearer
from tests.http.server_process import ServerProcess

BATCH = 30
# Seconds between two requests of one client: what counts is how long it goes on, not how fast. A ledger that grows
# slowly also keeps the caches of the database small, which memory is compared with.
PAUSE = 0.1
TYPES = ("code_run", "visualize", "snippet_create", "ai_debug", "tutorial_complete")
LANGUAGES = ("python", "rust", "go", "c", "java", "ruby", "zig")


class Honest:
    """What all honest clients of one soak have in common: the server, their key, and what came of it.

    `acknowledged`: by learner, the event ids that were answered with 2xx. `statuses` counts answers. `faults` tells
    what must not happen, in words.
    """

    def __init__(self, server: ServerProcess, key: str) -> None:
        self.server = server
        self.headers = bearer(key)
        self.acknowledged: dict[str, set[str]] = {}
        self.followed: dict[str, Counter[str]] = {}
        self.statuses: Counter[int] = Counter()
        self.faults: list[str] = []
        self.shed = 0

    def client(self) -> httpx2.AsyncClient:
        return httpx2.AsyncClient(base_url=self.server.url, headers=self.headers, timeout=60, trust_env=False)

    async def ask(self, client: httpx2.AsyncClient, method: str, path: str, **more: Any) -> httpx2.Response:
        """One request, sent again for as long as the server says that it has too much to do."""
        while True:
            try:
                answer = await client.request(method, path, **more)
            except httpx2.TransportError as error:
                self.faults.append(f"{method} {path}: no answer: {error!r}")
                raise
            self.statuses[answer.status_code] += 1
            if answer.status_code != 503:
                if answer.status_code >= 400:
                    self.faults.append(f"{method} {path}: {answer.status_code} {answer.text[:300]}")
                return answer
            self.shed += 1
            if "as much to do as it takes" not in answer.text or "retry-after" not in answer.headers:
                self.faults.append(f"{method} {path}: a 503 that sheds nothing: {answer.text[:300]}")
            await asyncio.sleep(0.2 * random.uniform(0.5, 1.5))


class Learner:
    """Records events of its own, one or many, some of them twice, and reads what became of them."""

    def __init__(self, honest: Honest, number: int) -> None:
        self.user = f"learner-{number}"
        self._honest = honest
        self._chance = random.Random(number)
        self._sent = 0
        self._acknowledged = honest.acknowledged.setdefault(self.user, set())

    async def run(self, stop: asyncio.Event) -> None:
        doings: tuple[Callable[[httpx2.AsyncClient], Awaitable[None]], ...] = (
            self._record,
            self._record,
            self._record_many,
            self._read,
            self._read_pages,
        )
        async with self._honest.client() as client:
            await self._record(client)
            while not stop.is_set():
                await self._chance.choice(doings)(client)
                await asyncio.sleep(self._chance.uniform(0, 2 * PAUSE))

    def _event(self) -> dict[str, Any]:
        self._sent += 1
        metadata = {"language": self._chance.choice(LANGUAGES), "codeLength": self._chance.randrange(1_000)}
        kind = self._chance.choice(TYPES)
        return {"userId": self.user, "eventType": kind, "eventId": f"{self._sent}", "metadata": metadata}

    async def _record(self, client: httpx2.AsyncClient) -> None:
        event = self._event()
        for _ in range(self._chance.choice((1, 1, 1, 2))):
            answer = await self._honest.ask(client, "POST", "/api/progress/event", json=event)
            if answer.status_code in (200, 201):
                self._acknowledged.add(event["eventId"])

    async def _record_many(self, client: httpx2.AsyncClient) -> None:
        events = [self._event() for _ in range(self._chance.randint(1, BATCH))]
        answer = await self._honest.ask(client, "POST", "/api/progress/events", json=events)
        if answer.status_code == 200:
            results = answer.json()["results"]
            self._acknowledged |= {each["eventId"] for each in results if each["status"] in ("recorded", "replayed")}
            if answer.json()["rejected"]:
                self._honest.faults.append(f"a batch of good events: {answer.text[:300]}")

    async def _read(self, client: httpx2.AsyncClient) -> None:
        known = len(self._acknowledged)
        answer = await self._honest.ask(client, "GET", f"/api/progress/dashboard/{self.user}")
        if answer.status_code == 200 and answer.json()["totalEvents"] < known:
            self._honest.faults.append(f"{self.user} sees {answer.json()['totalEvents']} of {known} events")

    async def _read_pages(self, client: httpx2.AsyncClient) -> None:
        path, rows = self._chance.choice(
            (("/api/progress/leaderboard", "leaderboard"), (f"/api/progress/history/{self.user}", "entries"))
        )
        query: dict[str, Any] = {"limit": 20}
        for _ in range(3):
            answer = await self._honest.ask(client, "GET", path, params=query)
            if answer.status_code != 200 or not answer.json()[rows] or answer.json()["next"] is None:
                return
            query["cursor"] = answer.json()["next"]


class Follower:
    """Follows the stream of one learner, comes again where it ended, and remembers each event that it was told of."""

    def __init__(self, honest: Honest, user: str) -> None:
        self._honest = honest
        self._user = user
        self._told = honest.followed.setdefault(user, Counter())
        self._last_id = "0"

    async def run(self) -> None:
        """Go on until cancelled or until the server is gone."""
        async with self._honest.client() as client:
            while True:
                # The server lets a stream end, and goes at the end of the soak. What is missing is seen afterwards.
                with suppress(httpx2.TransportError):
                    await self._follow(client)
                await asyncio.sleep(0.2)

    async def _follow(self, client: httpx2.AsyncClient) -> None:
        headers = {"Last-Event-ID": self._last_id}
        async with client.stream("GET", f"/api/progress/stream/{self._user}", headers=headers) as response:
            self._honest.statuses[response.status_code] += 1
            if response.status_code != 200:
                text = (await response.aread()).decode()
                if response.status_code != 503:
                    self._honest.faults.append(f"a stream: {response.status_code} {text[:300]}")
                return
            async for message in _messages(response):
                self._last_id = message.get("id") or self._last_id
                if message.get("event") == "event":
                    self._told[json.loads(message["data"])["eventId"]] += 1


async def _messages(response: httpx2.Response) -> AsyncIterator[dict[str, str]]:
    message: dict[str, str] = {}
    async for line in response.aiter_lines():
        name, _, value = line.partition(":")
        if name:
            message[name] = value.removeprefix(" ")
        elif not line:
            yield message
            message = {}
