"""The dashboard of a learner with a million events, against that of a learner with ten."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from statistics import median

from msgspec.structs import replace

from benchmarks.bench import Bench, Load
from benchmarks.figures import Figure, Ratio, in_turns
from benchmarks.floor_app import ANSWER
from benchmarks.history import Learners
from benchmarks.servers import FLOOR, Server, get, laurels, serving
from laurels import LearningEvent
from laurels.application.recording.commands import RecordedEntry
from laurels.application.service import Service
from laurels.bootstrap import open_service

EVENTS = 1_000_000
DAYS = 1_095
FEW = 10
BATCH = 2_000
# Seldom: the boards of one learner need not follow a load that nobody watches.
PROJECTION_INTERVAL = 5.0

ALONE = 400
TOGETHER = 4_000
CONNECTIONS = 32
ROUNDS = 5


def run(bench: Bench) -> list[Figure]:
    """Latency of one request at a time, then dashboards per second of many clients against the framework alone."""
    database = bench.folder / "dashboard.db"
    events = bench.size(EVENTS)
    asyncio.run(_fill(database, events))
    rounds = bench.rounds(ROUNDS)
    with laurels(database) as ours:
        _, body = ours.get("/api/progress/dashboard/many")
        answer = bench.folder / "answer.json"
        answer.write_bytes(body)
        many, few = "/api/progress/dashboard/many", "/api/progress/dashboard/few"
        with serving(FLOOR, {ANSWER: str(answer)}) as floor:
            count = bench.size(ALONE)
            latencies = in_turns(
                {
                    "few": _arm(bench, ours, few, count, 1, lambda load: load.p50),
                    "many": _arm(bench, ours, many, count, 1, lambda load: load.p50),
                },
                rounds,
            )
            count = bench.size(TOGETHER)
            rates = in_turns(
                {
                    "floor": _arm(bench, floor, "/dashboard", count, CONNECTIONS, lambda load: load.rate),
                    "many": _arm(bench, ours, many, count, CONNECTIONS, lambda load: load.rate),
                },
                rounds,
            )
    return [
        Figure(
            "dashboard",
            f"median latency, {events:,} events over {DAYS:,} days against {FEW}",
            f"{median(latencies['many']):.2f} ms",
            f"{median(latencies['few']):.2f} ms",
            Ratio.of(latencies["many"], latencies["few"]),
            "<= 1.20",
        ),
        Figure(
            "dashboard",
            f"dashboards of the larger one, {CONNECTIONS} connections, against the framework alone",
            f"{median(rates['many']):,.0f}/s",
            f"{median(rates['floor']):,.0f}/s",
            Ratio.of(rates["many"], rates["floor"]),
        ),
    ]


def _arm(
    bench: Bench, server: Server, path: str, count: int, connections: int, figure: Callable[[Load], float]
) -> Callable[[], float]:
    requests = [get(path)] * count

    def measure() -> float:
        return figure(bench.send(server.port, requests, connections=connections, expected="200"))

    measure()
    return measure


async def _fill(database: Path, count: int) -> None:
    """Record `count` events of the learner `many`, up to today, and a few of the learner `few`."""
    midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    made = Learners(1).events(count, first=midnight - timedelta(days=DAYS), days=DAYS)
    async with open_service(f"sqlite:///{database}", projection_interval=PROJECTION_INTERVAL) as service:
        await _record(service, (replace(event, user_id="many") for event in made))
        few = Learners(1).events(FEW, first=midnight - timedelta(days=FEW), days=FEW)
        await _record(service, (replace(event, user_id="few") for event in few))


async def _record(service: Service, events: Iterator[LearningEvent]) -> None:
    while batch := list(islice(events, BATCH)):
        results = await service.record_many(batch, earliest=0)
        if not all(isinstance(result, RecordedEntry) for result in results):
            raise RuntimeError("An event of the setup was not recorded.")
