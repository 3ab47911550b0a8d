"""What is used of the server's own classes must be there, and a server says so at its start where it is not; and what
one connection sends holds up no other one."""

from __future__ import annotations

import asyncio
import gc
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import ClassVar
from weakref import WeakSet

import pytest
import uvicorn
from litestar.types import Receive, Scope, Send
from uvicorn.protocols.http import httptools_impl
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from laurels.errors import SettingsError
from laurels.http.sockets.connections import BoundedProtocol, ConnectionLimits, check_server
from laurels.http.sockets.head_waits import HeadWaits
from laurels.http.sockets.transport import READ

HEAD = b"POST / HTTP/1.1\r\nhost: a\r\n"
CHUNKED = HEAD + b"transfer-encoding: chunked\r\n\r\n"
CHUNK = b"1\r\nx\r\n"


def test_the_locked_server_has_all_that_is_used() -> None:
    check_server()


def test_another_server_is_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    def shorter(self: object) -> None:
        del self

    monkeypatch.delattr(HttpToolsProtocol, "on_headers_complete")
    monkeypatch.setattr(RequestResponseCycle, "__init__", shorter)
    with pytest.raises(SettingsError) as refused:
        check_server()
    for part in ("HttpToolsProtocol.on_headers_complete", "RequestResponseCycle.keep_alive", "uvicorn", "<0.55"):
        assert part in str(refused.value)


