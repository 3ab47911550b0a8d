"""Is the process alive, and can it do its work."""

from __future__ import annotations

import asyncio

from litestar import Response, get
from litestar.datastructures import State
from litestar.di import NamedDependency

from laurels.application.service import Service
from laurels.errors import StoreError
from laurels.http.schemas import Live, Ready

CHECK_SECONDS = 2.0


@get("/health/live", summary="Liveness", tags=["health"])
async def live() -> Live:
    """Answers as long as the process runs."""
    return Live("ok")


@get("/health/ready", summary="Readiness", tags=["health"])
async def ready(service: NamedDependency[Service], state: State) -> Response[Ready]:
    """200 when events can be recorded now, else 503."""
    try:
        await asyncio.wait_for(asyncio.shield(_check(service, state)), CHECK_SECONDS)
    except (StoreError, TimeoutError):
        return Response(Ready("unavailable", {"store": "unavailable"}), status_code=503)
    return Response(Ready("ok", {"store": "ok"}), status_code=200)


def _check(service: Service, state: State) -> asyncio.Task[None]:
    """The check that is under way, or a new one. A check takes the writer's turn: while the database hangs, the
    probes of several minutes must not queue up before the events."""
    check: asyncio.Task[None] | None = state.get("check")
    if check is None or check.done():
        check = state["check"] = asyncio.create_task(service.store.check(), name="laurels-readiness")
        # Where every probe has stopped waiting, nobody else takes its error.
        check.add_done_callback(lambda done: done.cancelled() or done.exception())
    return check
