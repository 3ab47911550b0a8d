"""Connections that `laurels serve` does not keep, and addresses that it believes."""

from __future__ import annotations

import asyncio
import json
import resource
import time
import urllib.error
import urllib.request
from collections import Counter
from pathlib import Path

import pytest

from tests.cli.conftest import Run, Start
from tests.cli.test_serve import ready_url

HEAD_SECONDS = 8


def memory_of(process_id: int) -> int:
    """Resident memory in MiB (from /proc: Linux only)."""
    pages = int(Path(f"/proc/{process_id}/statm").read_text("ascii").split()[1])
    return pages * resource.getpagesize() // 2**20


def status(url: str, headers: dict[str, str] | None = None) -> int:
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers or {}), timeout=20) as answer:
            return answer.status
    except urllib.error.HTTPError as refused:
        return refused.code


async def hold(port: int, number: int, url: str) -> tuple[float, int]:
    """Open connections that send half a head; the slowest live answer meanwhile, and how many the server closed."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    held: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []
    for _ in range(number // 100):
        held += await asyncio.gather(*(asyncio.open_connection("127.0.0.1", port) for _ in range(100)))
    for position, (_, writer) in enumerate(held):
        # Half of them say nothing at all.
        writer.write(b"GET /health/live HTTP/1.1\r\nx-slow: " if position % 2 else b"")
    slowest = 0.0
    for _ in range(5):
        started = time.monotonic()
        assert await asyncio.to_thread(status, f"{url}/health/live") == 200
        slowest = max(slowest, time.monotonic() - started)

    async def ends(reader: asyncio.StreamReader) -> bool:
        try:
            return await asyncio.wait_for(reader.read(1), 20 * HEAD_SECONDS) == b""
        except ConnectionError:
            return True
        except TimeoutError:
            return False

    closed = sum(await asyncio.gather(*(ends(reader) for reader, _ in held)))
    for _, writer in held:
        writer.close()
    return slowest, closed


@pytest.mark.parametrize("number", [1_000, pytest.param(9_000, marks=pytest.mark.long)])
def test_half_open_connections_are_given_up_and_hold_up_nobody(start: Start, store_url: str, number: int) -> None:
    # All come from one address here.
    settings = {"LAURELS_HEAD_SECONDS": str(HEAD_SECONDS), "LAURELS_MAX_CONNECTIONS_PER_ADDRESS": "20000"}
    serving = start("serve", "--port", 0, "--store", store_url, env=settings)
    url = ready_url(serving)
    before = memory_of(serving.pid)
    slowest, closed = asyncio.run(hold(int(url.rpartition(":")[2]), number, url))
    assert closed == number
    assert slowest < HEAD_SECONDS, "others wait for those that do not get on"
    assert memory_of(serving.pid) - before < 20 + number * 0.05


def test_a_new_connection_takes_the_place_of_the_one_that_waited_longest(start: Start, store_url: str) -> None:
    settings = {"LAURELS_MAX_CONNECTIONS": "20"}
    url = ready_url(start("serve", "--port", 0, "--store", store_url, env=settings))
    port = int(url.rpartition(":")[2])

    async def come() -> list[bool]:
        """Which of thirty connections without a request were kept."""
        held = [await asyncio.open_connection("127.0.0.1", port) for _ in range(30)]
        # A whole request still has its place.
        assert await asyncio.to_thread(status, f"{url}/health/live") == 200
        kept: list[bool] = []
        for reader, writer in held:
            try:
                async with asyncio.timeout(0.2):
                    kept.append(await reader.read(12) != b"")
            except TimeoutError:
                kept.append(True)
            except ConnectionError:
                kept.append(False)
            writer.close()
        return kept

    assert asyncio.run(come()) == [False] * 11 + [True] * 19


def test_a_proxy_that_is_named_is_believed(start: Start, run: Run, store_url: str) -> None:
    run("keys", "create", "--new-store", "--name", "a", "--scope", "admin", "--store", store_url)
    settings = {"LAURELS_TRUSTED_PROXIES": "127.0.0.1, 10.0.0.0/8", "LAURELS_ADDRESS_RATE": "5"}
    url = ready_url(start("serve", "--port", 0, "--store", store_url, env=settings))
    of_many = Counter(status(f"{url}/api/badges", {"x-forwarded-for": f"192.0.2.{n}"}) for n in range(20))
    assert of_many == {200: 20}
    # What the client itself wrote stands to the left of what proxies add.
    of_one = Counter(
        status(f"{url}/api/badges", {"x-forwarded-for": f"203.0.113.{n}, 198.51.100.7"}) for n in range(20)
    )
    assert of_one[429] >= 13


def test_beyond_this_machine_it_serves_with_a_key_alone(run: Run, start: Start, store_url: str) -> None:
    refused = run("serve", "--host", "0.0.0.0", "--port", 0, "--store", store_url)
    assert (refused.code, refused.out) == (2, "")
    assert "laurels keys create --new-store --store" in refused.err
    assert run("keys", "list", "--store", store_url).code == 2
    run("keys", "create", "--new-store", "--name", "a", "--scope", "admin", "--store", store_url)
    serving = start("serve", "--host", "0.0.0.0", "--port", 0, "--store", store_url)
    assert serving.stdout is not None
    line = serving.stdout.readline().decode()
    assert line.startswith("Laurels is ready at http://0.0.0.0:"), line
    url = f"http://127.0.0.1:{line.split('0.0.0.0:')[1].split(' ')[0]}"
    assert status(f"{url}/api/progress/dashboard/ada") == 401


def test_who_is_on_this_machine_is_told_that_all_is_open(start: Start, store_url: str) -> None:
    serving = start("serve", "--port", 0, "--store", store_url)
    url = ready_url(serving)
    assert serving.stderr is not None
    assert serving.stderr.readline().decode() == f"store: {store_url}\n"
    assert b"No API keys yet" in serving.stderr.readline()
    with urllib.request.urlopen(f"{url}/health/live", timeout=20) as answer:
        assert json.load(answer)["status"] == "ok"
