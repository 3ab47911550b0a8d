"""Clients that send heads without end, send ahead without end, or never read: nobody else notices, nor the memory."""

from __future__ import annotations

import socket
import sqlite3
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, suppress
from pathlib import Path

import httpx2
import pytest

from tests.http.server_process import ServerProcess
from tests.waiting import FAR

MB = 1024 * 1024
GROWTH = 40 * MB
LARGE = "/static/swagger-ui/swagger-ui-bundle.js"
PLACES = 30
# Places of each kind of probe.
PROBES = 32


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server with few places and little patience, so that no test takes long."""
    process = ServerProcess(
        tmp_path_factory.mktemp("hostile"),
        write_seconds="1",
        max_requests=str(PLACES),
        max_connections_per_address="100",
    )
    process.start()
    with process.client() as client:
        # What is loaded with the first request is no growth.
        assert client.get(LARGE).status_code == 200
    yield process
    process.stop()
    assert "unexpected fault" not in process.log, process.log
    assert "Traceback" not in process.log, process.log


@pytest.fixture(autouse=True)
def growth(server: ServerProcess) -> Iterator[None]:
    """The server's memory may not grow by more than the bound while a test runs."""
    before = memory_of(server.pid)
    yield
    assert memory_of(server.pid) - before < GROWTH


def memory_of(pid: int) -> int:
    """The most bytes of memory that a process has had since the last call."""
    status = Path(f"/proc/{pid}/status").read_text()
    peak = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    Path(f"/proc/{pid}/clear_refs").write_text("5")
    return int(peak.split()[1]) * 1024


def connect(server: ServerProcess) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.port), timeout=10)


