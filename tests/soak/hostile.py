"""The clients that a server has to bear: slow, deaf, gone in the middle, forged, far too large.

They come from another address of loopback than the honest ones, so that a limit by address tells the two apart.
"""

from __future__ import annotations

import asyncio
import gzip
import random
import socket
import struct
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from tests.http.server_process import ServerProcess

ADDRESS = "127.0.0.2"
LARGE = "/static/swagger-ui/swagger-ui-bundle.js"
EVENT = b'{"userId":"vanishing","eventType":"code_run"}'
# No client waits longer than this for a server that does not let it go.
PATIENCE = 30.0
BOMB = gzip.compress(b"[" + b" " * 64 * 1024 * 1024)


class Hostile:
    """Hostile clients of one server. `outcomes` counts what came of each kind; `faults` tells what must not happen."""

    def __init__(self, server: ServerProcess, key: str, *, places: int) -> None:
        self._server = server
        self._authorization = f"authorization: Bearer {key}\r\n".encode()
        self._places = places
        self._chance = random.Random(7)
        self.outcomes: Counter[str] = Counter()
        self.faults: list[str] = []
        self.kinds = {
            "slow reader": self._slow_reader,
            "never reads": self._never_reads,
            "vanishes in a body": self._vanishes_in_a_body,
            "vanishes before the answer": self._vanishes_before_the_answer,
            "vanishes from a stream": self._vanishes_from_a_stream,
            "oversized head": self._oversized_head,
            "forged cursor": self._forged_cursor,
            "wrong key": self._wrong_key,
            "unpacks to too much": self._unpacks_to_too_much,
            "sends ahead": self._sends_ahead,
        }

    async def run(self, kind: str, stop: asyncio.Event) -> None:
        """One client of a kind after the other, until it is enough."""
        act = self.kinds[kind]
        while not stop.is_set():
            try:
                async with asyncio.timeout(PATIENCE):
                    await act()
                self.outcomes[kind] += 1
            except TimeoutError:
                self.faults.append(f"{kind}: held for {PATIENCE} seconds")
            except (ConnectionError, asyncio.IncompleteReadError):
                # Cut: what such a client is due.
                self.outcomes[f"{kind}, cut"] += 1
            await asyncio.sleep(self._chance.uniform(0, 0.1))

    async def take_all_places(self, stop: asyncio.Event, *, every: float) -> None:
        """From time to time as many bodies that do not come as the server works on requests."""
        while not stop.is_set():
            await asyncio.gather(*(self._slow_body() for _ in range(self._places)), return_exceptions=True)
            self.outcomes["all places taken"] += 1
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), every)

    @asynccontextmanager
    async def _connection(
        self, *, receives: int | None = None
    ) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        plug = socket.socket()
        plug.setblocking(False)
        if receives is not None:
            plug.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receives)
        try:
            plug.bind((ADDRESS, 0))
            await asyncio.get_running_loop().sock_connect(plug, ("127.0.0.1", self._server.port))
        except BaseException:
            plug.close()
            raise
        reader, writer = await asyncio.open_connection(sock=plug, limit=65_536)
        try:
            yield reader, writer
        finally:
            # A reset, as when a machine is switched off.
            plug_of = writer.get_extra_info("socket")
            with suppress(OSError):
                plug_of.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()

    def _get(self, path: str, more: bytes = b"") -> bytes:
        return b"GET %b HTTP/1.1\r\nhost: 127.0.0.1\r\n%b%b\r\n" % (path.encode(), self._authorization, more)

    def _post(self, path: str, length: int, more: bytes = b"") -> bytes:
        head = (
            b"POST %b HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\ncontent-length: %d\r\n%b%b\r\n"
        )
        return head % (path.encode(), length, self._authorization, more)

    async def _expect(self, kind: str, request: bytes, *statuses: int) -> None:
        """Send it, and take one of `statuses` or, at any time, a 503, or being cut before the answer."""
        async with self._connection() as (reader, writer):
            writer.write(request)
            line = await reader.readline()
            if not line:
                raise ConnectionResetError
            status = int(line.split()[1])
            self.outcomes[f"{kind}: {status}"] += 1
            if status not in (*statuses, 503):
                self.faults.append(f"{kind}: {status}, not one of {statuses}")

    async def _slow_reader(self) -> None:
        async with self._connection(receives=16_384) as (reader, writer):
            writer.write(self._get(LARGE, b"connection: close\r\n"))
            while await reader.read(65_536):  # noqa: ASYNC110  it is slow, and waits for nothing
                await asyncio.sleep(0.03)

    async def _never_reads(self) -> None:
        async with self._connection(receives=4_096) as (_, writer):
            writer.transport.pause_reading()  # pyright: ignore[reportAttributeAccessIssue]
            writer.write(self._get(LARGE) * 10)
            # Longer than it is given: it is found disconnected, or vanishes.
            await asyncio.sleep(self._chance.uniform(0.1, 4))

    async def _vanishes_in_a_body(self) -> None:
        async with self._connection() as (_, writer):
            writer.write(self._post("/api/progress/events", 100_000) + b"[" + (EVENT + b",") * 50)
            await writer.drain()
            await asyncio.sleep(self._chance.uniform(0, 0.5))

    async def _vanishes_before_the_answer(self) -> None:
        async with self._connection() as (_, writer):
            writer.write(self._post("/api/progress/event", len(EVENT)) + EVENT)
            await writer.drain()

    async def _vanishes_from_a_stream(self) -> None:
        async with self._connection(receives=4_096) as (reader, writer):
            writer.write(self._get("/api/progress/stream/learner-0", b"last-event-id: 0\r\n"))
            await reader.readline()
            await asyncio.sleep(self._chance.uniform(0, 1))

    async def _oversized_head(self) -> None:
        await self._expect("oversized head", self._get("/health/live", b"long: " + b"x" * 60_000 + b"\r\n"), 431, 400)

    async def _forged_cursor(self) -> None:
        forged = "".join(self._chance.choices("ABCDEFabcdef0123456789-_", k=self._chance.randint(1, 120)))
        path = self._chance.choice(("leaderboard?", "history/learner-0?", "users?limit=5&"))
        name = "after" if path.startswith("users") else "cursor"
        if name == "cursor":
            await self._expect("forged cursor", self._get(f"/api/progress/{path}cursor={forged}"), 422, 400)
        else:
            await self._expect("no right to list", self._get(f"/api/progress/{path}after={forged}"), 403)

    async def _wrong_key(self) -> None:
        key = b"lrl_%012d_%040d" % (self._chance.randrange(10**12), self._chance.randrange(10**40))
        head = b"GET /api/badges HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer %b\r\n\r\n"
        await self._expect("wrong key", head % key, 401, 429)

    async def _unpacks_to_too_much(self) -> None:
        request = self._post("/api/progress/events", len(BOMB), b"content-encoding: gzip\r\n") + BOMB
        await self._expect("unpacks to too much", request, 413)

    async def _sends_ahead(self) -> None:
        async with self._connection(receives=4_096) as (_, writer):
            writer.write(self._get("/health/live") * 5_000)
            await asyncio.sleep(self._chance.uniform(0, 1))

    async def _slow_body(self) -> None:
        async with self._connection() as (reader, writer):
            writer.write(self._post("/api/progress/event", 100) + b"{")
            async with asyncio.timeout(PATIENCE):
                await reader.readline()
