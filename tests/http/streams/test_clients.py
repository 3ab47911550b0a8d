"""Clients of live streams that are many, slow, gone or too many, and a server that stops under them."""

from __future__ import annotations

import asyncio
import socket
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path

import pytest

from tests.http.answers import assert_refused
from tests.http.callers import SECRET, bearer, token
from tests.http.conftest import StartServer
from tests.http.server_process import ServerProcess
from tests.http.stream_client import BOARD, SOON, USER, follow, post, seqs
from tests.waiting import wait_until

IDLE = 500
# Bytes. Without a bound each slow client would hold the whole ledger of its user.
LARGE = 15_000
ENTRIES = 600
MiB = 1024 * 1024


def memory_of(server: ServerProcess) -> int:
    """Resident bytes of a server."""
    for line in Path(f"/proc/{server.pid}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) * 1024
    raise AssertionError("no such line")


@asynccontextmanager
async def connection(
    server: ServerProcess, path: str, *, receives: int | None = None, headers: Mapping[str, str] | None = None
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A bare connection that has asked for a stream; `receives`: the size of its socket's buffer."""
    plug = socket.socket()
    plug.setblocking(False)
    if receives is not None:
        plug.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receives)
    await asyncio.get_running_loop().sock_connect(plug, ("127.0.0.1", server.port))
    reader, writer = await asyncio.open_connection(sock=plug, limit=4096)
    lines = [
        f"GET {path} HTTP/1.1",
        "Host: localhost",
        *(f"{name}: {value}" for name, value in (headers or {}).items()),
    ]
    writer.write("\r\n".join([*lines, "", ""]).encode())
    try:
        yield reader, writer
    finally:
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()


async def wait_for_place(server: ServerProcess, places: int = 1) -> None:
    """Return when so many more streams can be opened."""
    deadline = time.monotonic() + SOON
    while True:
        async with AsyncExitStack() as stack:
            readers = [await stack.enter_async_context(follow(server, f"{USER}/newcomer")) for _ in range(places)]
            if all(reader.response.status_code == 200 for reader in readers):
                break
        assert time.monotonic() < deadline, "no place became free"
        await asyncio.sleep(0.1)


def record_large(server: ServerProcess, user: str) -> None:
    events = [
        {"userId": user, "eventType": "visualize", "eventId": f"e{n}", "metadata": {"text": "x" * LARGE}}
        for n in range(ENTRIES)
    ]
    with server.client() as client:
        answer = client.post("/api/progress/events", json=events)
    assert answer.json()["recorded"] == ENTRIES


class TestSlowClients:
    async def test_they_hold_no_memory_hinder_nobody_and_are_let_go(self, start_server: StartServer) -> None:
        clients = 20
        server = start_server(max_streams_per_address=str(clients + 1), stream_heartbeat_ms="1000")
        await asyncio.to_thread(record_large, server, "ada")
        before = memory_of(server)
        async with AsyncExitStack() as stack:
            for _ in range(clients):
                await stack.enter_async_context(connection(server, f"{USER}/ada?lastEventId=0", receives=4096))
            async with follow(server, f"{USER}/ada", last_id="0") as reader:
                # At once: the first of them will be let go before a slow machine has read all.
                async with follow(server, f"{USER}/one-too-many") as refused:
                    assert refused.response.status_code == 429
                assert len(seqs(await reader.until(str(ENTRIES)))) == ENTRIES
                await asyncio.to_thread(post, server, "ada")
                assert (await reader.next()).data["eventType"] == "code_run"
                # All of them could have had all of it: 170 MiB.
                assert memory_of(server) - before < 100 * MiB
                # Four heartbeats without taking anything, and their places are free.
                await wait_for_place(server)
        assert "ERROR" not in server.log, server.log
        assert "Traceback" not in server.log, server.log

    async def test_who_reads_again_in_time_gets_the_rest_without_gap(self, start_server: StartServer) -> None:
        server = start_server()
        await asyncio.to_thread(record_large, server, "ada")
        async with follow(server, f"{USER}/ada", last_id="0") as reader:
            told = await reader.until("3")
            await asyncio.sleep(1)
            await asyncio.to_thread(post, server, "ada")
            told += await reader.until(str(ENTRIES + 1))
        assert seqs(told) == list(range(1, ENTRIES + 2))


async def test_idle_clients_cost_little_and_all_are_told(start_server: StartServer) -> None:
    server = start_server(max_streams_per_address=str(IDLE), stream_heartbeat_ms="1000")
    before = memory_of(server)
    async with AsyncExitStack() as stack:
        readers: list[asyncio.StreamReader] = []
        for number in range(IDLE):
            path = BOARD if number % 2 else f"{USER}/user-{number % 20}"
            reader, _ = await stack.enter_async_context(connection(server, path))
            await asyncio.wait_for(reader.readuntil(b"\ndata: "), SOON)
            readers.append(reader)
        grown = memory_of(server) - before
        assert grown < IDLE * 80 * 1024, f"{grown / IDLE:.0f} bytes for each"
        async with server.async_client() as client:
            began = server.processor_seconds
            for _ in range(20):
                assert (await client.get("/health/live")).status_code == 200
        assert server.processor_seconds - began < 2
        for number in range(0, 20, 2):
            await asyncio.to_thread(post, server, f"user-{number}")
        await asyncio.gather(*(asyncio.wait_for(reader.readuntil(b"\ndata: "), SOON) for reader in readers))


@pytest.mark.parametrize("path", [f"{USER}/ada", BOARD])
async def test_clients_that_vanish_are_freed(start_server: StartServer, path: str) -> None:
    server = start_server(max_streams_per_address="3")
    async with AsyncExitStack() as stack:
        for _ in range(3):
            reader, writer = await stack.enter_async_context(connection(server, path))
            await asyncio.wait_for(reader.readuntil(b"\ndata: "), SOON)
            # The end comes as a reset, as from a machine that has forgotten the connection.
            linger = b"\1\0\0\0\0\0\0\0"
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        async with follow(server, path) as reader:
            assert reader.response.status_code == 429
    await wait_for_place(server, 3)


class Opened:
    """Streams that stay open within a block, behind a proxy that names their clients."""

    def __init__(self, server: ServerProcess, stack: AsyncExitStack) -> None:
        self._server = server
        self._stack = stack

    async def of(self, addresses: Iterable[str], headers: Mapping[str, str] | None = None) -> Counter[int]:
        """How many streams of a board, one of each address, were answered with which status."""
        found: Counter[int] = Counter()
        for address in addresses:
            named = {"X-Forwarded-For": address, **(headers or {})}
            reader, _ = await self._stack.enter_async_context(connection(self._server, BOARD, headers=named))
            found[int((await asyncio.wait_for(reader.readline(), SOON)).split()[1])] += 1
        return found


class TestNetworks:
    """One line of IPv6 has hundreds of clients for nothing."""

    async def test_a_household_and_a_site_have_limits_of_their_own(self, start_server: StartServer) -> None:
        server = start_server(is_behind_proxy=True, jwt_secret=SECRET, max_streams_per_address="2")
        async with AsyncExitStack() as stack:
            opened = Opened(server, stack)
            household = [f"2001:db8:1:{number:x}::1" for number in range(10)]
            assert await opened.of(household) == {200: 8, 429: 2}
            site = [f"2001:db8:1:{number:x}00::1" for number in range(1, 11)]
            assert await opened.of(site) == {200: 8, 429: 2}
            assert await opened.of(["2001:db8:2::1", "192.0.2.1", "192.0.2.2"]) == {200: 3}
            # Nobody is refused for their neighbours who says who they are, and one client is still one.
            assert await opened.of(household[:1] * 2, bearer(token("ada"))) == {200: 1, 429: 1}
            assert await opened.of(household[5:7], bearer(token("bob"))) == {200: 2}
            # A learner is one client, too, from wherever they come.
            assert await opened.of(["2001:db8:3::1", *household[7:]], bearer(token("bob"))) == {429: 4}
        deadline = time.monotonic() + SOON
        async with AsyncExitStack() as stack:
            while await Opened(server, stack).of(household[:1]) != {200: 1}:
                assert time.monotonic() < deadline, "no place became free"
                await asyncio.sleep(0.1)

    async def test_no_number_of_strangers_takes_the_last_places(self, start_server: StartServer) -> None:
        server = start_server(is_behind_proxy=True, jwt_secret=SECRET, max_streams="8")
        async with AsyncExitStack() as stack:
            opened = Opened(server, stack)
            assert await opened.of(f"192.0.2.{number}" for number in range(10)) == {200: 6, 503: 4}
            learners = [f"198.51.100.{number}" for number in range(3)]
            assert await opened.of(learners, bearer(token("ada"))) == {200: 2, 503: 1}


class TestLimits:
    async def test_one_address_gets_429_beyond_its_own(self, start_server: StartServer) -> None:
        server = start_server(max_streams_per_address="1")
        async with follow(server, BOARD) as reader:
            await reader.next()
            with server.client() as client:
                response = client.get(f"{USER}/ada")
            assert_refused(response, 429, code=":too-many-streams")
            assert int(response.headers["retry-after"]) > 0
        await wait_for_place(server)

    async def test_everybody_gets_503_beyond_what_the_server_takes(self, start_server: StartServer) -> None:
        server = start_server(max_streams="1")
        async with follow(server, BOARD) as reader:
            await reader.next()
            with server.client() as client:
                response = client.get(BOARD)
            assert_refused(response, 503, code=":too-many-streams")
            assert int(response.headers["retry-after"]) > 0
        await wait_for_place(server)

    async def test_who_is_refused_for_another_reason_takes_no_place(self, start_server: StartServer) -> None:
        server = start_server(max_streams_per_address="1")
        with server.client() as client:
            for path in (f"{USER}/ada?lastEventId=x", f"{BOARD}?limit=0"):
                for _ in range(2):
                    assert_refused(client.get(path), 422)
        await wait_for_place(server)


@pytest.mark.parametrize("workers", [1, 2])
async def test_a_server_stops_in_seconds_under_open_streams(start_server: StartServer, workers: int) -> None:
    server = start_server(workers=workers, stream_heartbeat_ms="300000")
    await asyncio.to_thread(record_large, server, "ada")
    async with follow(server, f"{USER}/bob") as reader, follow(server, BOARD) as board, AsyncExitStack() as stack:
        await reader.next()
        await board.next()
        # These take nothing, and what lies in their buffers cannot be waited for. Of some there is more to come; of
        # one or the other, depending on how much the system takes over, the last piece is just in the server's buffer.
        for left in [ENTRIES, *range(120, 281, 4)]:
            path = f"{USER}/ada?lastEventId={ENTRIES - left}"
            await stack.enter_async_context(connection(server, path, receives=4096))
        await asyncio.sleep(2)
        # Less than a heartbeat.
        stopping = asyncio.create_task(asyncio.to_thread(server.stop, within=60))
        for each in (reader, board):
            # On a slow machine the board still reports what was recorded above.
            while (told := await each.next()).kind == "leaderboard":
                pass
            assert told.kind == "bye"
            with pytest.raises(StopAsyncIteration):
                await each.next()
        await stopping
    assert "Traceback" not in server.log, server.log


def test_workers_end_when_the_process_that_started_them_was_killed(start_server: StartServer) -> None:
    server = start_server(workers=2)

    def is_open() -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", server.port)) == 0

    assert is_open()
    server.kill()
    wait_until(lambda: not is_open())
    server.start()


async def test_a_heartbeat_comes_while_nothing_happens(start_server: StartServer) -> None:
    server = start_server(stream_heartbeat_ms="100")
    async with follow(server, f"{USER}/ada") as reader:
        await reader.next()
        started = time.monotonic()
        while reader.heartbeats < 4:
            assert time.monotonic() - started < SOON
            with pytest.raises(TimeoutError):
                await reader.next(within=1)
        assert reader.heartbeats <= 10 * (time.monotonic() - started) + 1
