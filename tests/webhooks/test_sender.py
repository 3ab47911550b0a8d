"""What a sender calls, and what it leaves alone."""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from laurels.application.webhooks.delivery_attempts import Answer
from laurels.domain.webhooks import headers_of, is_public, new_secret
from laurels.http.webhook_sender import WebhookSender
from tests.webhooks.receiver import Receiver

FORBIDDEN = "leads to this machine or a private network, or is no https"
HEADERS = headers_of("msg_1", "{}", [new_secret()], 0)

PRIVATE = [
    "127.0.0.1",
    "127.8.8.8",
    "0.0.0.0",
    "10.0.0.1",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "192.0.0.1",
    "192.0.2.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::ffff:169.254.169.254",
    "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::1",
    # These stand for public ones; what they lead to depends on who sends there.
    "::ffff:8.8.8.8",
    "64:ff9b::808:808",
    "2002:808:808::1",
    "2002:7f00:1::",
    "2002:a00:1::1",
    "2001:0:7f00:1::",
    "fe80::1",
    "fe80::1%eth0",
    "fc00::1",
    "fd12:3456::1",
    "fec0::1",
    "ff02::1",
    "2001:db8::1",
    "100::1",
    # Of special purpose, some of them in the middle of public ranges.
    "192.0.0.9",
    "192.0.0.192",
    "192.31.196.1",
    "192.52.193.1",
    "192.88.99.1",
    "192.175.48.1",
    "168.63.129.16",
    "100:0:0:1::1",
    "2001:1::1",
    "2001:3::1",
    "2001:4:112::1",
    "2001:20::1",
    "2001:30::1",
    "2620:4f:8000::1",
    "3fff::1",
    "3fff:fff:ffff::1",
    "5f00::1",
    "4000::1",
]
PUBLIC = [
    "1.1.1.1",
    "8.8.8.8",
    "93.184.215.14",
    "172.32.0.1",
    "168.63.129.17",
    "192.0.1.1",
    "2606:4700::1111",
    "2001:4860:4860::8888",
    "2a00:1450:4001::1",
    "3fff:1000::1",
]


def resolving(*addresses: str) -> WebhookSender:
    """A sender to whom every name has these addresses."""

    async def resolve(_host: str, _port: int) -> list[str]:
        return list(addresses)

    return WebhookSender(resolve=resolve, in_all=2.0)


@pytest.mark.parametrize("address", PRIVATE)
async def test_private_addresses_are_not_called(address: str) -> None:
    assert not is_public(address)
    for addresses in ((address,), ("1.1.1.1", address)):
        sender = resolving(*addresses)
        assert await sender.send("https://hooks.example/", HEADERS, b"{}") == Answer(error=FORBIDDEN)


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_may_be_called(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "url",
    [
        "http://hooks.example/",
        "https://127.0.0.1/",
        "https://[::ffff:127.0.0.1]/",
        "https://2130706433/",
        "https://0x7f.1/",
        "https://localhost/",
        "https://localhost./",
        "file:///etc/passwd",
    ],
)
async def test_other_ways_to_this_machine_are_closed(url: str) -> None:
    sender = WebhookSender(in_all=2.0)
    answer = await sender.send(url, HEADERS, b"{}")
    assert answer.status is None
    assert answer.error in (FORBIDDEN, "the name cannot be resolved")


async def test_a_redirect_is_a_failure_and_is_not_followed(receiver: Receiver, sender: WebhookSender) -> None:
    elsewhere = Receiver()
    try:
        receiver.location = elsewhere.url
        for status in (301, 302, 303, 307, 308):
            receiver.answers = lambda _message, status=status: status
            answer = await sender.send(receiver.url, HEADERS, b"{}")
            assert answer == Answer(status, "redirects are not followed")
        assert elsewhere.requests == []
    finally:
        elsewhere.close()


async def test_who_hangs_is_not_waited_for(receiver: Receiver) -> None:
    sender = WebhookSender(allow_private=True, in_all=0.3)
    receiver.hangs.set()
    assert await sender.send(receiver.url, HEADERS, b"{}") == Answer(error="no answer in time")


@pytest.mark.parametrize(
    ("start", "again"),
    [
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
        (b"", b"HTTP/1.1 103 Early Hints\r\nlink: " + bytes(15_000).replace(b"\0", b"x") + b"\r\n\r\n"),
        (b"HTTP/1.1 200 OK\r\n", b"a:b\r\n"),
        (b"HTTP/1.1 200 OK\r\na: ", b"x"),
        (b"", b"x"),
    ],
    ids=["interim", "large interim", "fields", "long field", "no answer"],
)
async def test_a_head_without_end_is_given_up_after_a_little(start: bytes, again: bytes) -> None:
    answer, sent = await _answered_with(start, again)
    assert answer == Answer(error="the connection broke")
    assert sent < ENDLESS


@pytest.mark.parametrize("head", [b"", b"transfer-encoding: chunked\r\n", b"content-length: 999999999\r\n"])
async def test_what_follows_a_head_does_not_matter(head: bytes) -> None:
    answer, sent = await _answered_with(b"HTTP/1.1 200 OK\r\n" + head + b"\r\n", b"1\r\nx\r\n")
    assert answer == Answer(200)
    assert sent < ENDLESS


