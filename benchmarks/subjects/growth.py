"""The same platform at several sizes: what becomes slower, and what larger, as history grows.

Learners are many and mixed in the order of time, as they are in the log of every platform: hardly anybody is seen twice
within a minute.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from statistics import median
from time import perf_counter

import msgspec

from benchmarks.bench import Bench, remove_database
from benchmarks.figures import Figure, Point, Ratio, in_turns
from benchmarks.history import HISTORY_DAYS, HISTORY_START, SEED, Learners, write_events
from benchmarks.servers import Server, get, laurels, post_json
from benchmarks.subjects.importing import insert_bare, ledger_of
from benchmarks.subjects.rank import measure

# Events, and the learners whose they are.
SIZES = ((50_000, 15_000), (200_000, 60_000), (1_200_000, 360_000))
WARM = 1_000
SINGLE_EVENTS = 6_000
CONNECTIONS = 64
READS = 300
ROUNDS = 3


def run(bench: Bench) -> list[Figure]:
    """At each size: import against a bare insert of its rows, room on disk, a restart, verify, live events of cold
    learners against warm ones, a dashboard and a rank."""
    figures: list[Figure] = []
    rates: list[float] = []
    for events, learners in SIZES:
        found, rate = _at(bench, bench.size(events), bench.size(learners))
        figures += found
        rates.append(rate)
    first, last = SIZES[-2], SIZES[-1]
    figures.append(
        Figure(
            "growth",
            f"import of {bench.size(last[0]):,} events against {bench.size(first[0]):,}",
            f"{rates[-1]:,.0f}/s",
            f"{rates[-2]:,.0f}/s",
            Ratio.of(rates[-1:], rates[-2:-1]),
            ">= 0.80",
        )
    )
    return figures


def _at(bench: Bench, events: int, learners: int) -> tuple[list[Figure], float]:
    size = f"{events:,} events of {learners:,} learners"
    file, database, bare = (bench.folder / f"growth.{ending}" for ending in ("ndjson", "db", "bare"))
    write_events(file, Learners(learners).events(events, first=HISTORY_START, days=HISTORY_DAYS))
    try:
        spent = bench.laurels("import", str(file), store=database)
        rate = events / spent.seconds
        schema, rows = ledger_of(database)
        bare_rate = events / insert_bare(bare, schema, rows)
        # Not everybody did anything.
        known = sorted({str(row[0]) for row in rows})
        del rows
        disk = sum(path.stat().st_size for path in bench.folder.glob("growth.db*")) / events
        verified = events / bench.laurels("verify", store=database).seconds
        started = perf_counter()
        with laurels(database) as server:
            restart = perf_counter() - started
            found = [
                Figure(
                    "growth",
                    f"import, {size}, in the order of time",
                    f"{rate:,.0f}/s",
                    f"{bare_rate:,.0f}/s",
                    Ratio.of([rate], [bare_rate]),
                    ">= 0.35",
                ),
                Figure("growth", f"room on disk, {size}", f"{disk:,.0f} bytes an event", target="<= 500"),
                Figure("growth", f"laurels verify, {size}", f"{verified:,.0f}/s"),
                Figure("growth", f"restart until ready, {size}", f"{restart:.2f} s", target="< 2 s"),
                live_figure(size, len(known), live_rates(bench, server, known)),
                *read_figures(bench, server, size, known),
            ]
    finally:
        file.unlink()
        remove_database(database)
        remove_database(bare)
    return found, rate


def live_rates(bench: Bench, server: Server, learners: list[str]) -> dict[str, list[float]]:
    """Single events a second, in rounds. `cold`: each of another learner who was not seen since the start; `warm`: of a
    thousand who were."""
    count = bench.size(SINGLE_EVENTS)
    source = Learners(1, seed=SEED + 1)
    everybody = list(learners)
    random.Random(3).shuffle(everybody)
    some = warm_ones(len(everybody))
    warm, cold = everybody[:some], everybody[some:]
    sent = 0

    def send(users: list[str]) -> float:
        nonlocal sent
        sent += 1
        made = source.events(len(users), ids=f"live-{sent}-")
        requests = [
            post_json("/api/progress/event", msgspec.structs.replace(event, user_id=user))
            for event, user in zip(made, users, strict=True)
        ]
        return bench.send(server.port, requests, connections=CONNECTIONS, expected="201").rate

    def of_warm() -> float:
        return send([warm[number % len(warm)] for number in range(count)])

    def of_cold() -> float:
        taken = [cold.pop() for _ in range(min(count, len(cold) // 2))]
        return send(taken)

    of_warm()
    return in_turns({"cold": of_cold, "warm": of_warm}, bench.rounds(ROUNDS))


def warm_ones(learners: int) -> int:
    """How many learners are warm among so many."""
    return min(WARM, learners // 10)


def live_figure(size: str, learners: int, rates: Mapping[str, Sequence[float]]) -> Figure:
    """Cold learners against warm ones."""
    return Figure(
        "growth",
        f"live events of cold learners against {warm_ones(learners):,} warm ones, {size}",
        f"{median(rates['cold']):,.0f}/s",
        f"{median(rates['warm']):,.0f}/s",
        Ratio.of(rates["cold"], rates["warm"]),
        ">= 0.75",
    )


def read_figures(
    bench: Bench, server: Server, size: str, learners: list[str], others: Mapping[str, str] | None = None
) -> list[Figure]:
    """Dashboards and ranks, each for another learner, and `others` by their paths: one request at a time, against
    liveness."""
    draw = random.Random(5)
    asked = {"live": [get("/health/live")] * bench.size(READS)}
    for name in ("dashboard", "rank"):
        users = draw.choices(learners, k=bench.size(READS))
        asked[name] = [get(f"/api/progress/{name}/{user}") for user in users]
    for name, path in (others or {}).items():
        asked[name] = [get(path)] * bench.size(READS)
    times = measure(bench, server, asked, bench.rounds(ROUNDS))
    return [
        Figure(
            "growth",
            f"median latency of a {name}, {size}, against /health/live",
            f"{median(taken):.3f} ms",
            f"{median(times['live']):.3f} ms",
            Ratio.of(taken, times["live"]),
            point=Point("growth-latency", "ms", name, len(learners), median(taken)),
        )
        for name, taken in times.items()
        if name != "live"
    ]
