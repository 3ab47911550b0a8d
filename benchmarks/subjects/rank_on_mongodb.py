"""A user's rank on MongoDB, on boards of ten thousand and of a million, against liveness on the same server."""

from __future__ import annotations

import random
from collections import Counter
from statistics import median
from typing import Any

from bson.datetime_ms import DatetimeMS
from pymongo import MongoClient, WriteConcern

from benchmarks.bench import Bench
from benchmarks.figures import Figure, Point, Ratio
from benchmarks.mongod import start_mongod
from benchmarks.servers import get, laurels_on
from benchmarks.subjects.rank import NOON, REQUESTS, ROUNDS, measure, points_of
from laurels.domain.boards.point_ranges import roll_up

SIZES = (10_000, 1_000_000)
TARGET_SIZE = 1_000_000
_CHUNK = 20_000


def run(bench: Bench) -> list[Figure]:
    """One request at a time, on a replica set of one."""
    deployment = start_mongod(bench.folder / "rank-mongodb", members=1)
    found: list[Figure] = []
    ranks: dict[int, list[float]] = {}
    try:
        with MongoClient[dict[str, Any]](deployment.url("admin")) as client:
            for size in map(bench.size, SIZES):
                name = deployment.fresh()
                # Makes the collections, which are then filled.
                with laurels_on(deployment.url(name), spool=str(bench.folder / "spool")):
                    pass
                _fill(client, name, size)
                with laurels_on(deployment.url(name), spool=str(bench.folder / "spool")) as ours:
                    draw = random.Random(5)
                    users = [f"user-{draw.randrange(size):08}" for _ in range(bench.size(REQUESTS))]
                    asked = {
                        "live": [get("/health/live")] * len(users),
                        "rank": [get(f"/api/progress/rank/{user}") for user in users],
                    }
                    times = measure(bench, ours, asked, bench.rounds(ROUNDS))
                ranks[size] = times["rank"]
                found.append(
                    Figure(
                        "rank-mongodb",
                        f"median latency of a rank among {size:,} users, against /health/live",
                        f"{median(times['rank']):.3f} ms",
                        f"{median(times['live']):.3f} ms",
                        Ratio.of(times["rank"], times["live"]),
                        "<= 4.00" if size == TARGET_SIZE else "",
                        Point("ranks", "ms", "rank, MongoDB", size, median(times["rank"])),
                    )
                )
                client.drop_database(name)
    finally:
        deployment.end()
    return found


def _fill(client: MongoClient[dict[str, Any]], name: str, size: int) -> None:
    """A board of `size` users straight in the collections, counted."""
    database = client.get_database(name, write_concern=WriteConcern(1))
    draw = random.Random(4)
    counted: Counter[tuple[str, int]] = Counter()
    for start in range(0, size, _CHUNK):
        lines: list[dict[str, Any]] = []
        for number in range(start, min(start + _CHUNK, size)):
            points = points_of(draw)
            counted["all", points] += 1
            lines.append(
                {
                    "userId": f"user-{number:08}",
                    "board": "all",
                    "points": points,
                    "events": 1,
                    "reachedAt": DatetimeMS(NOON + number),
                    "shown": True,
                    "seq": 1,
                    "counted": points,
                    "batch": 1,
                }
            )
        database["standings"].insert_many(lines, ordered=False)
    counts = [{**each._asdict(), "users": users, "batch": 1} for each, users in roll_up(counted).items()]
    database["counts"].insert_many(counts, ordered=False)
    journal = {"number": 1, "since": 0, "lines": [], "changes": []}
    database["meta"].update_one({"_id": "counts"}, {"$set": journal}, upsert=True)
