"""The clients' queues: what `track` costs, and batches of the Python one against a loop that posts the same ones."""

from __future__ import annotations

import shutil
import subprocess
import time
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

import httpx2
import msgspec

from benchmarks.bench import Bench
from benchmarks.figures import Figure, Ratio, in_turns
from benchmarks.servers import laurels
from laurels.client import Client
from laurels.client.tracking.sender import BATCH
from laurels.domain.events import LearningEvent

EVENTS = 4_000
USERS = 100
ROUNDS = 21
JAVASCRIPT = Path(__file__).parents[2] / "clients" / "typescript"


def run(bench: Bench) -> list[Figure]:
    """Events per second of both in turns; the median of a call of `track`, with a file behind it."""
    count = bench.size(EVENTS)
    calls: list[float] = []
    turn = 0

    def tracked(url: str, folder: Path) -> float:
        # The first event waits until all are there, so that both send the same batches.
        with Client(url, storage=folder, flush_interval=3_600, max_events=2 * count) as client:
            # Connections are made before the clock runs, here and there.
            client.track("user-0", "visualize")
            client.flush(60)
            client._tracker._sender._failures = 1  # pyright: ignore[reportPrivateUsage]  a full batch starts nothing
            for number in range(count):
                started = time.perf_counter()
                client.track(f"user-{number % USERS}", "code_run", language="python", code_length=number % 700)
                calls.append(time.perf_counter() - started)
            started = time.perf_counter()
            if client.flush(600):
                raise RuntimeError("The client did not send all events.")
            return count / (time.perf_counter() - started)

    def posted(url: str) -> float:
        nonlocal turn
        turn += 1
        events = [
            LearningEvent(
                user_id=f"user-{number % USERS}",
                event_type="code_run",
                event_id=f"posted-{turn}-{number}",
                metadata={"language": "python", "codeLength": number % 700},
                timestamp=datetime.now(UTC),
            )
            for number in range(count)
        ]
        bodies = [msgspec.json.encode(events[start : start + BATCH]) for start in range(0, count, BATCH)]
        with httpx2.Client(timeout=60, trust_env=False, headers={"Content-Type": "application/json"}) as http:
            http.get(f"{url}/health/live").raise_for_status()
            started = time.perf_counter()
            for body in bodies:
                http.post(f"{url}/api/progress/events", content=body).raise_for_status()
            return count / (time.perf_counter() - started)

    with laurels(bench.folder / "tracking.db") as server:
        url = f"http://127.0.0.1:{server.port}"
        folder = bench.folder / "queue"
        arms = {"floor": lambda: posted(url), "ours": lambda: tracked(url, folder)}
        rates = in_turns(arms, bench.rounds(ROUNDS))
    return [
        Figure(
            "tracking",
            f"events from the queue, {BATCH} in a batch, against a loop that posts the same batches",
            f"{median(rates['ours']):,.0f}/s",
            f"{median(rates['floor']):,.0f}/s",
            Ratio.of(rates["ours"], rates["floor"]),
            ">= 0.80",
        ),
        Figure("tracking", "a call of track, median", f"{1e6 * median(calls):.0f} us", "", None, "< 20 us"),
        *_in_javascript(),
    ]


def _in_javascript() -> list[Figure]:
    """The same of the client for JavaScript, which holds its queue in memory there; nothing where it is not built."""
    node = shutil.which("node")
    if node is None or not (JAVASCRIPT / "dist").exists():
        return []
    done = subprocess.run([node, "benchmarks/track.mjs"], cwd=JAVASCRIPT, capture_output=True, text=True, check=True)
    return [Figure("tracking", "the same in JavaScript", f"{float(done.stdout):.0f} us", "", None, "< 20 us")]
