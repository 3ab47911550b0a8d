"""The metrics of a running service for Prometheus, read on demand and served on a port of their own.

Only this machine reaches that port: a scraper needs no key, and callers of the service see no metrics.
"""

from __future__ import annotations

import asyncio
import errno
import logging
from collections.abc import AsyncGenerator, Iterable
from contextlib import asynccontextmanager
from importlib.metadata import version
from itertools import accumulate

from prometheus_client import CollectorRegistry, ProcessCollector, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from laurels.application.access.rate_limiter import RateLimiter
from laurels.application.recording.stats import Histogram
from laurels.application.service import Service
from laurels.errors import StoreError
from laurels.http.observability.observing import RequestObserver
from laurels.http.server.capacity import Capacity
from laurels.http.wire.streams import Streams

logger = logging.getLogger(__name__)

HOST = "127.0.0.1"
# The maximum number of workers that `serve` starts.
PORTS = 64
# Seconds that a scrape waits for a busy event loop.
_PATIENCE = 10.0


class Metrics(Collector):
    """The metrics of one process."""

    def __init__(
        self, service: Service, capacity: Capacity, limiter: RateLimiter, streams: Streams, observer: RequestObserver
    ) -> None:
        self._service = service
        self._capacity = capacity
        self._limiter = limiter
        self._streams = streams
        self._observer = observer
        self._loop = asyncio.get_running_loop()

    def collect(self) -> Iterable[Metric]:
        """All metrics as they are now, read in the event loop; called in another thread."""
        return asyncio.run_coroutine_threadsafe(self._read(), self._loop).result(_PATIENCE)

    async def _read(self) -> list[Metric]:
        here = (*self._requests(), *self._events(), *self._commits(), *self._behind(), *self._webhooks())
        return [*here, *await self._spool()]

    def _requests(self) -> Iterable[Metric]:
        labels = ("route", "method", "status")
        requests = CounterMetricFamily("laurels_http_requests", "Requests that were answered.", labels=labels)
        seconds = HistogramMetricFamily(
            "laurels_http_request_seconds", "How long they took; a live stream until it began.", labels=labels
        )
        for seen, histogram in self._observer.requests.items():
            requests.add_metric(seen, sum(histogram.counts))
            _add(seconds, histogram, seen)
        yield requests
        yield seconds
        yield _gauge("laurels_http_requests_under_way", "Requests that are worked on.", self._capacity.under_way)
        yield _counter("laurels_http_shed", "Requests refused because too many were under way.", self._capacity.shed)
        yield _counter("laurels_http_rate_limited", "Requests over a rate limit.", self._limiter.refused)
        yield _gauge("laurels_streams_open", "Live streams that are open.", self._streams.open)
        yield _counter("laurels_streams_refused", "Live streams that were refused.", self._streams.refused)

    def _events(self) -> Iterable[Metric]:
        stats = self._service.recorder.stats
        events = CounterMetricFamily("laurels_events", "Events by what became of them.", labels=("outcome",))
        events.add_metric(("recorded",), stats.recorded)
        events.add_metric(("replayed",), stats.replayed)
        events.add_metric(("conflict",), stats.conflicts)
        events.add_metric(("invalid",), stats.invalid)
        events.add_metric(("queued",), stats.queued)
        events.add_metric(("fault",), stats.faults)
        yield events

    def _commits(self) -> Iterable[Metric]:
        recorder, fallback = self._service.recorder, self._service.fallback
        stats = recorder.stats
        yield _gauge(
            "laurels_commit_queue", "Events and changes that wait for the next commit.", recorder.committer.queue_length
        )
        yield _histogram("laurels_commit_size", "Events and changes in a commit.", stats.commit_size)
        yield _histogram("laurels_commit_seconds", "How long a commit took.", stats.commit_seconds)
        yield _counter("laurels_commits_failed", "Commits that failed as a whole.", stats.commits_failed)
        is_available = not stats.is_store_away if fallback is None else fallback.availability.is_available
        yield _gauge("laurels_store_available", "1 while the store can be used, else 0.", int(is_available))

    def _behind(self) -> Iterable[Metric]:
        projector, cache = self._service.projector, self._service.recorder.cache
        yield _gauge("laurels_projector_users_waiting", "Users whose boards lack what they did.", len(cache.pending))
        yield _gauge("laurels_projector_behind_seconds", "How long the first has waited.", projector.behind_seconds)
        yield _histogram(
            "laurels_projector_flush_seconds",
            "How long it took to write some who waited.",
            projector.flush_seconds,
        )
        yield _gauge("laurels_cache_weight", "Progress in memory, in objects of about 150 bytes.", cache.weight)
        yield _gauge("laurels_cache_users", "Users whose progress is in memory.", len(cache))
        faults = CounterMetricFamily("laurels_task_faults", "Faults of tasks in the background.", labels=("task",))
        dead = GaugeMetricFamily("laurels_task_dead", "1 for a task that has ended.", labels=("task",))
        for task in self._service.tasks:
            faults.add_metric((task.name,), task.faults)
            dead.add_metric((task.name,), int(task.is_dead))
        yield faults
        yield dead
        build = GaugeMetricFamily("laurels_build_info", "1, with the version that runs.", labels=("version",))
        build.add_metric((version("laurels"),), 1)
        yield build

    def _webhooks(self) -> Iterable[Metric]:
        dispatcher = self._service.dispatcher
        if dispatcher is None:
            return
        counts = dispatcher.counts
        attempts = CounterMetricFamily(
            "laurels_webhook_attempts", "Attempts to deliver a message to a webhook.", labels=("outcome",)
        )
        attempts.add_metric(("delivered",), counts.delivered)
        attempts.add_metric(("failed",), counts.failed)
        yield attempts
        yield _counter("laurels_webhook_given_up", "Messages that failed too often and are dead.", counts.given_up)
        known, away = dispatcher.endpoints
        yield _gauge("laurels_webhook_endpoints", "Webhooks that there are.", known)
        yield _gauge("laurels_webhook_endpoints_away", "Of those served by this process, how many fail now.", away)

    async def _spool(self) -> Iterable[Metric]:
        if self._service.fallback is None:
            return ()
        try:
            stats = await self._service.fallback.spool.stats()
        except StoreError:
            # The disk fails: better the rest than nothing.
            return ()
        oldest = 0 if stats.oldest_at is None else max(0, self._service.clock() - stats.oldest_at) / 1000
        return (
            _gauge("laurels_spool_waiting", "Events on this disk that wait for the database.", stats.waiting),
            _gauge("laurels_spool_oldest_seconds", "How long the first of them has waited.", oldest),
            _gauge("laurels_spool_set_aside", "Events that the ledger did not take.", stats.set_aside),
            _gauge("laurels_spool_bytes", "What all of them take.", stats.bytes),
            _gauge("laurels_spool_limit_bytes", "What they may take.", stats.limit),
            _counter("laurels_spool_queued", "Events that were queued here.", stats.queued),
            _counter("laurels_spool_drained", "Events of them that are recorded.", stats.drained),
        )


