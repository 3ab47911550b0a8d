"""How long after its acknowledgement an event is on the board, while the server is under full load."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from statistics import quantiles
from uuid import uuid4

import msgspec

from benchmarks.bench import Bench
from benchmarks.figures import Figure
from benchmarks.history import Learners
from benchmarks.servers import Server, laurels, post_json

CONNECTIONS = 64
USERS = 1_000
LOAD = 80_000
PAUSE = 0.005
TARGET_MS = 500


def run(bench: Bench) -> list[Figure]:
    """New learners record an event each, and one learner records one after the other; they ask for their rank until it
    counts the event."""
    with laurels(bench.folder / "lag.db") as ours:
        return measure(bench, "lag", ours)


def measure(bench: Bench, subject: str, ours: Server) -> list[Figure]:
    """The same on a server."""
    with ThreadPoolExecutor(1) as pool:
        requests = [
            post_json("/api/progress/event", event) for event in Learners(USERS).events(bench.size(LOAD), ids="lag-")
        ]
        load = pool.submit(bench.send, ours.port, requests, connections=CONNECTIONS, expected="201")
        lags: dict[str, list[float]] = {"new learners": [], "one learner again and again": []}
        busy = f"busy-{uuid4().hex}"
        while not load.done():
            for who, user in zip(lags, (f"new-{uuid4().hex}", busy), strict=True):
                lags[who].append(_lag(ours, user))
        rate = load.result().rate
    figures: list[Figure] = []
    for who, measured in lags.items():
        if len(measured) < 2:
            raise RuntimeError("The load was over before anything was measured.")
        cuts = quantiles(measured, n=100, method="inclusive")
        figures.append(
            Figure(
                subject,
                f"from the answer until the board has it, at {rate:,.0f} events/s: {who} ({len(measured)} events)",
                f"p50 {cuts[49]:.0f} ms, p99 {cuts[98]:.0f} ms",
                target=f"p99 < {TARGET_MS} ms",
            )
        )
    return figures


def _lag(server: Server, user: str) -> float:
    """Milliseconds from the answer to an event of a learner until the board has other points of theirs."""
    connection = HTTPConnection("127.0.0.1", server.port, timeout=60)
    try:
        connection.request("GET", f"/api/progress/rank/{user}")
        before = msgspec.json.decode(connection.getresponse().read()).get("points")
        body = msgspec.json.encode({"userId": user, "eventType": "code_run", "eventId": uuid4().hex})
        connection.request("POST", "/api/progress/event", body, {"content-type": "application/json"})
        answer = connection.getresponse()
        answer.read()
        if answer.status != 201:
            raise RuntimeError(f"The server answered {answer.status} to an event.")
        acknowledged = time.perf_counter()
        while True:
            connection.request("GET", f"/api/progress/rank/{user}")
            if msgspec.json.decode(connection.getresponse().read()).get("points") != before:
                return 1_000 * (time.perf_counter() - acknowledged)
            time.sleep(PAUSE)
    finally:
        connection.close()
