"""The floor over HTTP: the same framework taking and giving the same documents, with nothing in between.

What it costs is what the framework, the server and the kernel cost; whatever Laurels needs beyond that is ours.
"""

from __future__ import annotations

import os
from pathlib import Path

import msgspec
from litestar import Litestar, MediaType, Response, get, post
from litestar.params import JSONBody

from laurels import LearningEvent
from laurels.application.queries.views import Dashboard

ANSWER = "BENCHMARK_ANSWER"
"""Names, in the environment, the file with the dashboard that is given out."""


BYTES = "BENCHMARK_BYTES"
"""Names, in the environment, the file with the JSON that is given out as it is."""


@post("/echo")
async def echo(data: JSONBody[LearningEvent]) -> LearningEvent:
    """Validates an event and gives it back."""
    return data


@get("/health/ready")
async def ready() -> dict[str, str]:
    """Whether requests can come."""
    return {"status": "ok"}


def create_app() -> Litestar:
    """The application; with a dashboard to give out where one is named."""
    handlers = [echo, ready]
    if named := os.environ.get(ANSWER):
        held = msgspec.json.decode(Path(named).read_bytes(), type=Dashboard)

        @get("/dashboard")
        async def dashboard() -> Dashboard:
            """Always the same dashboard, encoded anew each time."""
            return held

        handlers.append(dashboard)
    if named := os.environ.get(BYTES):
        body = Path(named).read_bytes()

        @get("/bytes")
        async def as_it_is() -> Response[bytes]:
            """Always the same bytes."""
            return Response(body, media_type=MediaType.JSON)

        handlers.append(as_it_is)
    return Litestar(handlers, openapi_config=None, logging_config=None)