async def test_an_answer_counts_without_the_rest_of_its_body(sender: WebhookSender) -> None:
    async def answer(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 202 Accepted\r\ncontent-length: 9\r\n\r\nhalf")

    async with serving(answer) as url:
        assert await sender.send(url, HEADERS, b"{}") == Answer(202)


async def test_names_that_hang_hold_up_nobody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    look_up, is_over, threads = socket.getaddrinfo, threading.Event(), list[str]()
    loop, all_asked = asyncio.get_running_loop(), asyncio.Event()

    def hang(host: str, *args: Any, **options: Any) -> Any:
        if not host.endswith("hangs.example"):
            return look_up(host, *args, **options)
        threads.append(host)
        if len(threads) == 64:
            loop.call_soon_threadsafe(all_asked.set)
        is_over.wait(20)
        raise socket.gaierror

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    # More than the event loop has threads.
    urls = [f"https://{number}.hangs.example/" for number in range(64)] * 2
    sender = WebhookSender(in_all=20)
    sending = [asyncio.create_task(sender.send(url, HEADERS, b"{}")) for url in urls]
    async with asyncio.timeout(20):
        await all_asked.wait()
        assert await loop.getaddrinfo("127.0.0.1", 80)
    assert not is_over.is_set()
    is_over.set()
    assert await asyncio.gather(*sending) == [Answer(error="the name cannot be resolved")] * 128
    assert len(threads) == 64


ENDLESS = 64 * 1024 * 1024


@asynccontextmanager
async def serving(
    answer: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
) -> AsyncGenerator[str]:
    """The address of a receiver that reads a request and then does what it likes."""

    under_way: list[asyncio.Task[Any] | None] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        under_way.append(asyncio.current_task())
        await reader.readuntil(b"{}")
        with suppress(OSError):
            await answer(reader, writer)
            await reader.read()
        writer.transport.abort()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    finally:
        server.close()
        await asyncio.gather(*filter(None, under_way))


async def _answered_with(start: bytes, again: bytes) -> tuple[Answer, int]:
    """What is told of an answer that has no end, and how many bytes of it were taken at the most."""
    sent = 0

    async def answer(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        writer.write(start)
        piece = again * (65_536 // len(again) + 1)
        while sent < ENDLESS:
            writer.write(piece)
            await writer.drain()
            sent += len(piece)

    async with serving(answer) as url:
        return await WebhookSender(allow_private=True).send(url, HEADERS, b"{}"), sent


async def test_who_is_not_there_is_told_of(receiver: Receiver, sender: WebhookSender) -> None:
    url = receiver.url.replace(str(receiver.port), "1")
    assert await sender.send(url, HEADERS, b"{}") == Answer(error="cannot be reached")


async def test_the_path_the_name_and_the_body_arrive(receiver: Receiver, sender: WebhookSender) -> None:
    url = receiver.url.replace("127.0.0.1", "localhost")
    assert await sender.send(url, HEADERS, b'{"a":1}') == Answer(204)
    headers, body = receiver.requests[0]
    assert headers["host"] == f"localhost:{receiver.port}"
    assert headers["webhook-id"] == "msg_1"
    assert body == b'{"a":1}'


class Secured:
    """A TLS server with a certificate for `hooks.example`, whose authority is in `authority`. Answers without end."""

    def __init__(self, folder: Path) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "hooks.example")])
        now = datetime.now(UTC)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(1)
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=1))
            .add_extension(x509.SubjectAlternativeName([x509.DNSName("hooks.example")]), critical=False)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(key, hashes.SHA256())
        )
        self.authority = folder / "authority.pem"
        self.authority.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        secret = folder / "key.pem"
        secret.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        served = self.served = list[str]()

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                served.append(self.headers["host"])
                self.send_response(200)
                self.end_headers()
                try:
                    for _ in range(10_000):
                        self.wfile.write(bytes(10_000))
                except OSError:
                    pass

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                del format, args

        class Server(HTTPServer):
            def handle_error(self, request: object, client_address: object) -> None:
                # Clients that do not trust the certificate.
                del request, client_address

        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.authority, secret)
        self._server = Server(("127.0.0.1", 0), Handler)
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=lambda: self._server.serve_forever(poll_interval=0.01))
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture
def secured(tmp_path: Path) -> Iterator[Secured]:
    server = Secured(tmp_path)
    yield server
    server.close()


@pytest.mark.parametrize(
    "record",
    [
        pytest.param(b"\x16\x03\x03\x00\x01\x00", id="messages that mean nothing, a byte in each record"),
        pytest.param(b"\x16\x03\x03\x40\x00" + bytes(16_384), id="whole records of them"),
    ],
)
async def test_a_handshake_without_end_is_not_read_to_the_end_of_the_time_for_it(record: bytes) -> None:
    async def resolve(_host: str, _port: int) -> list[str]:
        return ["127.0.0.1"]

    async def flood(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while True:
                writer.write(record * 100)
                await writer.drain()

    async with await asyncio.start_server(flood, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        sender = WebhookSender(allow_private=True, resolve=resolve)
        assert await sender.send(f"https://hooks.example:{port}/", HEADERS, b"{}") == Answer(error="TLS failed")


async def test_tls_is_verified_against_the_name_at_the_checked_address(secured: Secured) -> None:
    async def resolve(_host: str, _port: int) -> list[str]:
        return ["127.0.0.1"]

    trusting = WebhookSender(
        allow_private=True, resolve=resolve, tls=ssl.create_default_context(cafile=str(secured.authority))
    )
    # An answer without end is not read to its end.
    assert await trusting.send(f"https://hooks.example:{secured.port}/", HEADERS, b"{}") == Answer(200)
    assert secured.served == [f"hooks.example:{secured.port}"]
    other = await trusting.send(f"https://other.example:{secured.port}/", HEADERS, b"{}")
    assert other == Answer(error="TLS failed")
    plain = WebhookSender(allow_private=True, resolve=resolve)
    assert await plain.send(f"https://hooks.example:{secured.port}/", HEADERS, b"{}") == Answer(error="TLS failed")
    assert len(secured.served) == 1
