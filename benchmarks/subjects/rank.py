"""A user's rank on boards of ten thousand to ten million, and pages of a board of a million."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path
from statistics import median

import apsw
import msgspec

from benchmarks.bench import Bench, remove_database
from benchmarks.figures import Figure, Point, Ratio, in_turns
from benchmarks.servers import Server, get, laurels
from laurels.application.ports.boards import Card
from laurels.domain.progress import Progress
from laurels.storage.sqlite import SQLiteStore
from laurels.storage.sqlite.schema import MIGRATIONS

SIZES = (10_000, 100_000, 1_000_000)
LARGEST = 10_000_000
PAGED = 1_000_000
ROWS = 50
PAGE = 500
REQUESTS = 1_000
ROUNDS = 5
NOON = 1_767_268_800_000


def run(bench: Bench) -> list[Figure]:
    """One request at a time: ranks against liveness on the same server, sizes against each other, pages."""
    found: list[Figure] = []
    rounds = bench.rounds(ROUNDS)
    sizes = [*(bench.size(size) for size in SIZES), *([] if bench.quick else [LARGEST])]
    ranks: dict[int, list[float]] = {}
    for size in sizes:
        database = bench.folder / f"rank-{size}.db"
        asyncio.run(_fill(database, size))
        with laurels(database) as ours:
            draw = random.Random(5)
            users = [f"user-{draw.randrange(size):08}" for _ in range(bench.size(REQUESTS))]
            asked = {
                "live": [get("/health/live")] * len(users),
                "rank": [get(f"/api/progress/rank/{user}") for user in users],
            }
            times = measure(bench, ours, asked, rounds)
            ranks[size] = times["rank"]
            found.append(
                Figure(
                    "rank",
                    f"median latency of a rank among {size:,} users, against /health/live",
                    f"{median(times['rank']):.3f} ms",
                    f"{median(times['live']):.3f} ms",
                    Ratio.of(times["rank"], times["live"]),
                    "<= 2.00" if size == PAGED else "",
                    Point("ranks", "ms", "rank, SQLite", size, median(times["rank"])),
                )
            )
            if size == bench.size(PAGED):
                found += _pages(bench, ours, size, rounds)
        remove_database(database)
    first, last = sizes[0], sizes[-1]
    found.append(
        Figure(
            "rank",
            f"median latency of a rank among {last:,} users, against {first:,}",
            f"{median(ranks[last]):.3f} ms",
            f"{median(ranks[first]):.3f} ms",
            Ratio.of(ranks[last], ranks[first]),
            "<= 1.30",
        )
    )
    return found


def _pages(bench: Bench, ours: Server, size: int, rounds: int) -> list[Figure]:
    path = f"/api/progress/leaderboard?limit={ROWS}"
    cursor = ""
    for _ in range(min(PAGE, size // ROWS) - 1):
        page = msgspec.json.decode(ours.get(f"{path}{cursor}")[1])
        cursor = f"&cursor={page['next']}"
    draw = random.Random(6)
    count = bench.size(REQUESTS) // 5 or 1
    asked = {
        "page 1": [get(path)] * count,
        f"page {PAGE}": [get(f"{path}{cursor}")] * count,
        "around": [get(f"{path}&around=user-{draw.randrange(size):08}") for _ in range(count)],
    }
    times = measure(bench, ours, asked, rounds)
    return [
        Figure(
            "rank",
            f"median latency of {name}, {ROWS} rows of {size:,} users, against page 1",
            f"{median(times[name]):.2f} ms",
            f"{median(times['page 1']):.2f} ms",
            Ratio.of(times[name], times["page 1"]),
            "<= 1.50",
        )
        for name in asked
        if name != "page 1"
    ]


def measure(bench: Bench, ours: Server, asked: dict[str, list[bytes]], rounds: int) -> dict[str, list[float]]:
    """Median latencies in milliseconds, one request at a time, in turns."""

    def arm(requests: list[bytes]) -> float:
        return bench.send(ours.port, requests, connections=1, expected="200").p50

    for requests in asked.values():
        arm(requests)
    return in_turns({name: (lambda requests=requests: arm(requests)) for name, requests in asked.items()}, rounds)


async def _fill(database: Path, size: int) -> None:
    """A board of `size` users straight in the tables: most with few points, some with very many, as boards are."""
    # Made as a database of the time before there were counts, which opening it then fills: no second way to count.
    connection = apsw.Connection(str(database))
    connection.execute("PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF")
    for step in MIGRATIONS[:2]:
        connection.execute(step)
    connection.execute("PRAGMA user_version = 2")
    draw = random.Random(4)
    with connection:
        for start in range(0, size, 10_000):
            lines: list[tuple[object, ...]] = []
            states: list[tuple[object, ...]] = []
            for number in range(start, min(start + 10_000, size)):
                user_id, points = f"user-{number:08}", points_of(draw)
                lines.append(("all", user_id, points, 1, NOON + number, 1))
                card = Card(user_id, points, 1, ["first_run"], NOON)
                state = Progress(user_id=user_id, version="", seq=1, total_points=points)
                states.append((user_id, 1, "", _json(card), _json(state)))
            connection.executemany("INSERT INTO standings VALUES (?, ?, ?, ?, ?, ?)", lines)
            connection.executemany("INSERT INTO progress VALUES (?, ?, ?, ?, ?)", states)
    connection.close()
    await (await SQLiteStore.open(database)).close()


def points_of(draw: random.Random) -> int:
    """The points of somebody: few of most, very many of some."""
    return int(20 * draw.paretovariate(0.8)) % 2_000_000


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()