async def _answer(send: Send, text: bytes) -> None:
    head = [(b"content-length", str(len(text)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": head})  # type: ignore[typeddict-item]
    await send({"type": "http.response.body", "body": text, "more_body": False})


async def answers_at_once(_scope: Scope, _receive: Receive, send: Send) -> None:
    await _answer(send, b"seen")


async def answers_with_size(_scope: Scope, receive: Receive, send: Send) -> None:
    size, goes_on = 0, True
    while goes_on:
        message = await receive()
        assert message["type"] == "http.request"
        size, goes_on = size + len(message["body"]), message["more_body"]
    await _answer(send, b"%d" % size)


class Counted(BoundedProtocol):
    """Counts the pieces of bodies that one turn of the event loop reads. Each turn reads as little as possible."""

    share_seconds = turn_seconds = 0
    now = most = 0

    def on_body(self, body: bytes) -> None:
        Counted.now += 1
        Counted.most = max(Counted.most, Counted.now)
        super().on_body(body)


class Hasty(BoundedProtocol):
    """Gives up a refused client at once."""

    linger_seconds = 0.01


class Measured(BoundedProtocol):
    """Knows how much was read at once, and how much of a body waited to be taken, at the most."""

    read = held = 0

    def data_received(self, data: bytes) -> None:
        Measured.read = max(Measured.read, len(data))
        super().data_received(data)

    def on_body(self, body: bytes) -> None:
        super().on_body(body)
        Measured.held = max(Measured.held, len(self.cycle.body))


@asynccontextmanager
async def connected(
    app: object, protocol: type[BoundedProtocol] = BoundedProtocol
) -> AsyncGenerator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A connection to an application."""
    config = uvicorn.Config(app, log_config=None, lifespan="off")  # pyright: ignore[reportArgumentType]  any application
    config.load()
    loop, state = asyncio.get_running_loop(), ServerState()
    server = await loop.create_server(lambda: protocol(config, state, {}, loop), "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    try:
        yield reader, writer
    finally:
        writer.close()
        server.close()
        while state.connections:  # noqa: ASYNC110  nobody tells when they are gone
            await asyncio.sleep(0.001)


class Single(BoundedProtocol):
    """One connection of an address."""

    limits = ConnectionLimits(per_address=1)
    linger_seconds = 0.01
    _of_address: ClassVar[Counter[str]] = Counter()


async def test_a_household_and_a_site_have_limits_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    household = [f"2001:db8:1:{number:x}::1" for number in range(6)]
    site = [f"2001:db8:1:{number:x}00::1" for number in range(1, 7)]
    others = ["2001:db8:2::1", "192.0.2.1", "192.0.2.2", "192.0.2.2"]
    addresses = iter([*household, *site, *others, *household[:1]])
    monkeypatch.setattr(httptools_impl, "get_remote_addr", lambda _: (next(addresses), 1))
    async with connected(answers_at_once, Single) as (reader, writer), AsyncExitStack() as stack:

        async def is_answered(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
            writer.write(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n")
            return b" 200 " in await asyncio.wait_for(reader.readline(), 25)

        async def connect() -> bool:
            before = Counter(Single._of_address)
            again = await asyncio.open_connection(*writer.get_extra_info("peername"))
            stack.callback(again[1].close)
            if await is_answered(*again):
                return True
            async with asyncio.timeout(25):
                # Counted until it has read the refusal.
                while Single._of_address != before:  # noqa: ASYNC110  nobody tells when it is gone
                    await asyncio.sleep(0.001)
            return False

        assert await is_answered(reader, writer)
        assert [await connect() for _ in household[1:]] == [True, True, True, False, False]
        assert [await connect() for _ in site] == [True, True, True, True, False, False]
        assert [await connect() for _ in others] == [True, True, True, False]
    async with connected(answers_at_once, Single) as (reader, writer):
        assert await is_answered(reader, writer)
    assert not Single._of_address


class Few(BoundedProtocol):
    """Three connections in all."""

    limits = ConnectionLimits(connections=3)
    linger_seconds = 0.01
    _head_waits: ClassVar[HeadWaits] = HeadWaits()


async def test_half_a_request_keeps_no_place_from_a_whole_one() -> None:
    request = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n"
    async with connected(answers_with_size, Few) as (first, writer), AsyncExitStack() as stack:

        async def connect(sent: bytes) -> asyncio.StreamReader:
            reader, again = await asyncio.open_connection(*writer.get_extra_info("peername"))
            stack.callback(again.close)
            again.write(sent)
            return reader

        async def status_of(reader: asyncio.StreamReader) -> bytes:
            return (await asyncio.wait_for(reader.readline(), 25))[9:12]

        writer.write(request[:-2])
        halves = [await connect(request[:-2]) for _ in range(2)]
        whole = [await connect(request) for _ in range(2)]
        assert [await status_of(reader) for reader in whole] == [b"200", b"200"]
        # Those that had waited longest gave way, and the third one waits on.
        for reader in (first, halves[0]):
            with pytest.raises(ConnectionResetError):
                await asyncio.wait_for(reader.readexactly(1), 25)
        assert not halves[1].at_eof()
        # Who waits for a body holds a place, and those who are idle do not.
        post = b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\n{"
        for gone in (halves[1], *whole):
            await connect(post)
            with suppress(ConnectionResetError):
                await asyncio.wait_for(gone.read(), 25)
        assert await status_of(await connect(post)) == b"503"


async def test_bodies_of_thousands_of_chunks_give_others_their_turn() -> None:
    Counted.now = Counted.most = 0

    async def tick() -> None:
        while True:
            Counted.now = 0
            await asyncio.sleep(0)

    ticking = asyncio.create_task(tick())
    async with AsyncExitStack() as stack, asyncio.timeout(60):
        entered = [await stack.enter_async_context(connected(answers_with_size, Counted)) for _ in range(20)]
        for _, writer in entered:
            # Those who wait are read in turn, so that none of them begins when another one ends.
            writer.write(CHUNKED + CHUNK * 4_000)
        for _, writer in entered:
            writer.write(b"0\r\n\r\n" + HEAD + b"content-length: 100000\r\n\r\n" + bytes(100_000))
        for reader, _ in entered:
            assert (await reader.readuntil(b"4000")).startswith(b"HTTP/1.1 200")
            await reader.readuntil(b"100000")
    ticking.cancel()
    assert Counted.most <= 400


@pytest.mark.parametrize("chunk", [CHUNK, b"1;" + b"x" * 1_000 + b"\r\nx\r\n"])
async def test_chunks_that_nobody_reads_are_not_taken_for_ever(chunk: bytes) -> None:
    async with connected(answers_at_once, Hasty) as (reader, writer), asyncio.timeout(20):
        writer.write(CHUNKED)
        await reader.readuntil(b"seen")
        with pytest.raises(ConnectionError):  # noqa: PT012  at one of them
            while True:
                writer.write(chunk * 1_000)
                await writer.drain()


async def test_what_is_left_of_a_body_is_passed_over() -> None:
    async with connected(answers_at_once) as (reader, writer), asyncio.timeout(20):
        for start, body in (
            (HEAD + b"content-length: 3000\r\n\r\n", bytes(3_000)),
            (HEAD + b"content-length: 3000000\r\n\r\n", bytes(3_000_000)),
            (CHUNKED, CHUNK * 500 + b"0\r\n\r\n"),
            (CHUNKED, (b"400\r\n" + bytes(1024) + b"\r\n") * 2_000 + b"0\r\n\r\n"),
        ) * 3:
            writer.write(start)
            await reader.readuntil(b"seen")
            writer.write(body)


async def test_little_is_read_of_a_connection_before_others_are_looked_at() -> None:
    Measured.read = Measured.held = 0
    async with connected(answers_with_size, Measured) as (reader, writer), asyncio.timeout(60):
        writer.write(HEAD + b"content-length: 3000000\r\n\r\n" + bytes(3_000_000))
        await reader.readuntil(b"3000000")
    assert 0 < Measured.read <= READ
    assert 0 < Measured.held <= 2 * READ


async def test_a_request_learns_that_its_client_is_gone_whatever_was_sent_behind_it() -> None:
    gone = asyncio.Event()

    async def stream(_scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"seen", "more_body": True})
        while (await receive())["type"] != "http.disconnect":
            pass
        gone.set()

    async with connected(stream) as (reader, writer), asyncio.timeout(60):
        writer.write(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n" * 3)
        await reader.readuntil(b"seen")
        writer.transport.abort()
        await gone.wait()


async def test_nothing_of_a_lost_connection_waits_for_the_garbage_collector() -> None:
    left: WeakSet[BoundedProtocol] = WeakSet()
    goes_on = asyncio.Event()

    class Remembered(BoundedProtocol):
        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            left.add(self)
            super().connection_made(transport)

    async def answers_later(scope: Scope, receive: Receive, send: Send) -> None:
        await goes_on.wait()
        await answers_at_once(scope, receive, send)

    gc.disable()
    try:
        async with connected(answers_later, Remembered) as (_, writer), asyncio.timeout(60):
            writer.write(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n" * 100)
            while not any(protocol.pipeline for protocol in left):  # noqa: ASYNC110  nobody tells
                await asyncio.sleep(0.001)
            writer.transport.abort()
            while any(protocol.pipeline for protocol in left):
                goes_on.set()
                await asyncio.sleep(0.001)
        async with asyncio.timeout(60):
            while left:  # noqa: ASYNC110  nobody tells
                await asyncio.sleep(0.001)
    finally:
        gc.enable()