def flood(server: ServerProcess, start: bytes, piece: bytes, *, megabytes: int = 120) -> bytes:
    """Send `start` and then `piece` again and again, until the server has enough; what it answered."""
    with connect(server) as connection:
        connection.sendall(start)
        block = piece * max(1, 65_536 // len(piece))
        try:
            for _ in range(megabytes * MB // len(block)):
                connection.sendall(block)
        except OSError:
            pass
        return read_all(connection)


def read_all(connection: socket.socket) -> bytes:
    got = b""
    try:
        while piece := connection.recv(65_536):
            got += piece
    except OSError:
        pass
    return got


START = b"GET /health/live HTTP/1.1\r\nhost: 127.0.0.1\r\n"
POST = b"POST /api/progress/event HTTP/1.1\r\nhost: 127.0.0.1\r\ntransfer-encoding: chunked\r\n\r\n"


class TestHeads:
    @pytest.mark.parametrize(
        ("start", "piece"),
        [
            (START, b"a: b\r\n"),
            (START + b"long: ", b"x" * 1_000),
            (START, b"x" * 1_000),
            (b"GET /", b"x" * 1_000),
            (b"GET /health/live?", b"a=b&" * 250),
            (b"", b"x" * 1_000),
            (POST + b"2\r\n{}\r\n0\r\n", b"a: b\r\n"),
            (POST + b"2\r\n{}\r\n0\r\nlong: ", b"x" * 1_000),
            (POST + b"2;", b"x" * 1_000),
        ],
        ids=["many", "one long", "long name", "line", "query", "method", "trailers", "long trailer", "chunk extension"],
    )
    def test_one_without_end_is_refused_and_costs_nobody_else(
        self, server: ServerProcess, start: bytes, piece: bytes
    ) -> None:
        answer = flood(server, start, piece)
        # A method of a thousand letters is no method.
        assert answer.startswith((b"HTTP/1.1 431 ", b"HTTP/1.1 400 ")), answer
        assert b"connection: close" in answer
        assert b'"success":false' in answer

    def test_no_line_at_all_is_refused(self, server: ServerProcess) -> None:
        assert flood(server, b"", b"\r\n").startswith(b"HTTP/1.1 431 ")

    @pytest.mark.parametrize(("fields", "status"), [(99, 200), (101, 431)])
    def test_the_number_of_fields_is_bounded(self, server: ServerProcess, fields: int, status: int) -> None:
        with connect(server) as connection:
            connection.sendall(START + b"a: b\r\n" * (fields - 2) + b"connection: close\r\n\r\n")
            assert read_all(connection).startswith(b"HTTP/1.1 %d " % status)

    def test_the_head_of_an_honest_request_may_be_large(self, server: ServerProcess) -> None:
        with server.client() as client:
            assert client.get(f"/health/live?{'x' * 30_000}").status_code == 422
            assert client.get("/health/live", headers={"x-long": "x" * 30_000}).status_code == 200
            assert client.get("/health/live", headers={"x-long": "x" * 33_000}).status_code == 431

    @pytest.mark.parametrize("segment", [b"/", b"/a"])
    def test_a_path_of_slashes_costs_no_more_than_another(self, server: ServerProcess, segment: bytes) -> None:
        # Nothing has asked yet who sends it: each kept everybody waiting for half a second.
        path = segment * (32_000 // len(segment))
        before = server.processor_seconds
        with connect(server) as connection:
            connection.sendall(b"GET %b HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n" % path * 10 + START)
            connection.sendall(b"connection: close\r\n\r\n")
            answers = read_all(connection)
        assert answers.count(b"HTTP/1.1 404 ") == 10
        assert server.processor_seconds - before < 1


class TestClientsThatDoNotRead:
    """Each sends requests ahead for a large file and takes nothing of the answers."""

    @pytest.fixture
    def deaf(self, server: ServerProcess) -> Iterator[Callable[[int], list[socket.socket]]]:
        with ExitStack() as stack:

            def connect_all(number: int) -> list[socket.socket]:
                opened: list[socket.socket] = []
                for _ in range(number):
                    connection = socket.socket()
                    # So that little of an answer fits on the way.
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
                    connection.settimeout(10)
                    connection.connect(("127.0.0.1", server.port))
                    connection.sendall(b"GET %b HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n" % LARGE.encode() * 10)
                    opened.append(stack.enter_context(connection))
                return opened

            yield connect_all

    def test_hold_no_place_and_are_disconnected(
        self, server: ServerProcess, deaf: Callable[[int], list[socket.socket]]
    ) -> None:
        connections = deaf(2 * PLACES)
        with server.client() as client:
            # A probe has a place even now; the others when what was sent is produced, which is a matter of moments.
            assert client.get("/health/live").status_code == 200
            time.sleep(0.3)
            for _ in range(10):
                assert client.get("/health/live").status_code == 200
                assert client.get("/api/badges").status_code == 200
        deadline = time.monotonic() + 30
        while any(not is_cut(connection) for connection in connections):
            assert time.monotonic() < deadline
            time.sleep(0.1)

    def test_do_not_hold_up_a_stop(self, server: ServerProcess, deaf: Callable[[int], list[socket.socket]]) -> None:
        deaf(20)
        time.sleep(0.2)
        server.stop(within=FAR)
        server.start()

    def test_a_slow_one_that_reads_gets_all(self, server: ServerProcess) -> None:
        with server.client() as client:
            size = len(client.get(LARGE).content)
        with connect(server) as connection:
            connection.sendall(b"GET %b HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n" % LARGE.encode())
            got = 0
            # Some seconds in all, in which it takes more than the least at any time.
            while piece := connection.recv(40_000):
                got += len(piece)
                time.sleep(0.05)
        assert got > size


LONG_HISTORY = ("export/big?format=csv", "users/big/data")


@pytest.fixture(scope="module")
def long_history(server: ServerProcess) -> None:
    """7.5 MB of one learner, in the page caches of the database, whose bound is not the clients'."""
    lines = [b'{"userId":"big","eventType":"code_run","metadata":{"a":"%b"}}' % (b"x" * 15_000)] * 50

    def read(path: str) -> int:
        with server.client() as client:
            return client.get(f"/api/progress/{path}", timeout=FAR).status_code

    with server.client() as client, ThreadPoolExecutor(4) as readers:
        for _ in range(10):
            body = b"[%b]" % b",".join(lines)
            assert client.post("/api/progress/events", content=body).status_code == 200
        assert set(readers.map(read, LONG_HISTORY * 8)) == {200}


@pytest.mark.usefixtures("long_history")
@pytest.mark.parametrize("path", LONG_HISTORY)
def test_clients_that_read_a_long_history_slowly_cost_little(server: ServerProcess, path: str) -> None:
    with server.client() as client, ExitStack() as stack:
        for _ in range(12):
            connection = stack.enter_context(socket.socket())
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
            connection.connect(("127.0.0.1", server.port))
            connection.sendall(b"GET /api/progress/%b HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n" % path.encode())
        for _ in range(20):
            assert client.get("/api/badges", timeout=FAR).status_code == 200
            time.sleep(0.02)


def test_clients_that_send_a_body_slowly_hold_no_place(server: ServerProcess) -> None:
    head = b"POST /%b HTTP/1.1\r\nhost: 127.0.0.1\r\norigin: http://127.0.0.1\r\ncontent-length: 400\r\n\r\n{"
    with ExitStack() as stack:
        connections = [stack.enter_context(connect(server)) for _ in range(2 * PLACES)]
        for number, connection in enumerate(connections):
            connection.sendall(head % (b"api/progress/event", b"admin/session")[number % 2])
        with server.client() as client:
            for _ in range(10):
                assert client.get("/api/badges").status_code == 200
        # It is answered all the same when its body is there.
        connections[-1].sendall(b" " * 398 + b"}")
        assert connections[-1].recv(65_536).startswith(b"HTTP/1.1 403 ")


def test_bodies_that_do_not_come_do_not_hold_up_a_stop(server: ServerProcess) -> None:
    with ExitStack() as stack:
        for _ in range(20):
            connection = stack.enter_context(connect(server))
            connection.sendall(b"POST /api/progress/event HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: 9\r\n\r\n{")
        time.sleep(0.2)
        server.stop(within=FAR)
    server.start()


def test_who_asks_whether_a_hanging_store_is_ready_does_not_keep_others_from_asking_whether_it_lives(
    server: ServerProcess,
) -> None:
    with closing(sqlite3.connect(server.database, isolation_level=None)) as database, ExitStack() as stack:
        database.execute("BEGIN IMMEDIATE")
        for _ in range(2 * PROBES):
            connection = stack.enter_context(connect(server))
            connection.sendall(b"GET /health/ready HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n")
        time.sleep(0.2)
        with server.client() as client:
            assert client.get("/health/ready").status_code == 503
            assert client.get("/health/live").status_code == 200
        database.execute("ROLLBACK")


def is_cut(connection: socket.socket) -> bool:
    """Whether the other side has closed with what it sent still lying there."""
    return connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) != 0 or _state_of(connection) != 1


def _state_of(connection: socket.socket) -> int:
    return connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0]


class TestSendingAhead:
    def test_a_few_requests_are_answered_in_order(self, server: ServerProcess) -> None:
        with connect(server) as connection:
            connection.sendall(START + b"\r\n" + b"GET /nope HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n")
            answers = read_all(connection)
        assert answers.index(b"HTTP/1.1 200 ") < answers.index(b"HTTP/1.1 404 ")

    def test_many_are_answered_in_order_while_others_are_sent(self, server: ServerProcess) -> None:
        bodies = b"POST /api/progress/event HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: 2\r\n\r\n{}"
        chunked = POST + b"1\r\n{\r\n1\r\n}\r\n0\r\n\r\n"
        with connect(server) as connection:
            block = (START + b"\r\n" + bodies + chunked) * 500
            with ThreadPoolExecutor() as pool:
                sent = pool.submit(connection.sendall, block + START + b"connection: close\r\n\r\n")
                answers = read_all(connection).split(b"HTTP/1.1 ")[1:]
                sent.result()
        assert [answer[:3] for answer in answers] == [b"200", b"422", b"422"] * 500 + [b"200"]

    def test_sending_without_reading_costs_no_memory(self, server: ServerProcess) -> None:
        tiny = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n" * 40_000
        with ExitStack() as stack:
            for _ in range(50):
                connection = stack.enter_context(connect(server))
                connection.setblocking(False)
                with suppress(BlockingIOError):
                    connection.send(tiny)
            with server.client() as client:
                assert client.get("/health/live").status_code == 200

    def test_one_that_cannot_be_read_is_refused_after_the_answer_before(self, server: ServerProcess) -> None:
        with connect(server) as connection:
            connection.sendall(START + b"\r\n")
            assert connection.recv(65_536).startswith(b"HTTP/1.1 200 ")
            connection.sendall(b"nonsense\r\n\r\n")
            assert read_all(connection).startswith(b"HTTP/1.1 400 ")


def test_one_address_cannot_take_all_connections(server: ServerProcess) -> None:
    with ExitStack() as stack:
        for _ in range(100):
            stack.enter_context(connect(server))
        with connect(server) as connection:
            assert b"from this address" in read_all(connection)
    with server.client() as client:
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            try:
                if client.get("/health/live").status_code == httpx2.codes.OK:
                    return
            except httpx2.TransportError:
                pass
            time.sleep(0.02)
    raise AssertionError("the places were not given back")
