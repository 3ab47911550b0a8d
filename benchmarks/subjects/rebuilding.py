"""`laurels rebuild` and `verify` as whole processes, against one pass that only reads and decodes the ledger."""

from __future__ import annotations

from pathlib import Path
from statistics import median
from time import perf_counter

import apsw

from benchmarks.bench import HISTORY_EVENTS, Bench
from benchmarks.figures import Figure, Ratio, in_turns
from laurels.storage.sqlite.packed_bodies import unpack_body

ROUNDS = 3


def run(bench: Bench) -> list[Figure]:
    """Events per second of all three in turns, on the database that `import` fills."""
    database = bench.imported
    events = bench.size(HISTORY_EVENTS)
    rates = in_turns(
        {
            "floor": lambda: events / _read_bare(database, events),
            "rebuild": lambda: events / bench.laurels("rebuild", store=database).seconds,
            "verify": lambda: events / bench.laurels("verify", store=database).seconds,
        },
        bench.rounds(ROUNDS),
    )
    return [
        Figure(
            "rebuild",
            f"laurels {name}, {events:,} events, against reading them",
            f"{median(rates[name]):,.0f}/s",
            f"{median(rates['floor']):,.0f}/s",
            Ratio.of(rates[name], rates["floor"]),
        )
        for name in ("rebuild", "verify")
    ]


def _read_bare(database: Path, events: int) -> float:
    """Seconds to read every entry, user by user, and decode it."""
    connection = apsw.Connection(str(database), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        names = dict(connection.execute("SELECT number, name FROM names"))
        started = perf_counter()
        read = 0
        for (body,) in connection.execute("SELECT body FROM ledger ORDER BY user_id, seq"):
            unpack_body(bytes(body), names)
            read += 1
        seconds = perf_counter() - started
    finally:
        connection.close()
    if read != events:
        raise RuntimeError(f"The ledger holds {read:,} entries, not {events:,}.")
    return seconds
