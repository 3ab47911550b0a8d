"""Sends messages to addresses that other people chose: only to the open internet, with limits on everything.

A name is resolved once, each of its addresses is checked, and the connection goes to one of these: a name that changes
a moment later has no effect. TLS is still verified against the name. Redirects are not followed.

Only the status of an answer is read, and by our own code. A library that reads the whole answer could be kept busy by a
hundred thousand small parts, and everybody would wait.
"""

from __future__ import annotations

import asyncio
import re
import socket
import ssl
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from threading import Thread
from typing import Protocol
from urllib.parse import SplitResult, quote, urlsplit

from laurels.application.webhooks.delivery_attempts import Answer
from laurels.domain.webhooks import check_url, is_delivered, is_public
from laurels.errors import InvalidInput
from laurels.http.webhook_tls import SecuredStream

# Seconds for a connection, for the whole exchange, and for the body after the head of an answer.
CONNECT = 5.0
IN_ALL = 15.0
REST = 1.0
# Bytes of an answer that are read, including everything before its status.
ANSWER_BYTES = 16 * 1024
# Addresses of one name that are tried.
_ADDRESSES = 3

_STATUS = re.compile(rb"HTTP/1\.[01] ([1-9][0-9]{2})[ \r]").match
_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*+([0-9]{1,9})[ \t]*+\r", re.IGNORECASE).search
# Characters that are not escaped in the target of a request.
_PLAIN = "%/:=&?~#+!$,;'@()*[]"

Resolve = Callable[[str, int], Awaitable[list[str]]]


class _Reader(Protocol):
    """The reading side of a connection, like `asyncio.StreamReader`."""

    async def readuntil(self, separator: bytes, /) -> bytes: ...

    async def read(self, n: int, /) -> bytes: ...


class _Writer(Protocol):
    def write(self, data: bytes, /) -> None: ...


class NotPublic(Exception):
    """A name leads to this machine or a private network."""


class Unreachable(Exception):
    """No address of a name accepts a connection; the text says why."""


class Unreadable(Exception):
    """The response is not HTTP, or too long."""


class Resolver:
    """Looks names up, each in a thread of its own. A name server that hangs takes half a minute per lookup, and the
    event loop's own threads are needed to find the database again."""

    def __init__(self) -> None:
        # Simultaneous lookups of a name share the result; None: it has no address.
        self._under_way: dict[tuple[str, int], asyncio.Future[list[str] | None]] = {}

    async def __call__(self, host: str, port: int) -> list[str]:
        """The IP addresses of a name, in the order in which to try them. Raises OSError."""
        asked = self._under_way.get((host, port))
        if asked is None:
            loop = asyncio.get_running_loop()
            asked = self._under_way[host, port] = loop.create_future()

            def tell(addresses: list[str] | None) -> None:
                self._under_way.pop((host, port)).set_result(addresses)

            def look_up() -> None:
                addresses = _addresses_of(host, port)
                # If the loop has ended, nobody waits any more.
                with suppress(RuntimeError):
                    loop.call_soon_threadsafe(tell, addresses)

            try:
                # The end of the process does not wait for it.
                Thread(target=look_up, name="laurels-webhook-name", daemon=True).start()
            except RuntimeError:
                # This process has reached its limit of threads.
                tell(None)
        addresses = await asyncio.shield(asked)
        if addresses is None:
            raise socket.gaierror
        return addresses


def _addresses_of(host: str, port: int) -> list[str] | None:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, ValueError):
        return None
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


