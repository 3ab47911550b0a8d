"""The top of a board as many clients read it, while events arrive, against the same bytes from the framework alone."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from itertools import islice
from statistics import median
from threading import Event, Thread

import msgspec

from benchmarks.bench import Bench
from benchmarks.figures import Figure, Ratio, in_turns
from benchmarks.floor_app import BYTES
from benchmarks.history import Learners
from benchmarks.servers import FLOOR, Server, get, laurels, serving
from laurels import LearningEvent

PATH = "/api/progress/leaderboard?limit=100"
REQUESTS = 8_000
CONNECTIONS = 32
ROUNDS = 5
# Events that arrive meanwhile: so many, in a batch, so many times a second.
BATCH = 100
BATCHES = 5
USERS = 20_000


def run(bench: Bench) -> list[Figure]:
    """Pages per second of the top hundred, as they are and while five hundred events a second are recorded."""
    database = bench.folder / "board.db"
    for suffix in ("", "-wal"):
        imported = bench.imported.with_name(bench.imported.name + suffix)
        if imported.exists():
            shutil.copy(imported, database.with_name(database.name + suffix))
    with laurels(database) as ours:
        return measure(bench, "board", ours, USERS)


def measure(bench: Bench, subject: str, ours: Server, users: int) -> list[Figure]:
    """The same on a server; the events that arrive are of `users` learners."""
    count, rounds = bench.size(REQUESTS), bench.rounds(ROUNDS)
    _, body = ours.get(PATH)
    answer = bench.folder / "board.json"
    answer.write_bytes(body)
    with serving(FLOOR, {BYTES: str(answer)}) as floor:
        floor_rate = _arm(bench, floor, "/bytes", count)
        our_rate = _arm(bench, ours, PATH, count)
        still = in_turns({"floor": floor_rate, "ours": our_rate}, rounds)
        with _arriving(ours, users):
            busy = in_turns({"floor": floor_rate, "ours": our_rate}, rounds)
    rows = len(msgspec.json.decode(body)["leaderboard"])
    return [
        Figure(
            subject,
            f"top {rows}, {CONNECTIONS} connections, {when}",
            f"{median(rates['ours']):,.0f}/s",
            f"{median(rates['floor']):,.0f}/s",
            Ratio.of(rates["ours"], rates["floor"]),
            ">= 0.50",
        )
        for when, rates in (("nothing arrives", still), (f"{BATCH * BATCHES} events/s arrive", busy))
    ]


def _arm(bench: Bench, server: Server, path: str, count: int) -> Callable[[], float]:
    requests = [get(path)] * count

    def rate() -> float:
        return bench.send(server.port, requests, connections=CONNECTIONS, expected="200").rate

    rate()
    return rate


@contextmanager
def _arriving(server: Server, users: int) -> Iterator[None]:
    """Have events recorded as long as the block runs."""
    is_over = Event()
    # More than there will be time for.
    events = Learners(users).events(100_000, ids="arriving-")

    def send() -> None:
        while not is_over.is_set():
            started = time.monotonic()
            _record(server, list(islice(events, BATCH)))
            is_over.wait(max(0.0, 1 / BATCHES - (time.monotonic() - started)))

    sender = Thread(target=send)
    sender.start()
    try:
        yield
    finally:
        is_over.set()
        sender.join()


def _record(server: Server, batch: list[LearningEvent]) -> None:
    connection = HTTPConnection("127.0.0.1", server.port, timeout=60)
    try:
        headers = {"content-type": "application/json"}
        connection.request("POST", "/api/progress/events", msgspec.json.encode(batch), headers)
        answer = connection.getresponse()
        answer.read()
        if answer.status != 200:
            raise RuntimeError(f"The server answered {answer.status} to a batch.")
    finally:
        connection.close()
