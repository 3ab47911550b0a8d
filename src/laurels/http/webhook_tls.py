"""TLS towards a receiver that may be hostile: its data is read in pieces, up to a fixed total.

The event loop's own TLS reads all data until the handshake is done, and a handshake may hold endless meaningless
messages: everybody would wait while tens of thousands of them are skipped.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from typing import TypeVar

# Bytes in total: the certificates of a server take a few thousand, and an answer is read up to 16 KiB.
IN_ALL = 64 * 1024
_PIECE = 4 * 1024

_T = TypeVar("_T")


class SecuredStream:
    """A connection by TLS, over an open plain one. Each call may raise ssl.SSLError or another OSError."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, context: ssl.SSLContext, name: str | None
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._came, self._goes = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._came, self._goes, server_hostname=name)
        self._left = IN_ALL
        # Data that was decrypted but not consumed yet.
        self._read = b""

    async def shake_hands(self) -> None:
        """Perform the handshake, and verify the identity of the other side."""
        await self._carried_out(self._tls.do_handshake)

    def write(self, data: bytes) -> None:
        """Send data."""
        self._tls.write(data)
        self._send()

    async def readuntil(self, end: bytes) -> bytes:
        """The data up to `end`, and `end` itself. Raises EOFError if `end` does not come."""
        while (at := self._read.find(end)) < 0:
            piece = await self._more()
            if not piece:
                raise EOFError
            self._read += piece
        at += len(end)
        found, self._read = self._read[:at], self._read[at:]
        return found

    async def read(self, most: int) -> bytes:
        """Some of the data; empty at its end."""
        piece = self._read or await self._more()
        self._read = piece[most:]
        return piece[:most]

    async def _more(self) -> bytes:
        try:
            return await self._carried_out(lambda: self._tls.read(_PIECE))
        except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
            return b""

    async def _carried_out(self, work: Callable[[], _T]) -> _T:
        """The result of `work` once all the data that it needs has arrived."""
        while True:
            try:
                return work()
            except ssl.SSLWantReadError:
                pass
            finally:
                # Also sends the alert that tells the other side why it failed.
                self._send()
            # Other tasks get their turn, even if more data is here already.
            await asyncio.sleep(0)
            piece = await self._reader.read(_PIECE)
            self._left -= len(piece)
            if self._left < 0:
                raise ssl.SSLError("The other side sends more than is looked at.")
            if piece:
                self._came.write(piece)
            else:
                self._came.write_eof()

    def _send(self) -> None:
        if self._goes.pending:
            self._writer.write(self._goes.read())
