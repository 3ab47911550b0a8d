"""What it costs an event to be guarded: by a key, its limit and the headers of every answer, against none of that."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from statistics import median

from benchmarks.bench import Bench
from benchmarks.figures import Figure, Ratio, in_turns
from benchmarks.history import Learners
from benchmarks.servers import UNGUARDED, Server, laurels, post_json, serving
from laurels.application.access.keyring import create_key
from laurels.bootstrap import open_store, system_clock

CONNECTIONS = 64
USERS = 1_000
REQUESTS = 20_000
WARM_UP = 2_000
ROUNDS = 7


def run(bench: Bench) -> list[Figure]:
    """Events per second of both in turns, and what an event costs the server's processor."""
    learners = Learners(USERS)
    costs: dict[str, list[float]] = {}
    guarded_by = bench.folder / "guarded.db"
    key = asyncio.run(_key(f"sqlite:///{guarded_by}"))

    def arm(name: str, server: Server, credentials: str | None) -> Callable[[], float]:
        cost = costs[name] = []

        def measure(count: int = bench.size(REQUESTS)) -> float:
            requests = [
                post_json("/api/progress/event", event, credentials=credentials)
                for event in learners.events(count, ids=None)
            ]
            cpu = server.cpu_seconds
            load = bench.send(server.port, requests, connections=CONNECTIONS, expected="201")
            cost.append(1e6 * (server.cpu_seconds - cpu) / load.requests)
            return load.rate

        measure(bench.size(WARM_UP))
        return measure

    store = {"LAURELS_STORE": f"sqlite:///{bench.folder / 'open.db'}"}
    with serving(UNGUARDED, store) as floor, laurels(guarded_by) as ours:
        arms = {"floor": arm("floor", floor, None), "guarded": arm("guarded", ours, key)}
        rates = in_turns(arms, bench.rounds(ROUNDS))
    return [
        Figure(
            "guard",
            f"events with a key and its limit, {CONNECTIONS} connections",
            f"{median(rates['guarded']):,.0f}/s",
            f"{median(rates['floor']):,.0f}/s",
            Ratio.of(rates["guarded"], rates["floor"]),
            ">= 0.87",
        ),
        Figure(
            "guard",
            "the same: processor time of the server",
            f"{median(costs['guarded'][1:]):.0f} us",
            f"{median(costs['floor'][1:]):.0f} us",
            Ratio.of(costs["guarded"][1:], costs["floor"][1:]),
            "<= 1.15",
        ),
    ]


async def _key(url: str) -> str:
    store = await open_store(url)
    try:
        key, _ = await create_key(store.keys, system_clock, name="benchmark", scopes=["events:write"])
    finally:
        await store.close()
    return key