class WebhookSender:
    """`Sender` over the network. `allow_private`: also http, this machine and private networks."""

    def __init__(
        self,
        *,
        allow_private: bool = False,
        resolve: Resolve | None = None,
        tls: ssl.SSLContext | None = None,
        in_all: float = IN_ALL,
    ) -> None:
        self._allow_private = allow_private
        self._resolve = resolve or Resolver()
        self._in_all = in_all
        self._tls = tls or ssl.create_default_context()

    async def send(self, url: str, headers: dict[str, str], body: bytes) -> Answer:
        """Post `body`; see `Sender`. The text of an error names no address."""
        try:
            async with asyncio.timeout(self._in_all):
                status = await self._post(url, headers, body)
        except TimeoutError:
            return Answer(error="no answer in time")
        except (InvalidInput, NotPublic):
            return Answer(error="leads to this machine or a private network, or is no https")
        except socket.gaierror:
            return Answer(error="the name cannot be resolved")
        except Unreachable as error:
            return Answer(error=str(error))
        except (Unreadable, EOFError, OSError):
            return Answer(error="the connection broke")
        if 300 <= status < 400:
            return Answer(status, "redirects are not followed")
        return Answer(status, None if is_delivered(status) else f"answered {status}")

    async def _post(self, url: str, headers: dict[str, str], body: bytes) -> int:
        check_url(url, allow_private=self._allow_private)
        parts = urlsplit(url)
        host = parts.hostname or ""
        addresses = await self._resolve(host, _port_of(parts))
        if not self._allow_private and not all(map(is_public, addresses)):
            raise NotPublic
        async with AsyncExitStack() as stack:
            reader, writer = await self._connect(parts, addresses[:_ADDRESSES], stack)
            writer.write(_request(parts, headers, body))
            return await _status_in(reader)

    async def _connect(
        self, parts: SplitResult, addresses: list[str], stack: AsyncExitStack
    ) -> tuple[_Reader, _Writer]:
        """A connection to the first address that accepts one; `stack` closes it."""
        is_secure = parts.scheme == "https"
        reason = "cannot be reached"
        for address in addresses:
            try:
                async with asyncio.timeout(CONNECT):
                    reader, writer = await asyncio.open_connection(address, _port_of(parts), limit=ANSWER_BYTES)
                    stack.callback(writer.transport.abort)
                    if not is_secure:
                        return reader, writer
                    secured = SecuredStream(reader, writer, self._tls, parts.hostname)
                    await secured.shake_hands()
                    return secured, secured
            except ssl.SSLError:
                raise Unreachable("TLS failed") from None
            except TimeoutError:
                reason = "no answer in time"
            except OSError:
                reason = "cannot be reached"
        raise Unreachable(reason)


def _port_of(parts: SplitResult) -> int:
    return parts.port or (443 if parts.scheme == "https" else 80)


def _request(parts: SplitResult, headers: dict[str, str], body: bytes) -> bytes:
    target = quote(parts.path or "/", safe=_PLAIN) + (f"?{quote(parts.query, safe=_PLAIN)}" if parts.query else "")
    fields = {
        "host": parts.netloc,
        "user-agent": "Laurels-Webhooks",
        "accept": "*/*",
        "accept-encoding": "identity",
        "connection": "close",
        "content-length": str(len(body)),
        **headers,
    }
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"POST {target} HTTP/1.1\r\n{head}\r\n".encode("latin-1") + body


async def _status_in(reader: _Reader) -> int:
    """The status of the answer, skipping interim ones (1xx). Raises Unreadable, EOFError or OSError."""
    taken, status = 0, 100
    head = b""
    while 100 <= status < 200 and status != 101:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
        except asyncio.LimitOverrunError:
            raise Unreadable from None
        taken += len(head)
        found = _STATUS(head)
        if found is None or taken > ANSWER_BYTES:
            raise Unreadable
        status = int(found[1])
    await _take_rest(reader, head, status)
    return status


async def _take_rest(reader: _Reader, head: bytes, status: int) -> None:
    """Read a short body, so that its sender is not cut off in the middle. The answer counts without it."""
    length = _LENGTH(head)
    left = ANSWER_BYTES if length is None else min(int(length[1]), ANSWER_BYTES)
    if status in (101, 204, 304):
        return
    with suppress(TimeoutError, OSError):
        async with asyncio.timeout(REST):
            while left > 0 and (piece := await reader.read(left)):
                left -= len(piece)
