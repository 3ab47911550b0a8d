"""A transport that sends an answer in one piece, limits how much is read at a time, and does not wait for ever for a
client that does not read.

The server sends the head of an answer and its body separately, which costs two system calls and wakes the client twice.
A connection that it closes stays until its buffer is empty, however long that takes. The data that it reads at once, a
quarter of a megabyte, waits in memory for the connection's turn.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from contextlib import suppress
from typing import Any

# Bytes that a client must read within each period of patience; fewer is no progress.
PROGRESS = 16 * 1024
# Larger pieces are sent directly: with copies, each connection would hold its own in memory.
COPIED = 64 * 1024
# Bytes that are read from a connection before checking whether it accepts more.
READ = 32 * 1024
_AT_ONCE = struct.pack("ii", 1, 0)


class BoundedReads(asyncio.BufferedProtocol):
    """Passes data to `protocol` in pieces of at most `READ` bytes. The rest waits in the socket."""

    # Shared by all connections: data is passed on before any other data is read.
    _buffer = memoryview(bytearray(READ))

    def __init__(self, protocol: asyncio.Protocol) -> None:
        self._pass_on = protocol.data_received
        self.connection_lost = protocol.connection_lost
        self.eof_received = protocol.eof_received
        self.pause_writing = protocol.pause_writing
        self.resume_writing = protocol.resume_writing

    def get_buffer(self, sizehint: int) -> memoryview:
        """The buffer for the next piece."""
        del sizehint
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        """Pass on the bytes that were written."""
        self._pass_on(bytes(self._buffer[:nbytes]))


class CoalescingTransport:
    """Holds written data until the end of the event loop's turn, or until more comes, so that the head of an answer
    waits for its body. `patience`: seconds in which a client must read something while data waits for it."""

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop, *, patience: float) -> None:
        self._transport = transport
        self._loop = loop
        self._held: bytes | None = None
        self._write = transport.write
        self._patience = patience
        self._written = 0
        self._taken = 0
        self._is_finished = False
        self._timer: asyncio.TimerHandle | None = None
        self._is_paused = self._is_held = False
        # Called at each request.
        self.is_closing = transport.is_closing

    def pause_reading(self) -> None:
        """Stop reading."""
        self._is_paused = True
        self._transport.pause_reading()

    def resume_reading(self) -> None:
        """Resume reading, or do so when reading is released."""
        self._is_paused = False
        if not self._is_held:
            self._transport.resume_reading()

    def hold_reading(self) -> None:
        """Stop reading until `release_reading`, even if others resume it."""
        self._is_held = True
        if not self.is_closing():
            self._transport.pause_reading()

    def release_reading(self) -> None:
        """Resume reading, unless it is paused."""
        self._is_held = False
        if not self._is_paused and not self.is_closing():
            self._transport.resume_reading()

    def write(self, data: bytes) -> None:
        """Send `data`, at the latest before the event loop waits."""
        if self._held is None:
            self._held = data
            self._loop.call_soon(self._flush)
            return
        held, self._held = self._held, None
        if len(data) > COPIED:
            self._send(held)
            self._send(data)
        else:
            self._send(held + data)

    def _flush(self) -> None:
        held, self._held = self._held, None
        if held is not None:
            self._send(held)

    def _send(self, data: bytes) -> None:
        # Closed in the meantime, by the client or because patience ended: nobody is there to receive it.
        if not self.is_closing() and not self._is_finished:
            self._written += len(data)
            self._write(data)

    def close(self) -> None:
        """Send the held data, and close the connection once it was read, or when patience ends."""
        self._flush()
        self._transport.close()
        self.watch()

    def finish(self) -> None:
        """Send the held data and signal the end; the client may continue sending."""
        self._flush()
        if not self.is_closing() and not self._is_finished:
            self._is_finished = True
            self._transport.write_eof()

    def abort(self) -> None:
        """Cut the connection. Data that the client did not read is discarded, also by the kernel."""
        connection: Any = self._transport.get_extra_info("socket")
        # It may be gone by now, with nothing left to discard.
        with suppress(OSError, AttributeError, ValueError):
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
        self._transport.abort()

    def end(self) -> None:
        """The connection is gone."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def force_close(self, patience: float) -> None:
        """Reduce patience from now on."""
        self._patience = min(self._patience, patience)
        self.end()
        self.watch()

    def watch(self) -> None:
        """Cut the connection if the client reads none of the waiting data within the time."""
        if self._timer is None and self._transport.get_write_buffer_size():
            self._taken = self._written - self._transport.get_write_buffer_size()
            self._timer = self._loop.call_later(self._patience, self._look)

    def _look(self) -> None:
        self._timer = None
        waiting = self._transport.get_write_buffer_size()
        if waiting and self._written - waiting < self._taken + PROGRESS:
            self.abort()
        else:
            self.watch()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)
