"""How answers travel: in one piece where they are small, in order where many are asked for at once."""

from __future__ import annotations

import socket

from tests.http.server_process import ServerProcess


def connect(server: ServerProcess) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.port), timeout=20)


def request(path: str, *, connection: str = "keep-alive") -> bytes:
    return f"GET {path} HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: {connection}\r\n\r\n".encode()


def read_all(connection: socket.socket) -> bytes:
    return b"".join(iter(lambda: connection.recv(65_536), b""))


def test_head_and_body_arrive_together(server: ServerProcess) -> None:
    with connect(server) as connection:
        for _ in range(50):
            connection.sendall(request("/health/live"))
            head, _, body = connection.recv(65_536).partition(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200")
            assert body.startswith(b"{"), "the body came by itself"
            assert body.endswith(b"}")


def test_an_answer_is_whole_where_the_connection_ends_with_it(server: ServerProcess) -> None:
    for path in ("/health/live", "/api/badges", "/openapi.json", "/nowhere"):
        with connect(server) as connection:
            connection.sendall(request(path, connection="close"))
            head, _, body = read_all(connection).partition(b"\r\n\r\n")
        [length] = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
        assert len(body) == int(length.partition(b":")[2]), path


def test_many_asked_for_at_once_are_answered_in_order(server: ServerProcess) -> None:
    paths = ["/health/live", "/nowhere", "/api/badges"] * 20
    with connect(server) as connection:
        connection.sendall(b"".join(map(request, paths)) + request("/health/live", connection="close"))
        answers = read_all(connection).split(b"HTTP/1.1 ")[1:]
    assert [int(answer[:3]) for answer in answers] == [200, 404, 200] * 20 + [200]


def test_the_head_of_a_stream_does_not_wait_for_its_first_event(server: ServerProcess) -> None:
    with connect(server) as connection:
        connection.sendall(request("/api/progress/stream/nobody-yet"))
        assert connection.recv(65_536).startswith(b"HTTP/1.1 200")
