"""A learner's page: its weight, the server's time for it against the same as JSON, when it is seen; and documents."""

from __future__ import annotations

import asyncio
import gzip
import re
import shutil
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from statistics import median

from msgspec.structs import replace

from benchmarks.bench import Bench
from benchmarks.figures import Figure, Ratio, in_turns
from benchmarks.history import Learners
from benchmarks.servers import Server, get, laurels, post_json
from laurels import LearningEvent
from laurels.application.service import Service
from laurels.bootstrap import open_service

# Pages are kept for half a minute: each measurement is of learners who were not looked at before.
TOGETHER = 40
ROUNDS = 5
LEARNERS = 4 * TOGETHER * (ROUNDS + 1)
EVENTS = 60 * LEARNERS
OLD = "ten-years"
OLD_EVENTS = 30_000
OLD_DAYS = 3_650
LOOKS = 15
EVENTS_BESIDE = 6_000
DOCUMENTS = 50
BATCH = 2_000
_LINKED = re.compile(rb'(?:href|src)="(/static/[^"]+)"')


def run(bench: Bench) -> list[Figure]:
    """Weights in KB of 1,000 bytes, compressed; times of one request at a time, in milliseconds."""
    database = bench.folder / "pages.db"
    asyncio.run(_fill(database, bench))
    rounds = bench.rounds(ROUNDS)
    with laurels(database, address_rate="0") as server:
        young, old = _weight(server, "/u/learner-000000"), _weight(server, f"/u/{OLD}")
        taken = in_turns(_arms(bench, server), rounds)
        seen = _first_paints(server, bench.size(LOOKS * 2))
        document = [_document_ms(server, "learner-000001") for _ in range(bench.size(LOOKS * 2))]
        beside = in_turns(_beside(bench, server), rounds)
    found = [
        Figure("pages", "a learner's page with all that it loads", f"{young / 1_000:.1f} KB", "", None, "<= 60 KB"),
        Figure(
            "pages",
            f"the same after ten years, {bench.size(OLD_EVENTS):,} events",
            f"{old / 1_000:.1f} KB",
            f"{young / 1_000:.1f} KB",
            Ratio.of([old], [young]),
        ),
        Figure(
            "pages",
            "the page, not seen before, against the dashboard as JSON",
            f"{median(taken['page']):.1f} ms",
            f"{median(taken['json']):.1f} ms",
            Ratio.of(taken["page"], taken["json"]),
            "<= 3",
        ),
        Figure(
            "pages",
            "the same within half a minute",
            f"{median(taken['page again']):.1f} ms",
            f"{median(taken['json again']):.1f} ms",
            Ratio.of(taken["page again"], taken["json again"]),
            "<= 3",
        ),
        Figure("pages", "the report as PDF", f"{median(document):.0f} ms", "", None, "< 150 ms"),
        Figure(
            "pages",
            f"p99 of events while {DOCUMENTS} documents are asked for at once",
            f"{median(beside['busy']):.1f} ms",
            f"{median(beside['still']):.1f} ms",
            Ratio.of(beside["busy"], beside["still"]),
            "<= 2",
        ),
    ]
    if seen:
        shown = f"{median(seen):.0f} ms"
        found.insert(4, Figure("pages", "first contentful paint in Chromium, on loopback", shown, "", None, "< 300 ms"))
    return found


async def _fill(database: Path, bench: Bench) -> None:
    """A year of many learners, and ten years of one."""
    midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    async with open_service(f"sqlite:///{database}", projection_interval=5.0) as service:
        some = Learners(LEARNERS).events(bench.size(EVENTS), first=midnight - timedelta(days=365), days=365)
        await _record(service, some)
        # Each has something, however small the run.
        await _record(
            service, (LearningEvent(user_id=f"learner-{n:06d}", event_type="code_run") for n in range(LEARNERS))
        )
        old = Learners(1).events(bench.size(OLD_EVENTS), first=midnight - timedelta(days=OLD_DAYS), days=OLD_DAYS)
        await _record(service, (replace(event, user_id=OLD) for event in old))


async def _record(service: Service, events: Iterator[LearningEvent]) -> None:
    while batch := list(islice(events, BATCH)):
        await service.record_many(batch, earliest=0)


def _arms(bench: Bench, server: Server) -> dict[str, Callable[[], float]]:
    strangers = iter(range(LEARNERS))

    def p50(path: str, *, times: int = 1) -> Callable[[], float]:
        def measure() -> float:
            requests = [get(f"{path}learner-{number:06d}") for number in islice(strangers, TOGETHER)]
            return [bench.send(server.port, requests, connections=1, expected="200").p50 for _ in range(times)][-1]

        return measure

    json = "/api/progress/dashboard/"
    return {"page": p50("/u/"), "json": p50(json), "page again": p50("/u/", times=2), "json again": p50(json, times=2)}


def _beside(bench: Bench, server: Server) -> dict[str, Callable[[], float]]:
    def p99() -> float:
        count = bench.size(EVENTS_BESIDE)
        made = ({"userId": f"learner-{n % LEARNERS:06d}", "eventType": "visualize"} for n in range(count))
        requests = [post_json("/api/progress/event", event) for event in made]
        return bench.send(server.port, requests, connections=16, expected="201").p99

    def busy() -> float:
        with _documents(server):
            return p99()

    return {"still": p99, "busy": busy}


@contextmanager
def _documents(server: Server) -> Generator[None]:
    """Ask for documents of as many learners at once; those beyond the server's bound are refused."""
    with ThreadPoolExecutor(DOCUMENTS) as pool:
        asked = [pool.submit(_document_ms, server, f"learner-{number:06d}", 429, 503) for number in range(DOCUMENTS)]
        yield
        for each in asked:
            each.result()


def _document_ms(server: Server, user: str, *also: int) -> float:
    started = datetime.now(UTC)
    status, _ = server.get(f"/api/progress/export/{user}?format=pdf")
    if status not in (200, *also):
        raise RuntimeError(f"The server answered {status} to a request for a document.")
    return (datetime.now(UTC) - started).total_seconds() * 1_000


def _weight(server: Server, path: str) -> int:
    """Bytes of a page and of what it links to, each compressed, as a browser or the proxy before it has them sent."""
    _, page = server.get(path)
    linked = sorted({found.decode() for found in _LINKED.findall(page)})
    return sum(len(gzip.compress(body)) for body in (page, *(server.get(each)[1] for each in linked)))


def _first_paints(server: Server, times: int) -> list[float]:
    """When a browser shows the first of the page, in milliseconds after it asked; nothing where there is no browser."""
    chromium = shutil.which("chromium")
    if chromium is None:
        return []
    from playwright.sync_api import sync_playwright  # noqa: PLC0415  only where there is a browser

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        # The pages' policy forbids what waits for the paint.
        page = browser.new_page(bypass_csp=True)
        seen: list[float] = []
        for number in range(times):
            page.goto(f"http://127.0.0.1:{server.port}/u/learner-{number:06d}")
            paints = "performance.getEntriesByName('first-contentful-paint').map((each) => each.startTime)"
            page.wait_for_function(f"{paints}.length")
            seen.append(page.evaluate(f"{paints}[0]"))
        browser.close()
        return seen
