"""Health checks: whether the process is alive, and whether it can do its work."""

from __future__ import annotations

import asyncio
from typing import Annotated, Literal

from litestar import Response, get
from litestar.datastructures import State
from litestar.di import NamedDependency
from litestar.params import QueryParameter
from msgspec import UNSET
from msgspec.structs import replace

from laurels.application.ports.spool import SpoolStats
from laurels.application.service import Fallback, Service
from laurels.errors import StoreError
from laurels.http.auth.access import OPEN
from laurels.http.wire.schemas import Live, Ready, SpoolState

CHECK_SECONDS = 2.0
# How far boards may lag behind the ledger before readiness mentions it. The default lag is a fifth of a second.
BEHIND_SECONDS = 60.0


@get("/health/live", access=OPEN, is_probe=True, summary="Liveness", tags=["health"])
async def live() -> Live:
    """Answers as long as the process runs."""
    return Live("ok")


@get("/health/ready", access=OPEN, is_probe=True, summary="Readiness", tags=["health"])
async def ready(
    service: NamedDependency[Service],
    state: State,
    writes: Annotated[
        Literal["recorded", "queued"], QueryParameter(description="What is to be possible; default: recorded.")
    ] = "recorded",
) -> Response[Ready]:
    """200 when events can be recorded now, else 503. With `writes=queued` also 200 while the database is away and
    events are accepted into the spool."""
    if not state.callers_known():
        # The keys have not been read from the database yet.
        status, answer = 503, Ready("unavailable", {"keys": "unavailable"})
    elif service.fallback is None:
        status, answer = await _ready_alone(service, state)
    else:
        status, answer = await _ready_with_fallback(service, service.fallback, are_queued_enough=writes == "queued")
    if service.projector.behind_seconds > BEHIND_SECONDS:
        answer.checks["projections"] = "behind"
        if answer.status == "ok":
            answer = replace(answer, status="degraded")
    if service.rules.unreadable is not None:
        # The process continues with the last readable rulebook.
        answer.checks["rulebook"] = "unreadable"
        if answer.status == "ok":
            answer = replace(answer, status="degraded")
    status, answer = _with_tasks(service, status, answer)
    # Checked at the end: stopping may have begun in the meantime. No load balancer should send anything more here.
    if state["is_stopping"]:
        status, answer = 503, replace(answer, status="stopping")
    return Response(answer, status_code=status)


def _with_tasks(service: Service, status: int, answer: Ready) -> tuple[int, Ready]:
    """Add the tasks that do not do their work. A task that has ended only runs again in another process."""
    tasks = service.tasks
    if any(task.is_dead for task in tasks):
        answer.checks["tasks"] = "dead"
    elif any(task.health == "failing" for task in tasks):
        answer.checks["tasks"] = "failing"
    else:
        return status, answer
    if any(task.is_dead or (task.is_vital and task.health == "failing") for task in tasks):
        return 503, replace(answer, status="unavailable")
    return status, replace(answer, status="degraded") if answer.status == "ok" else answer


async def _ready_alone(service: Service, state: State) -> tuple[int, Ready]:
    try:
        await asyncio.wait_for(asyncio.shield(_check(service, state)), CHECK_SECONDS)
    except (StoreError, TimeoutError):
        return 503, Ready("unavailable", {"store": "unavailable"})
    return 200, Ready("ok", {"store": "ok"})


async def _ready_with_fallback(service: Service, fallback: Fallback, *, are_queued_enough: bool) -> tuple[int, Ready]:
    # The heartbeat knows: a probe never queries a database that may hang.
    is_available = fallback.availability.is_available
    spool = await fallback.spool.check()
    takes = spool == "ok"
    status = "ok" if is_available else "degraded" if takes else "unavailable"
    try:
        state = _spool_state(await fallback.spool.stats(), service.clock())
    except StoreError:
        state = UNSET
    answer = Ready(status, {"store": "ok" if is_available else "unavailable", "spool": spool}, state)
    return 200 if is_available or (takes and are_queued_enough) else 503, answer


def _spool_state(stats: SpoolStats, now: int) -> SpoolState:
    return SpoolState(
        waiting=stats.waiting,
        oldest_seconds=0.0 if stats.oldest_at is None else max(0, now - stats.oldest_at) / 1000,
        bytes=stats.bytes,
        limit_bytes=stats.limit,
        queued=stats.queued,
        drained=stats.drained,
        set_aside=stats.set_aside,
    )


def _check(service: Service, state: State) -> asyncio.Task[None]:
    """The running check, or a new one. A check takes the writer's turn: while the database hangs, the probes of several
    minutes must not queue up before the events."""
    check: asyncio.Task[None] | None = state.get("check")
    if check is None or check.done():
        check = state["check"] = asyncio.create_task(service.store.check(), name="laurels-readiness")
        # If every probe has stopped waiting, nobody else reads its error.
        check.add_done_callback(lambda done: done.cancelled() or done.exception())
    return check
