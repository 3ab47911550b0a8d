"""Observes every request: its id, a line in the log, and counts and durations.

This is the outermost layer, so that it sees refusals, too. Only data shared by many requests is kept: the template of
the address, never the address itself, which holds user ids.
"""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Callable
from itertools import count
from time import monotonic, perf_counter_ns
from typing import Any, Protocol

import structlog
from litestar.types import ASGIApp, HTTPScope, Message, Receive, Scope, Send

from laurels.application.recording.stats import SECONDS, Histogram
from laurels.http.server.routing import Address, RouteTable
from laurels.http.wire.bodies import header

logger = structlog.get_logger("laurels.access")

UNMATCHED = "unmatched"
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"})
_IS_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII).fullmatch
# Refusals cost a caller nothing: only this many per second are logged; the next line has the number skipped
# (`unlogged`).
REFUSALS_LOGGED = 10
_REFUSED = frozenset({401, 403, 429, 503})
_CLASSES = ("none", "1xx", "2xx", "3xx", "4xx", "5xx")

Seen = tuple[str, str, str]
"""Template, method and class of the status (`none`: the client left before there was one)."""


class TrafficSample:
    """Lets a limited number per second through. `seconds` returns the time."""

    def __init__(self, most: int, *, seconds: Callable[[], float] = monotonic) -> None:
        self._most = most
        self._seconds = seconds
        self._second = 0
        self._taken = self._left_out = 0

    def take(self) -> int | None:
        """None if this one is to be skipped; else the number skipped since the last one let through."""
        second = int(self._seconds())
        if second != self._second:
            self._second, self._taken = second, 0
        if self._taken >= self._most:
            self._left_out += 1
            return None
        self._taken += 1
        left_out, self._left_out = self._left_out, 0
        return left_out


class Traces(Protocol):
    """Passes observations on to a collector of spans."""

    def request(self, scope: HTTPScope, template: str, status: int, nanoseconds: int) -> None:
        """Record a request that has just ended."""
        ...


class RequestObserver:
    """Surrounds `app`, whose addresses are in `table`. `requests` counts answers, with their duration in seconds: until
    the end of the answer, or for a live stream until its start. `access_log`: off, errors or all."""

    def __init__(
        self,
        app: ASGIApp,
        table: RouteTable,
        *,
        access_log: str = "off",
        log_addresses: bool = False,
        traces: Traces | None = None,
    ) -> None:
        self._app = app
        self._table = table
        self._errors_only = access_log == "errors"
        self._is_silent = access_log == "off"
        self._names_addresses = log_addresses
        self._refusals = TrafficSample(REFUSALS_LOGGED)
        self._own_ids = count(1)
        self._process = secrets.token_hex(6)
        self._traces = traces
        self.requests: dict[Seen, Histogram] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        assert scope["type"] == "http"  # noqa: S101  nothing else comes here
        started = perf_counter_ns()
        address = self._table.find(scope["path"])
        state: dict[str, Any] = scope.setdefault("state", {})  # pyright: ignore[reportUnknownMemberType]  untyped there
        state["address"] = address
        state["route"] = route = None if address is None else address.routes.get(scope["method"])
        answered = status = 0
        request_id = header(scope, b"x-request-id", "")
        if not _IS_REQUEST_ID(request_id):
            request_id = f"{self._process}-{next(self._own_ids):x}"
        # Each request has its own task, and therefore its own context.
        structlog.contextvars.bind_contextvars(request_id=request_id)

        async def answer(message: Message) -> None:
            nonlocal answered, status
            if message["type"] == "http.response.start":
                answered, status = perf_counter_ns(), message["status"]
                message["headers"] = [*message.get("headers", ()), (b"x-request-id", request_id.encode())]
            await send(message)

        try:
            await self._app(scope, receive, answer)
        except Exception:
            # The server answers errors that reach this place, unless an answer has begun.
            status = status or 500
            raise
        finally:
            # Of a live stream until its start.
            until = answered if answered and route is not None and route.is_stream else None
            self._note(scope, address, status, started, until)

    def _note(self, scope: HTTPScope, address: Address | None, status: int, started: int, until: int | None) -> None:
        ended = perf_counter_ns()
        template = UNMATCHED if address is None else address.template
        method = scope["method"] if scope["method"] in _METHODS else "other"
        seen = (template, method, _CLASSES[status // 100])
        histogram = self.requests.get(seen)
        if histogram is None:
            histogram = self.requests[seen] = Histogram(SECONDS)
        histogram.observe(((until or ended) - started) / 1e9)
        if self._traces is not None:
            self._traces.request(scope, template, status, ended - started)
        if self._is_silent:
            return
        is_error = status >= 500 or status in _REFUSED
        if self._errors_only and not is_error:
            return
        unlogged = 0
        if status in _REFUSED and (unlogged := self._refusals.take()) is None:
            return
        origin: dict[str, Any] = {}
        if self._names_addresses and (client := scope["client"]) is not None:
            origin["address"] = client[0]
        (logger.warning if is_error else logger.info)(
            "request",
            route=template,
            method=method,
            status=status,
            ms=round((ended - started) / 1e6, 2),
            key=scope["state"].get("key_id"),
            pid=os.getpid(),
            **origin,
            **({"unlogged": unlogged} if unlogged else {}),
        )
