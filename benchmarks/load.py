"""The load generator: sends prebuilt requests to a server on loopback and prints what came of it as JSON.

A process of its own that does next to nothing per request: it must never be what a measurement measures. A
general client spends more on a request than the server does, hence the few lines of HTTP/1.1 here.

    python -m benchmarks.load PORT FILE --connections 64 --seconds 60

FILE holds the requests, known_seqs included, as a MessagePack array of binaries. Answers must name their length.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter
from typing import cast

import msgspec
import uvloop

_END_OF_HEAD = b"\r\n\r\n"
_LENGTH = b"content-length: "


class Run:
    """The requests that are left, and what became of the others."""

    def __init__(self, requests: list[bytes], connections: int, seconds: float) -> None:
        self.requests: Iterator[bytes] = iter(requests)
        self.latencies: list[float] = []
        self.statuses: Counter[str] = Counter()
        self.open = connections
        self.started = perf_counter()
        self.deadline = self.started + seconds
        self.ended = self.started
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def next(self, now: float) -> bytes | None:
        """The next request; None when it is time to end."""
        return next(self.requests, None) if now < self.deadline else None

    def leave(self, error: BaseException | None = None) -> None:
        """A connection is through, or broken."""
        self.open -= 1
        if self.done.done():
            return
        if error is not None:
            self.done.set_exception(error)
        elif not self.open:
            self.done.set_result(None)


class Connection(asyncio.Protocol):
    """One kept-alive connection with one request on its way at any time."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.transport: asyncio.Transport | None = None
        self.received = b""
        self.needed = 0
        self.sent_at = 0.0
        self.is_through = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # Not asked: uvloop's transports are none of asyncio's classes.
        self.transport = cast(asyncio.Transport, transport)

    def send_next(self) -> None:
        """Send the next request, or close where there is none."""
        assert self.transport is not None
        self.sent_at = now = perf_counter()
        request = self.run.next(now)
        if request is None:
            self.is_through = True
            self.transport.close()
        else:
            self.transport.write(request)

    def data_received(self, data: bytes) -> None:
        self.received = received = self.received + data if self.received else data
        if not self.needed:
            head = received.find(_END_OF_HEAD)
            if head < 0:
                return
            length = received.find(_LENGTH, 0, head)
            if length < 0:
                raise ValueError(f"An answer does not name its length: {received[:200]!r}")
            length += len(_LENGTH)
            self.needed = head + len(_END_OF_HEAD) + int(received[length : received.index(b"\r", length)])
        if len(received) < self.needed:
            return
        run = self.run
        run.ended = perf_counter()
        run.latencies.append(run.ended - self.sent_at)
        run.statuses[received[9:12].decode()] += 1
        self.received = b""
        self.needed = 0
        self.send_next()

    def connection_lost(self, exc: Exception | None) -> None:
        self.run.leave(None if self.is_through else exc or ConnectionError("The server closed a connection."))


async def send(port: int, requests: list[bytes], connections: int, seconds: float) -> Run:
    """Send all requests, or as many as `seconds` allow."""
    loop = asyncio.get_running_loop()
    run = Run(requests, connections, seconds)
    opened = [await loop.create_connection(lambda: Connection(run), "127.0.0.1", port) for _ in range(connections)]
    run.started = perf_counter()
    run.deadline = run.started + seconds
    for _, connection in opened:
        connection.send_next()
    # The deadline is only looked at when an answer comes; a server that has fallen silent is given up on here.
    await asyncio.wait_for(run.done, seconds + 30)
    return run


def main() -> None:
    """Read the requests, send them, print the result."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.load")
    parser.add_argument("port", type=int)
    parser.add_argument("file", type=Path)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=60.0)
    asked = parser.parse_args()
    requests = msgspec.msgpack.decode(asked.file.read_bytes(), type=list[bytes])
    connections = min(asked.connections, len(requests))
    gc.disable()
    run = uvloop.run(send(asked.port, requests, connections, asked.seconds))
    latencies = sorted(1_000 * latency for latency in run.latencies)
    result = {
        "requests": len(latencies),
        "seconds": run.ended - run.started,
        "statuses": run.statuses,
        "p50": latencies[len(latencies) // 2],
        "p99": latencies[len(latencies) * 99 // 100],
    }
    sys.stdout.buffer.write(msgspec.json.encode(result))


if __name__ == "__main__":
    main()
