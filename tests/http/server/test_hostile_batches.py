"""Batches that hold millions of nothing: refused or answered without memory, and nobody else waits for them."""

from __future__ import annotations

import gzip
import threading
import time
from collections.abc import Iterator

import httpx2
import pytest

from tests.http.server.test_hostile_connections import GROWTH, MB, memory_of
from tests.http.server_process import ServerProcess

URL = "/api/progress/events"
JSON = {"content-type": "application/json"}
NDJSON = {"content-type": "application/x-ndjson"}
SIZE = 31 * MB
# What somebody else may wait meanwhile: so many seconds, or on a slow machine this part of what the batch takes. Split
# in one go, such a body took more than two seconds where nothing else ran, and others waited for all of it.
STALL = 1.5
PART = 0.5
EVENT = b'{"userId":"ada","eventType":"code_run"}'
UNKNOWN = b"{" + b",".join(b'"%d":0' % number for number in range(6_000)) + b"}"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server that has recorded a batch, so that what is loaded with the first is no growth."""
    process = ServerProcess(tmp_path_factory.mktemp("batches"))
    process.start()
    with process.client() as client:
        assert client.post(URL, content=b"[%b]" % EVENT, headers=JSON).status_code == 200
    yield process
    process.stop()
    assert "unexpected fault" not in process.log, process.log


def post_while_asked(server: ServerProcess, body: bytes, headers: dict[str, str]) -> tuple[httpx2.Response, bool, int]:
    """The answer to a batch, whether another client was kept waiting meanwhile, and how much memory it took."""
    waits: list[float] = []
    is_over = threading.Event()

    def ask() -> None:
        with server.client() as client:
            while not waits or not is_over.is_set():
                started = time.monotonic()
                assert client.get("/health/live").status_code == 200
                waits.append(time.monotonic() - started)
                time.sleep(0.002)

    asking = threading.Thread(target=ask)
    before = memory_of(server.pid)
    asking.start()
    began = time.monotonic()
    try:
        with server.client() as client:
            answer = client.post(URL, content=body, headers=headers)
    finally:
        is_over.set()
        asking.join()
    is_kept = max(waits) > max(STALL, PART * (time.monotonic() - began))
    return answer, is_kept, memory_of(server.pid) - before


@pytest.mark.parametrize(
    ("headers", "body", "status"),
    [
        (JSON, b"[" + b"0," * (SIZE // 2) + b"0]", 413),
        (JSON, b"[" + b" ,\n" * (SIZE // 3) + b"0]", 400),
        (JSON, b"[[" + b"0," * (SIZE // 2) + b"0]]", 200),
        (JSON, b"[[" + b"[]," * (SIZE // 3) + b"0]]", 413),
        (JSON, b"[" * SIZE, 413),
        (JSON, b'["' + b"\\\\" * (SIZE // 2) + b'"]', 200),
        (JSON, b" " * SIZE + b"[]", 200),
        (JSON, b"[" + b" " * SIZE + b"]", 200),
        (JSON, b"[" + b",".join([UNKNOWN] * (4 * MB // len(UNKNOWN))) + b"]", 200),
        (NDJSON, b"\n" * SIZE, 200),
        (NDJSON, b"\r\n" * (SIZE // 2), 200),
        (NDJSON, b" " * SIZE, 200),
        (NDJSON, b"0\n" * (SIZE // 2), 413),
        (NDJSON, b"0" * SIZE, 200),
        (NDJSON, b"[" + b"0," * (SIZE // 2) + b"0]", 200),
        (NDJSON, b"\n".join([UNKNOWN] * (4 * MB // len(UNKNOWN))), 200),
        (JSON | {"content-encoding": "gzip"}, gzip.compress(b"[" + b"0," * (SIZE // 2) + b"0]"), 413),
        (NDJSON | {"content-encoding": "gzip"}, gzip.compress(b"\n" * SIZE), 200),
    ],
    ids=[
        "zeros",
        "nothing between commas",
        "zeros in one",
        "lists in one",
        "list in list",
        "a long text",
        "space before",
        "space within",
        "unknown fields",
        "line ends",
        "both line ends",
        "one blank line",
        "zeros in lines",
        "one long line",
        "zeros in one line",
        "unknown fields in lines",
        "packed zeros",
        "packed line ends",
    ],
)
def test_a_batch_of_nothing_costs_neither_memory_nor_time_of_others(
    server: ServerProcess, headers: dict[str, str], body: bytes, status: int
) -> None:
    answer, is_kept_waiting, growth = post_while_asked(server, body, headers)
    assert answer.status_code == status, answer.text[:1_000]
    assert growth < GROWTH, f"{growth / MB:.0f} MB"
    assert not is_kept_waiting


@pytest.mark.parametrize("wrong", [b"0", b'{"userId":"ada","eventType":"code_rum","metadata":{"a":1},"b":2}'])
def test_ten_thousand_wrong_events_let_others_in(server: ServerProcess, wrong: bytes) -> None:
    answer, is_kept_waiting, _ = post_while_asked(server, b"\n".join([wrong] * 10_000), NDJSON)
    assert answer.json()["rejected"] == 10_000
    assert not is_kept_waiting


@pytest.mark.parametrize(
    ("size", "events", "status"), [(16_000, 500, "recorded"), (65_000, 100, "invalid")], ids=["kept", "too large"]
)
def test_events_of_thousands_of_values_cost_neither_memory_nor_time_of_others(
    server: ServerProcess, size: int, events: int, status: str
) -> None:
    # A list takes 3 bytes of JSON and 64 of memory: 36 KB of gzip took a gigabyte of it, and half a minute.
    lists = b"[" + b"[]," * ((size - 4) // 3) + b"0]"
    event = b'{"userId":"lists","eventType":"code_run","metadata":{"a":%b}}' % lists
    body = gzip.compress(b"\n".join([event] * events), 1)
    answer, is_kept_waiting, growth = post_while_asked(server, body, NDJSON | {"content-encoding": "gzip"})
    assert {result["status"] for result in answer.json()["results"]} == {status}
    assert growth < 2 * GROWTH, f"{growth / MB:.0f} MB"
    assert not is_kept_waiting


class TestEventsThatAreTooLarge:
    """An event of a batch may be as large as one that comes alone."""

    LARGE = b'{"userId":"ada","eventType":"code_run","metadata":{"a":"%b"}}' % (b"x" * 70_000)

    @pytest.mark.parametrize("fill", [0, 100_000], ids=["few bytes", "many bytes"])
    @pytest.mark.parametrize("form", ["array", "lines"])
    def test_one_does_not_spoil_the_rest(self, server: ServerProcess, form: str, fill: int) -> None:
        # White space within an event belongs to it.
        events = [EVENT, self.LARGE, EVENT] + [EVENT[:-1] + b" " * 50_000 + b"}"] * (fill // 1_000)
        body = b"[" + b",".join(events) + b"]" if form == "array" else b"\n".join(events)
        with server.client() as client:
            answer = client.post(URL, content=body, headers=JSON if form == "array" else NDJSON).json()
        assert answer["recorded"] == len(events) - 1
        assert [result["status"] for result in answer["results"][:3]] == ["recorded", "invalid", "recorded"]
        assert "larger" in answer["results"][1]["error"]
