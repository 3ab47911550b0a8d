"""Connections that do not get on: those that send no request, or send it a byte at a time, are closed.

The server waits for the head of a request as long as it takes; ten thousand clients that never finish one would hold
as many connections for ever.
"""

from __future__ import annotations

import asyncio
from typing import Any, ClassVar

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

_BUSY = b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


class PatientProtocol(HttpToolsProtocol):
    """uvicorn's protocol, which gives a client some seconds for the head of a request, and keeps so many connections
    open at the most."""

    head_seconds: ClassVar[float] = 20.0
    most: ClassVar[int] = 10_000

    _head_timer: asyncio.TimerHandle | None = None

    @classmethod
    def keep(cls, *, head_seconds: float, connections: int) -> None:
        """Set the limits of this process."""
        cls.head_seconds, cls.most = head_seconds, connections

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if len(self.connections) > self.most:
            transport.write(_BUSY)
            transport.close()
        else:
            self._wait_for_head()

    def data_received(self, data: bytes) -> None:
        # A further request on a connection that was idle: the server's own timer ends with its first byte.
        if self._head_timer is None and self.cycle and self.cycle.response_complete:
            self._wait_for_head()
        super().data_received(data)

    def on_headers_complete(self) -> None:
        self._stop_waiting()
        super().on_headers_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        super().connection_lost(exc)

    def _wait_for_head(self) -> None:
        self._head_timer = self.loop.call_later(self.head_seconds, self._give_up)

    def _stop_waiting(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _give_up(self) -> None:
        self._head_timer = None
        self.transport.abort()


def raise_file_limit() -> None:
    """Let this process open as many files as the system allows it: each connection is one."""
    try:
        import resource  # noqa: PLC0415  not on Windows
    except ModuleNotFoundError:
        return
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted: Any = hard
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
