"""Is the process alive, and can it do its work."""

from __future__ import annotations

import asyncio

from litestar import Response, get
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
async def ready(service: NamedDependency[Service]) -> Response[Ready]:
    """200 when events can be recorded now, else 503."""
    try:
        await asyncio.wait_for(service.store.check(), CHECK_SECONDS)
    except (StoreError, TimeoutError):
        return Response(Ready("unavailable", {"store": "unavailable"}), status_code=503)
    return Response(Ready("ok", {"store": "ok"}), status_code=200)