def _gauge(name: str, meaning: str, value: float) -> Metric:
    return GaugeMetricFamily(name, meaning, value=value)


def _counter(name: str, meaning: str, value: float) -> Metric:
    return CounterMetricFamily(name, meaning, value=value)


def _histogram(name: str, meaning: str, histogram: Histogram) -> Metric:
    family = HistogramMetricFamily(name, meaning)
    _add(family, histogram, ())
    return family


def _add(family: HistogramMetricFamily, histogram: Histogram, labels: Iterable[str]) -> None:
    bounds = [*(f"{bound:g}" for bound in histogram.bounds), "+Inf"]
    counts = accumulate(histogram.counts)
    family.add_metric(list(labels), list(zip(bounds, counts, strict=True)), histogram.total)


@asynccontextmanager
async def serve_metrics(port: int | None, metrics: Metrics) -> AsyncGenerator[None]:
    """Answer `GET /metrics` on `port`, or on the next free one if another worker has it, while the block runs; None:
    nowhere."""
    if port is None:
        yield
        return
    registry = CollectorRegistry(auto_describe=False)
    registry.register(metrics)
    ProcessCollector(registry=registry)
    started = None
    for taken in range(port, min(port + PORTS, 65_536)):
        try:
            started = start_http_server(taken, HOST, registry)
            break
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
    if started is None:
        logger.error("no port is free for metrics from %d on", port)
        yield
        return
    server, thread = started
    logger.info("metrics at http://%s:%d/metrics", HOST, server.server_port)
    try:
        yield
    finally:
        await asyncio.to_thread(server.shutdown)
        server.server_close()
        await asyncio.to_thread(thread.join)
