"""Clients that post events one after the other and remember what they were told."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2

from laurels.application.maintenance.verification import verify
from laurels.bootstrap import open_store
from laurels.rulebooks.loader import load_rulebook

KINDS = ("code_run", "ai_debug", "session_join", "visualize")


class Learner:
    """One user. `acknowledged` are the ids of the events that were answered with 2xx, in order; `codes` all answers.

    Every second learner leaves the ids to the server; of the others what got no answer is sent again. `maybe` are
    events of which it is not known whether they were taken.
    """

    def __init__(self, number: int) -> None:
        self.name = f"learner-{number}"
        self.acknowledged: list[str] = []
        self.codes: Counter[int] = Counter()
        self.slowest = 0.0
        self.maybe: set[str] = set()
        self.refused: list[str] = []
        self.is_done = False
        self._gives_ids = number % 2 == 0
        self._sent = 0

    async def run(self, client: httpx2.AsyncClient) -> None:
        """Post until `is_done`."""
        while not self.is_done:
            self._sent += 1
            body: dict[str, Any] = {"userId": self.name, "eventType": KINDS[self._sent % len(KINDS)]}
            if self._gives_ids:
                body["eventId"] = f"{self.name}-{self._sent}"
            await self._post(client, body)

    async def _post(self, client: httpx2.AsyncClient, body: dict[str, Any]) -> None:
        while True:
            started = time.monotonic()
            try:
                answer = await client.post("/api/progress/event", json=body)
            except httpx2.TransportError:
                self.maybe.add(body.get("eventId", f"without id {self._sent}"))
                if "eventId" not in body:
                    return
                await asyncio.sleep(0.05)
                continue
            self.slowest = max(self.slowest, time.monotonic() - started)
            self.codes[answer.status_code] += 1
            if answer.status_code >= 500:
                assert int(answer.headers["Retry-After"]) >= 1
                assert answer.json()["fallback"] is True
                self.refused.append(answer.text)
                self.maybe.add(body.get("eventId", f"without id {self._sent}"))
                return
            assert answer.is_success, answer.text
            told = answer.json()
            assert told["success"] is True
            assert told.get("queued", False) is (answer.status_code == 202)
            self.acknowledged.append(told["event"]["eventId"])
            return


@asynccontextmanager
async def under_load(url: str, learners: list[Learner], headers: dict[str, str] | None = None) -> AsyncIterator[None]:
    """All learners at work while the block runs, each over a connection of its own."""
    limits = httpx2.Limits(max_connections=len(learners))
    async with httpx2.AsyncClient(base_url=url, timeout=60, trust_env=False, limits=limits, headers=headers) as client:
        tasks = [asyncio.create_task(learner.run(client)) for learner in learners]
        try:
            yield
        finally:
            for learner in learners:
                learner.is_done = True
            await asyncio.gather(*tasks)


def codes(learners: list[Learner]) -> Counter[int]:
    return sum((learner.codes for learner in learners), Counter[int]())


async def wait_until_drained(url: str, *, seconds: float = 60) -> dict[str, Any]:
    """The spool's stats once nothing waits any more and the store is there."""
    deadline = time.monotonic() + seconds
    async with httpx2.AsyncClient(base_url=url, timeout=30, trust_env=False) as client:
        while True:
            ready = await client.get("/health/ready")
            if ready.status_code == 200 and ready.json()["spool"]["waiting"] == 0:
                return ready.json()["spool"]
            assert time.monotonic() < deadline, ready.text
            await asyncio.sleep(0.05)


async def check_ledger(store_url: str, learners: list[Learner]) -> None:
    """What was acknowledged stands once, in that order for each user; all else follows from it."""
    store = await open_store(store_url)
    try:
        for learner in learners:
            entries = await store.ledger.entries(learner.name, limit=1_000_000)
            stands = [entry.event_id for entry in entries]
            assert len(set(stands)) == len(stands)
            acknowledged = set(learner.acknowledged)
            assert len(acknowledged) == len(learner.acknowledged)
            assert [event_id for event_id in stands if event_id in acknowledged] == learner.acknowledged
            # A request that was cut off may have been recorded all the same; nothing else may.
            unknown = [event_id for event_id in stands if event_id not in acknowledged]
            assert len(unknown) <= len(learner.maybe)
        found = await verify(store, load_rulebook("coding"))
        assert found.differences == []
    finally:
        await store.close()
