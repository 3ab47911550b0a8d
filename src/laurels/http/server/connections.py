"""Connections as the server keeps them: those that do not get on are closed, and an answer goes out in one piece.

uvicorn waits for the head of a request as long as it takes; ten thousand clients that never finish one would hold as
many connections for ever. And it sends the head of an answer and its body by themselves, which costs two system calls
and wakes the client twice.
"""

from __future__ import annotations

import asyncio
from importlib.metadata import requires
from typing import Any, ClassVar

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from laurels.errors import SettingsError

# What is used here of uvicorn's classes and is no public interface. `pyproject.toml` names the versions that have it.
_USED = {
    HttpToolsProtocol: ("connection_made", "connection_lost", "data_received", "on_headers_complete"),
    RequestResponseCycle: ("run_asgi", "send", "receive"),
}
_IN_PROTOCOL = {"connections", "cycle", "flow", "loop", "parser", "pipeline", "tasks", "transport"}
_IN_CYCLE = {"keep_alive", "message_event", "response_complete", "transport"}

_BUSY = b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


def check_server() -> None:
    """Raise SettingsError where the uvicorn that is installed is built otherwise than this module needs it."""
    missing = [f"{kind.__name__}.{name}" for kind, names in _USED.items() for name in names if not hasattr(kind, name)]
    for kind, attributes in ((HttpToolsProtocol, _IN_PROTOCOL), (RequestResponseCycle, _IN_CYCLE)):
        missing += [f"{kind.__name__}.{name}" for name in sorted(attributes - set(kind.__init__.__code__.co_names))]
    if missing:
        needed = next(each for each in requires("laurels") or () if each.startswith("uvicorn"))
        raise SettingsError(
            f"uvicorn {uvicorn.__version__} cannot be used: it lacks {', '.join(missing)}. "
            f"Install {needed.partition(';')[0].strip()}."
        )


class CoalescingTransport:
    """A transport that holds what is written until the end of the event loop's turn, or until more comes: the head of
    an answer for its body."""

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._held: bytes | None = None
        self._write = transport.write
        # Asked at each request.
        self.is_closing = transport.is_closing
        self.pause_reading = transport.pause_reading
        self.resume_reading = transport.resume_reading

    def write(self, data: bytes) -> None:
        """Send `data`, at the latest before the event loop waits."""
        if self._held is None:
            self._held = data
            self._loop.call_soon(self._flush)
        else:
            held, self._held = self._held, None
            self._write(held + data)

    def _flush(self) -> None:
        held, self._held = self._held, None
        if held is not None and not self.is_closing():
            self._write(held)

    def close(self) -> None:
        """Send what is held, and close the connection."""
        self._flush()
        self._transport.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


class SlowClientProtocol(HttpToolsProtocol):
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
        super().connection_made(CoalescingTransport(transport, self.loop))  # type: ignore[arg-type]
        if len(self.connections) > self.most:
            transport.write(_BUSY)
            transport.close()
        else:
            self._wait_for_head()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        # A further request on a connection that was idle: the server's own timer has ended with its first byte.
        if self._head_timer is None and self.cycle and self.cycle.response_complete:
            self._wait_for_head()

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
