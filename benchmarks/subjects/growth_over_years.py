"""Ten years of a platform at three sizes, of which the largest has ten million events of a million learners.

Learners join evenly over the years, so the oldest have ten years of days. A few do far more than most, and all are
mixed in the order of time. It takes an hour, and 10 GB on disk.
"""

from __future__ import annotations

import random
from bisect import bisect
from collections.abc import Iterator
from datetime import timedelta
from itertools import accumulate
from pathlib import Path
from statistics import median
from time import perf_counter

import apsw
import msgspec

from benchmarks.bench import Bench, remove_database
from benchmarks.figures import Figure, Point
from benchmarks.history import HISTORY_START, SEED, Learners, write_events
from benchmarks.servers import laurels
from benchmarks.subjects.growth import live_figure, live_rates, read_figures
from laurels import LearningEvent

# Events, and the learners whose they are.
SIZES = ((100_000, 10_000), (1_000_000, 100_000), (10_000_000, 1_000_000))
YEARS = timedelta(days=3_652)
BOARD = "/api/progress/leaderboard?limit=100"
_PORTION = 100_000


def run(bench: Bench) -> list[Figure]:
    """At each size: rates of an import, `verify`, `rebuild` and live events; latencies of reads; room on disk, memory
    of the server, and a restart."""
    return [figure for size in SIZES for figure in _at(bench, *map(bench.size, size))]


def _at(bench: Bench, events: int, learners: int) -> list[Figure]:
    size = f"{events:,} events of {learners:,} learners over ten years"
    file, database = (bench.folder / f"growth.{ending}" for ending in ("ndjson", "db"))

    def point(chart: str, unit: str, series: str, value: float) -> Point:
        return Point(chart, unit, series, events, value, "events")

    def rate(name: str, value: float) -> Figure:
        return Figure(
            "growth-large", f"{name}, {size}", f"{value:,.0f}/s", point=point("growth-rates", "events/s", name, value)
        )

    try:
        write_events(file, _events(events, learners))
        figures = [rate("import", events / bench.laurels("import", str(file), store=database).seconds)]
        file.unlink()
        disk = sum(path.stat().st_size for path in bench.folder.glob("growth.db*")) / events
        figures += [rate(name, events / bench.laurels(name, store=database).seconds) for name in ("verify", "rebuild")]
        known = _users_of(database)
        started = perf_counter()
        with laurels(database) as server:
            restart = perf_counter() - started
            reads = read_figures(bench, server, size, known, {"board": BOARD})
            rates = live_rates(bench, server, known)
            memory = server.rss_mib
    finally:
        file.unlink(missing_ok=True)
        remove_database(database)
    return [
        *figures,
        *(rate(f"live events, {who}", median(found)) for who, found in rates.items()),
        msgspec.structs.replace(live_figure(size, len(known), rates), subject="growth-large"),
        *(_by_events(figure, events) for figure in reads),
        *(
            Figure("growth-large", f"{what}, {size}", shown, point=point(chart, unit, what, value))
            for what, shown, chart, unit, value in (
                ("room on disk", f"{disk:,.0f} bytes an event", "growth-disk", "bytes an event", disk),
                ("memory of the server after reads and events", f"{memory:,.0f} MiB", "growth-memory", "MiB", memory),
                ("restart until ready", f"{restart:.2f} s", "growth-restart", "s", restart),
            )
        ),
    ]


def _by_events(figure: Figure, events: int) -> Figure:
    assert figure.point is not None
    point = msgspec.structs.replace(figure.point, size=events, sized_by="events")
    return msgspec.structs.replace(figure, subject="growth-large", point=point)


def _events(count: int, learners: int) -> Iterator[LearningEvent]:
    """`count` events in the order of time. Who does one is drawn among those who have joined, by how active each is."""
    draw = random.Random(SEED)
    active = [(1 + rank) ** -0.7 for rank in range(learners)]
    draw.shuffle(active)
    # Up to each learner, in the order in which they join.
    sums = list(accumulate(active))
    source = Learners(learners)
    names = source.users
    for start in range(0, count, _PORTION):
        size = min(_PORTION, count - start)
        for at, event in enumerate(source.events(size, ids=f"e{start}-"), start):
            joined = 1 + at * learners // count
            name = names[bisect(sums, draw.random() * sums[joined - 1])]
            yield msgspec.structs.replace(event, user_id=name, timestamp=HISTORY_START - YEARS + at / count * YEARS)


def _users_of(database: Path) -> list[str]:
    connection = apsw.Connection(str(database), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        return [str(user_id) for (user_id,) in connection.execute("SELECT DISTINCT user_id FROM ledger")]
    finally:
        connection.close()
