"""The server's memory under a long load of many learners: that it is bounded, and what bounds it.

The bound is the progress kept in memory, `LAURELS_CACHE_WEIGHT` objects of about 150 bytes, beside what the
server has from the start and the page caches of SQLite, 64 MiB at most for each of four connections.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice

import msgspec

from benchmarks.bench import Bench, remove_database
from benchmarks.figures import Figure, Ratio
from benchmarks.history import Learners
from benchmarks.servers import laurels, post
from laurels import LearningEvent, Settings

EVENTS = 1_000_000
USERS = 100_000
BATCH = 1_000
SAMPLES = 10
DAYS = 365
SMALL_WEIGHT = 100_000


def run(bench: Bench) -> list[Figure]:
    """Resident memory at every tenth of the load, with the default bound and with a tenth of it."""
    default = Settings().cache_weight
    full = _sample(bench, default, SAMPLES)
    # Three tenths are enough to be past the smaller bound.
    small = _sample(bench, SMALL_WEIGHT, 3)
    shown = " ".join(f"{mib:.0f}" for mib in full)
    half = full[SAMPLES // 2]
    return [
        Figure("memory", f"RSS in MiB at start and after every tenth of {bench.size(EVENTS):,} events", shown),
        Figure(
            "memory",
            f"RSS at the end against half way, {bench.size(USERS):,} users",
            f"{full[-1]:.0f} MiB",
            f"{half:.0f} MiB",
            Ratio.of([full[-1]], [half]),
        ),
        Figure(
            "memory",
            f"growth over three tenths, LAURELS_CACHE_WEIGHT {default:,} against {SMALL_WEIGHT:,}",
            f"{full[3] - full[0]:.0f} MiB",
            f"{small[3] - small[0]:.0f} MiB",
            Ratio.of([full[3] - full[0]], [small[3] - small[0]]),
        ),
    ]


def _sample(bench: Bench, weight: int, tenths: int) -> list[float]:
    """Resident memory in MiB at the start and after each of the first `tenths` tenths of the load."""
    database = bench.folder / f"memory-{weight}.db"
    batches = _batches(bench)
    try:
        with laurels(database, cache_weight=str(weight)) as server:
            samples = [server.rss_mib]
            for _ in range(tenths):
                requests = list(islice(batches, bench.size(EVENTS // BATCH) // SAMPLES or 1))
                bench.send(server.port, requests, connections=2, expected="200", seconds=600)
                samples.append(server.rss_mib)
        return samples
    finally:
        remove_database(database)


def _batches(bench: Bench) -> Iterator[bytes]:
    """The load: whole requests of a thousand events each, over the last year."""
    first = datetime.now(UTC) - timedelta(days=DAYS)
    events = Learners(bench.size(USERS)).events(bench.size(EVENTS), first=first, days=DAYS)
    encode = msgspec.json.Encoder().encode_lines
    while batch := list[LearningEvent](islice(events, BATCH)):
        yield post("/api/progress/events", encode(batch), "application/x-ndjson")
