"""A transport that sends an answer in one piece, and does not wait for ever for a client that does not read; and how
much is read of one at a time.

The server sends the head of an answer and its body by themselves, which costs two system calls and wakes the client
twice. And a connection that it closes stays until all in its buffer was taken, however long that is. What it reads at
once, a quarter of a megabyte, waits in memory until it is the connection's turn to be looked at.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from contextlib import suppress
from typing import Any

# Bytes that a client must take within each period of patience; fewer is no progress.
PROGRESS = 16 * 1024
# Larger pieces are sent as they are: copied, each connection would hold them in memory for itself.
COPIED = 64 * 1024
# Bytes that are read of a connection before it is asked whether it takes more.
READ = 32 * 1024
_AT_ONCE = struct.pack("ii", 1, 0)


class BoundedReads(asyncio.BufferedProtocol):
    """Gives `protocol` what comes in pieces of at most `READ` bytes. The rest waits in the socket."""

    # What is read is passed on before anything else is read, of whatever connection.
    _buffer = memoryview(bytearray(READ))

    def __init__(self, protocol: asyncio.Protocol) -> None:
        self._pass_on = protocol.data_received
        self.connection_lost = protocol.connection_lost
        self.eof_received = protocol.eof_received
        self.pause_writing = protocol.pause_writing
        self.resume_writing = protocol.resume_writing

    def get_buffer(self, sizehint: int) -> memoryview:
        """Where the next piece is written to."""
        del sizehint
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        """So much was written."""
        self._pass_on(bytes(self._buffer[:nbytes]))


class CoalescingTransport:
    """Holds what is written until the end of the event loop's turn, or until more comes: the head of an answer for its
    body. `patience`: seconds in which a client must take something while anything waits for it."""

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
        # Asked at each request.
        self.is_closing = transport.is_closing

    def pause_reading(self) -> None:
        """Read nothing from now on."""
        self._is_paused = True
        self._transport.pause_reading()

    def resume_reading(self) -> None:
        """Read again, at the latest when reading is not held any more."""
        self._is_paused = False
        if not self._is_held:
            self._transport.resume_reading()

    def hold_reading(self) -> None:
        """Read nothing until `release_reading`, whatever others ask for."""
        self._is_held = True
        if not self.is_closing():
            self._transport.pause_reading()

    def release_reading(self) -> None:
        """Read again, unless it is paused."""
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
        # Closed meanwhile, by the client or for want of patience: nobody is there to take it.
        if not self.is_closing() and not self._is_finished:
            self._written += len(data)
            self._write(data)

    def close(self) -> None:
        """Send what is held, and close the connection when it was taken, or when patience ends."""
        self._flush()
        self._transport.close()
        self.watch()

    def finish(self) -> None:
        """Send what is held and say that nothing follows; the client may go on sending."""
        self._flush()
        if not self.is_closing() and not self._is_finished:
            self._is_finished = True
            self._transport.write_eof()

    def abort(self) -> None:
        """Cut the connection. What the client did not take is thrown away, by the kernel as well."""
        connection: Any = self._transport.get_extra_info("socket")
        # It may be gone by now, without anything that has to be thrown away.
        with suppress(OSError, AttributeError, ValueError):
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
        self._transport.abort()

    def end(self) -> None:
        """The connection is gone."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def hurry(self, patience: float) -> None:
        """Have less patience from now on."""
        self._patience = min(self._patience, patience)
        self.end()
        self.watch()

    def watch(self) -> None:
        """Cut the connection if the client takes nothing of what waits for it within the time."""
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
