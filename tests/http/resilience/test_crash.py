"""kill -9 under load, again and again: what was acknowledged is there afterwards, once."""

from __future__ import annotations

import asyncio
import csv
import io
import random
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.http.server_process import ServerProcess

CLIENTS = 4


class Learner:
    """A client that records its own learner's events and remembers which were acknowledged.

    What it got no answer for it sends again with the same id, as a client should.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.acknowledged: set[str] = set()
        self.recorded = 0
        self._unanswered: list[dict[str, Any]] = []
        self._sent = 0

    def run(self, server: ServerProcess, stop: threading.Event) -> None:
        with server.client() as client:
            try:
                while not stop.is_set():
                    self.settle(client)
                    self._unanswered = self._next()
                self.settle(client)
            except httpx2.TransportError:
                return

    def settle(self, client: httpx2.Client) -> None:
        """Send what is not answered yet."""
        if self._unanswered:
            self._send(client, self._unanswered)
            self._unanswered = []

    def _next(self) -> list[dict[str, Any]]:
        # Every third request is a batch.
        size = 20 if self._sent % 3 == 2 else 1
        self._sent += 1
        return [
            {"userId": self.name, "eventType": "code_run", "eventId": f"{self._sent}-{number}"}
            for number in range(size)
        ]

    def _send(self, client: httpx2.Client, events: list[dict[str, Any]]) -> None:
        if len(events) == 1:
            answer = client.post("/api/progress/event", json=events[0])
            assert answer.status_code in (200, 201), answer.text
            self.recorded += answer.status_code == 201
        else:
            answer = client.post("/api/progress/events", json=events)
            assert answer.status_code == 200, answer.text
            assert answer.json()["rejected"] == 0
            self.recorded += answer.json()["recorded"]
        self.acknowledged.update(event["eventId"] for event in events)


@contextmanager
def under_load(server: ServerProcess, learners: list[Learner]) -> Iterator[None]:
    stop = threading.Event()
    threads = [threading.Thread(target=learner.run, args=(server, stop)) for learner in learners]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def event_ids(client: httpx2.Client, user: str) -> Counter[str]:
    response = client.get(f"/api/progress/export/{user}", params={"format": "csv"})
    assert response.status_code in (200, 404)
    return Counter(row["eventId"] for row in csv.DictReader(io.StringIO(response.text)) if response.status_code == 200)


def crash(folder: Path, *, times: int, seed: int) -> None:
    chance = random.Random(seed)
    server = ServerProcess(folder, projection_interval_ms="10")
    learners = [Learner(f"learner-{number}") for number in range(CLIENTS)]
    try:
        for _ in range(times):
            server.start()
            with server.client() as client:
                for learner in learners:
                    there = event_ids(client, learner.name)
                    assert learner.acknowledged <= there.keys()
                    assert set(there.values()) <= {1}
            with under_load(server, learners):
                time.sleep(chance.uniform(0.02, 0.6))
                server.kill()
        server.start()
        with server.client() as client:
            for learner in learners:
                learner.settle(client)
                # Nothing is open now: what is there are exactly these.
                assert event_ids(client, learner.name) == Counter(learner.acknowledged)
        server.stop()
        verification = asyncio.run(server.verify())
        assert verification.differences == []
        assert verification.events == sum(len(learner.acknowledged) for learner in learners) > 100 * times / 20
    finally:
        server.kill()


def test_nothing_acknowledged_is_lost_or_doubled_over_4_kills(tmp_path: Path) -> None:
    crash(tmp_path, times=4, seed=20)


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.parametrize("seed", range(3))
def test_nothing_acknowledged_is_lost_or_doubled_over_100_kills(tmp_path: Path, seed: int) -> None:
    crash(tmp_path, times=100, seed=seed)


def test_a_server_that_is_asked_to_end_answers_what_it_has_taken(tmp_path: Path) -> None:
    server = ServerProcess(tmp_path)
    learners = [Learner(f"learner-{number}") for number in range(CLIENTS)]
    server.start()
    try:
        with under_load(server, learners):
            time.sleep(0.5)
            server.stop()
        assert "unexpected fault" not in server.log
        verification = asyncio.run(server.verify())
        assert verification.differences == []
        # Answered or not, nothing half done: each learner has at most one request more than they know of.
        acknowledged = sum(len(learner.acknowledged) for learner in learners)
        assert acknowledged <= verification.events <= acknowledged + 20 * CLIENTS
        assert verification.behind == 0
    finally:
        server.kill()
