"""Sees every request: its id, a line in the log, and how many took how long.

Around the edge and on the raw ASGI messages, so that the direct routes are seen, too. Of a request nothing is kept but
what is the same for many: the template of its address, never the address itself, which holds user ids.
"""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from itertools import count
from time import perf_counter_ns
from typing import Any, Protocol

import structlog
from litestar.types import HTTPScope, Message, Receive, Send
from msgspec import Struct

from laurels.application.recording.stats import SECONDS, Histogram
from laurels.application.service import Service
from laurels.http.wire.bodies import header

logger = structlog.get_logger("laurels.access")

UNMATCHED = "unmatched"
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"})
_IS_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII).fullmatch
_CLASSES = ("none", "1xx", "2xx", "3xx", "4xx", "5xx")

Inner = Callable[[HTTPScope, Receive, Send], Awaitable[None]]
Edge = Callable[[HTTPScope, Receive, Send, Inner], Awaitable[None]]
Seen = tuple[str, str, str]
"""Template, method and class of the status (`none`: the client went away before there was one)."""


class Traces(Protocol):
    """Takes what was seen for a collector of spans."""

    def request(self, scope: HTTPScope, template: str, status: int, nanoseconds: int) -> None:
        """Note a request that has just ended."""
        ...


class Templates(Protocol):
    """Names the address of a request that passes the framework by."""

    def handler(self, scope: HTTPScope) -> tuple[str, Any] | None: ...


class ObservabilityConfig(Struct, frozen=True):
    """`access_log`: off, errors or all. `metrics_port`: on the loopback interface; None for none. `otlp_endpoint`: the
    collector that spans are sent to."""

    access_log: str = "off"
    log_addresses: bool = False
    metrics_port: int | None = None
    otlp_endpoint: str | None = None

    @asynccontextmanager
    async def tracing(self, observer: Observer, service: Service) -> AsyncGenerator[None]:
        """Send spans to the collector while the block runs, where there is one."""
        if self.otlp_endpoint is None:
            yield
            return
        from laurels.http.observability.telemetry import Telemetry  # noqa: PLC0415  nothing of it is loaded without a collector

        telemetry = Telemetry(self.otlp_endpoint)
        observer.traces = telemetry
        service.recorder.stats.on_committed.subscribe(telemetry.commit)
        try:
            yield
        finally:
            observer.traces = None
            service.recorder.stats.on_committed.unsubscribe(telemetry.commit)
            await telemetry.close()


class Observer:
    """Surrounds the edge of an application. `requests` counts what was answered, with the seconds that it took: until
    all was sent, for a live stream until it began."""

    direct: Templates

    def __init__(self, observing: ObservabilityConfig) -> None:
        self._errors_only = observing.access_log == "errors"
        self._is_silent = observing.access_log == "off"
        self._names_addresses = observing.log_addresses
        self._own_ids = count(1)
        self._process = secrets.token_hex(6)
        self.requests: dict[Seen, Histogram] = {}
        self.traces: Traces | None = None

    async def __call__(self, scope: HTTPScope, receive: Receive, send: Send, edge: Edge, inner: Inner) -> None:
        """Let `edge` answer a request."""
        started = perf_counter_ns()
        answered = status = 0
        request_id = header(scope, b"x-request-id", "")
        if not _IS_REQUEST_ID(request_id):
            request_id = f"{self._process}-{next(self._own_ids):x}"
        # Each request has a task, and with it a context, of its own.
        structlog.contextvars.bind_contextvars(request_id=request_id)

        async def answer(message: Message) -> None:
            nonlocal answered, status
            if message["type"] == "http.response.start":
                answered, status = perf_counter_ns(), message["status"]
                message["headers"] = [*message.get("headers", ()), (b"x-request-id", request_id.encode())]
            await send(message)

        try:
            await edge(scope, receive, answer, inner)
        except Exception:
            # What reaches this place the server answers, where nothing was answered yet.
            status = status or 500
            raise
        finally:
            self._note(scope, status, started, answered)

    def _note(self, scope: HTTPScope, status: int, started: int, answered: int) -> None:
        ended = perf_counter_ns()
        template = self._template(scope)
        method = scope["method"] if scope["method"] in _METHODS else "other"
        seen = (template, method, _CLASSES[status // 100])
        histogram = self.requests.get(seen)
        if histogram is None:
            histogram = self.requests[seen] = Histogram(SECONDS)
        until = answered if answered and "/stream" in template else ended
        histogram.observe((until - started) / 1e9)
        if self.traces is not None:
            self.traces.request(scope, template, status, ended - started)
        if self._is_silent:
            return
        is_error = status >= 500 or status in (401, 403, 429)
        if self._errors_only and not is_error:
            return
        address: dict[str, Any] = {}
        if self._names_addresses and (client := scope["client"]) is not None:
            address["address"] = client[0]
        state: dict[str, Any] = scope.get("state", {})  # pyright: ignore[reportUnknownMemberType]
        (logger.warning if is_error else logger.info)(
            "request",
            route=template,
            method=method,
            status=status,
            ms=round((ended - started) / 1e6, 2),
            key=state.get("key_id"),
            pid=os.getpid(),
            **address,
        )

    def _template(self, scope: HTTPScope) -> str:
        given: Any = scope.get("path_template")  # pyright: ignore[reportUnknownMemberType]
        if given:
            return given
        # Refused before it came that far.
        found = self.direct.handler(scope)
        return UNMATCHED if found is None else found[0]
