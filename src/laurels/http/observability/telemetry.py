"""Spans of requests and commits for an OpenTelemetry collector. Only loaded if one is configured.

Spans are made when their work has ended, from values that were measured anyway, and sent from a thread of the SDK. A
collector that is slow or away delays nothing, and spans that it did not accept are lost.
"""

from __future__ import annotations

import asyncio
import logging
from importlib.metadata import version
from time import time_ns

from litestar.types import HTTPScope

from laurels.errors import SettingsError
from laurels.http.wire.bodies import header

try:
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_VERSION, Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor
    from opentelemetry.trace import SpanKind, Status, StatusCode
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
except ModuleNotFoundError as error:
    raise SettingsError("LAURELS_OTLP_ENDPOINT needs OpenTelemetry: pip install 'laurels[telemetry]'.") from error

# Milliseconds between two transmissions of spans.
INTERVAL_MS = 2_000
# Seconds that a collector has to respond.
PATIENCE = 5

# A collector that is away would cause a log line with a stack for each attempt.
logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)


class Telemetry:
    """Sends spans to the collector at `endpoint`."""

    def __init__(self, endpoint: str) -> None:
        resource = Resource.create({SERVICE_NAME: "laurels", SERVICE_VERSION: version("laurels")})
        self._provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        exporter = OTLPSpanExporter(endpoint=f"{endpoint.rstrip('/')}/v1/traces", timeout=PATIENCE)
        self._provider.add_span_processor(BatchSpanProcessor(exporter, schedule_delay_millis=INTERVAL_MS))
        self._tracer = self._provider.get_tracer("laurels")
        self._parents = TraceContextTextMapPropagator()

    def request(self, scope: HTTPScope, template: str, status: int, nanoseconds: int) -> None:
        """Record a request that has just ended."""
        ended = time_ns()
        # The caller's span, if it sent one.
        parent = header(scope, b"traceparent", "")
        span = self._tracer.start_span(
            f"{scope['method']} {template}",
            self._parents.extract({"traceparent": parent}) if parent else None,
            kind=SpanKind.SERVER,
            attributes={
                "http.request.method": scope["method"],
                "http.route": template,
                "http.response.status_code": status,
            },
            start_time=ended - nanoseconds,
        )
        if status >= 500:
            span.set_status(Status(StatusCode.ERROR))
        span.end(ended)

    def commit(self, size: int, seconds: float) -> None:
        """Record a commit that has just ended."""
        ended = time_ns()
        started = ended - int(seconds * 1e9)
        span = self._tracer.start_span("commit", attributes={"laurels.commit.size": size}, start_time=started)
        span.end(ended)

    async def close(self) -> None:
        """Send the remaining spans."""
        await asyncio.to_thread(self._provider.shutdown)
