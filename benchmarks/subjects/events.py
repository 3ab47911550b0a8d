"""Single events over HTTP with full durability, against an endpoint that validates the same body and echoes it."""

from __future__ import annotations

from collections.abc import Callable
from statistics import median

from benchmarks.bench import Bench, Load
from benchmarks.figures import Figure, Ratio, in_turns
from benchmarks.history import Learners
from benchmarks.servers import FLOOR, Server, laurels, post_json, serving

CONNECTIONS = 64
USERS = 1_000
REQUESTS = 20_000
WARM_UP = 2_000
ROUNDS = 5


def run(bench: Bench) -> list[Figure]:
    """Requests per second of both in turns, latencies, and what a request costs the server's processor.

    With an id each event is looked up before it is recorded; without, one is made here and there is nothing to look up.
    """
    learners = Learners(USERS)
    loads: dict[str, list[Load]] = {}
    costs: dict[str, list[float]] = {}

    def arm(name: str, server: Server, path: str, ids: str | None, expected: str) -> Callable[[], float]:
        taken = loads[name] = []
        cost = costs[name] = []

        def measure(count: int = bench.size(REQUESTS)) -> float:
            prefix = None if ids is None else f"{ids}-{len(taken)}-"
            requests = [post_json(path, event) for event in learners.events(count, ids=prefix)]
            cpu = server.cpu_seconds
            load = bench.send(server.port, requests, connections=CONNECTIONS, expected=expected)
            cost.append(1e6 * (server.cpu_seconds - cpu) / load.requests)
            taken.append(load)
            return load.rate

        # What is only paid once (imports, first statements, the users' first badges) is not what is asked about.
        measure(bench.size(WARM_UP))
        return measure

    with serving(FLOOR) as floor, laurels(bench.folder / "events.db") as ours:
        event = "/api/progress/event"
        rates = in_turns(
            {
                "floor": arm("floor", floor, "/echo", "floor", "201"),
                "with": arm("with", ours, event, "ours", "201"),
                "without": arm("without", ours, event, None, "201"),
            },
            bench.rounds(ROUNDS),
        )
    figures: list[Figure] = []
    for name, what in (("with", "events with eventId"), ("without", "events without eventId")):
        figures.append(
            Figure(
                "events",
                f"{what}, {CONNECTIONS} connections, {USERS:,} users",
                f"{median(rates[name]):,.0f}/s",
                f"{median(rates['floor']):,.0f}/s",
                Ratio.of(rates[name], rates["floor"]),
                ">= 0.30",
            )
        )
        for percentile in ("p50", "p99"):
            ours_ms = [getattr(load, percentile) for load in loads[name][1:]]
            floor_ms = [getattr(load, percentile) for load in loads["floor"][1:]]
            figures.append(
                Figure(
                    "events",
                    f"{what}: latency {percentile}",
                    f"{median(ours_ms):.1f} ms",
                    f"{median(floor_ms):.1f} ms",
                    Ratio.of(ours_ms, floor_ms),
                )
            )
        # Other work on the machine moves rates; this it hardly does.
        figures.append(
            Figure(
                "events",
                f"{what}: processor time of the server",
                f"{median(costs[name][1:]):.0f} us",
                f"{median(costs['floor'][1:]):.0f} us",
                Ratio.of(costs[name][1:], costs["floor"][1:]),
            )
        )
    return figures
