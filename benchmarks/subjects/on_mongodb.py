"""Laurels on a replica set of three, all on this machine, against a bare `insert_many` of the very documents it writes,
and against the bytes of a board from the framework alone.

Both wait for a majority of journals. The floor writes into a collection with the ledger's indexes, a thousand documents
at a time, in turns with ours. Three servers, Laurels and the load share the cores of one machine: what is compared is
work, not what a cluster could carry.
"""

from __future__ import annotations

from collections.abc import Callable
from statistics import median
from time import perf_counter
from typing import Any

import msgspec
from pymongo import MongoClient, WriteConcern
from pymongo.collection import Collection
from pymongo.database import Database

from benchmarks.bench import Bench, Load
from benchmarks.figures import Figure, Ratio, in_turns
from benchmarks.history import Learners, write_history
from benchmarks.mongod import start_mongod
from benchmarks.servers import Server, get, laurels_on, post, post_json
from benchmarks.subjects import board, lag
from tests.mongod import Deployment

SINGLE = 10_000
BATCHED = 60_000
BATCH = 1_000
IMPORTED = 60_000
IMPORTED_USERS = 4_000
USERS = 1_000
CONNECTIONS = 128
SENDERS = 4
READERS = 32
READS = 3_000
ROUNDS = 3

Documents = list[dict[str, Any]]


def run(bench: Bench) -> list[Figure]:
    """Events per second one by one, in batches and imported, each in turns with the floor; then reads."""
    deployment = start_mongod(bench.folder / "mongodb", members=3)
    try:
        with MongoClient[dict[str, Any]](deployment.url("admin")) as client:
            return _measure(bench, deployment, client)
    finally:
        deployment.end()


def _measure(bench: Bench, deployment: Deployment, client: MongoClient[dict[str, Any]]) -> list[Figure]:
    served = deployment.fresh()
    learners = Learners(USERS)
    figures: list[Figure] = []
    with laurels_on(deployment.url(served), spool=str(bench.folder / "spool")) as server:
        singles = _singles(bench, server, learners)
        batches = _batches(bench, server, learners)
        singles()
        batches()
        # What Laurels wrote itself: mostly one event to a document, then several.
        documents = list(client[served]["ledger"].find({}, {"_id": 0}, limit=bench.size(SINGLE)))
        floor = _floor(client, deployment, client[served]["ledger"], documents)
        imports = _imports(bench, deployment)
        imports()
        rates = in_turns(
            {"floor": floor, "single": lambda: singles().rate, "batch": batches, "import": imports},
            bench.rounds(ROUNDS),
        )
        for name, what, target in (
            ("single", f"single events over HTTP, {CONNECTIONS} connections", ">= 0.20"),
            ("batch", f"NDJSON batches of {BATCH:,}, {SENDERS} connections", ">= 0.45"),
            ("import", "laurels import", ">= 0.50"),
        ):
            figures.append(
                Figure(
                    "mongodb",
                    what,
                    f"{median(rates[name]):,.0f}/s",
                    f"{median(rates['floor']):,.0f}/s",
                    Ratio.of(rates[name], rates["floor"]),
                    target,
                )
            )
        figures += _reads(bench, server)
        figures += board.measure(bench, "mongodb", server, USERS)
        figures += lag.measure(bench, "mongodb", server)
        figures += _sizes(client[served])
    return figures


def _sizes(database: Database[dict[str, Any]]) -> list[Figure]:
    """Bytes on the disk of one member, of events sent one by one and in batches together."""
    [events] = database["ledger"].aggregate([{"$group": {"_id": None, "count": {"$sum": {"$size": "$entries"}}}}])
    figures: list[Figure] = []
    for name in ("ledger", "users", "standings"):
        # A checkpoint, after which all is in the files.
        database.client.admin.command("fsync")
        kept = database.command("collStats", name)
        per_event = [kept[size] / events["count"] for size in ("storageSize", "totalIndexSize")]
        text = f"{per_event[0]:,.0f} bytes and {per_event[1]:,.0f} of indexes"
        figures.append(Figure("mongodb", f"disk space of {name}, per event, {events['count']:,} events", text))
    return figures


def _singles(bench: Bench, server: Server, learners: Learners) -> Callable[[], Load]:
    numbers = iter(range(1_000))

    def measure() -> Load:
        events = learners.events(bench.size(SINGLE), ids=f"single-{next(numbers)}-")
        requests = [post_json("/api/progress/event", event) for event in events]
        return bench.send(server.port, requests, connections=CONNECTIONS, expected="201")

    return measure


def _batches(bench: Bench, server: Server, learners: Learners) -> Callable[[], float]:
    numbers = iter(range(1_000))
    encode = msgspec.json.Encoder().encode_lines

    def measure() -> float:
        events = list(learners.events(bench.size(BATCHED), ids=f"batch-{next(numbers)}-"))
        requests = [
            post("/api/progress/events", encode(events[start : start + BATCH]), "application/x-ndjson")
            for start in range(0, len(events), BATCH)
        ]
        load = bench.send(server.port, requests, connections=SENDERS, expected="200")
        return len(events) / load.seconds

    return measure


def _imports(bench: Bench, deployment: Deployment) -> Callable[[], float]:
    file, events = bench.folder / "mongodb.ndjson", bench.size(IMPORTED)
    write_history(file, events, bench.size(IMPORTED_USERS))

    def measure() -> float:
        return events / bench.laurels("import", str(file), store=deployment.url(deployment.fresh())).seconds

    return measure


def _floor(
    client: MongoClient[dict[str, Any]],
    deployment: Deployment,
    ledger: Collection[dict[str, Any]],
    documents: Documents,
) -> Callable[[], float]:
    # As the server keeps them: with the indexes that make an event count once.
    indexes = [
        {name: value for name, value in index.items() if name not in ("v", "ns")}
        for index in ledger.list_indexes()
        if index["name"] != "_id_"
    ]

    def measure() -> float:
        database = client[deployment.fresh()]
        database.command("createIndexes", "bare", indexes=[dict(index, key=dict(index["key"])) for index in indexes])
        bare = database.get_collection("bare", write_concern=WriteConcern("majority", j=True))
        started = perf_counter()
        for start in range(0, len(documents), BATCH):
            # Copies: the driver writes an _id into what it is given.
            bare.insert_many([dict(document) for document in documents[start : start + BATCH]], ordered=False)
        return len(documents) / (perf_counter() - started)

    return measure


def _reads(bench: Bench, server: Server) -> list[Figure]:
    figures: list[Figure] = []
    for what, paths in (
        ("dashboards", [f"/api/progress/dashboard/learner-{number:06d}" for number in range(USERS)]),
        ("top 100 of the all-time board", ["/api/progress/leaderboard?limit=100"]),
    ):
        requests = [get(paths[number % len(paths)]) for number in range(bench.size(READS))]
        bench.send(server.port, requests[: max(1, len(requests) // 10)], connections=READERS, expected="200")
        load = bench.send(server.port, requests, connections=READERS, expected="200")
        figures.append(
            Figure(
                "mongodb",
                f"{what}, {READERS} connections",
                f"{load.rate:,.0f}/s, p50 {load.p50:.1f} ms, p99 {load.p99:.1f} ms",
            )
        )
    return figures
