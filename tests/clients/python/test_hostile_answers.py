"""Something else answers in the service's place: the platform's process keeps its memory, and gets an error of ours."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterator

import pytest

from laurels.client import AsyncClient, Client, ServiceUnreachable, transport
from tests.clients.python.scripted_service import Reply, ScriptedService

Record = Callable[[str], object]


@pytest.fixture(scope="module")
def service() -> Iterator[ScriptedService]:
    with ScriptedService() as scripted:
        yield scripted


async def unreachable(service: ScriptedService, reply: Reply) -> str:
    """What both clients say about the same answer."""
    service.replies.extend([reply, reply])
    with Client(service.url) as client, pytest.raises(ServiceUnreachable) as waiting:
        client.record("ada", "code_run")
    async with AsyncClient(service.url) as client:
        with pytest.raises(ServiceUnreachable) as awaiting:
            await client.record("ada", "code_run")
    assert str(waiting.value) == str(awaiting.value)
    return str(waiting.value)


async def test_an_answer_is_read_up_to_a_size_that_counts_what_it_unpacks_to(
    service: ScriptedService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport, "MOST_BYTES", 100_000)
    # Valid but for its size: without the bound it would be an answer.
    document = b'{"event": {}, "newBadges": []' + b" " * 200_000 + b"}"
    for headers, body in (({"Content-Encoding": "gzip"}, gzip.compress(document)), ({}, document)):
        for status in (200, 422):
            said = await unreachable(service, (status, headers, body))
            assert "is not the service" in said


async def test_an_answer_that_comes_piece_by_piece_is_not_waited_for_without_end(
    service: ScriptedService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport, "_PIECES_SECONDS", -1)
    assert "did not answer in time" in await unreachable(service, (200, {}, b"{}"))


@pytest.mark.parametrize("status", [200, 500])
async def test_an_answer_of_endless_depth_is_not_the_services(service: ScriptedService, status: int) -> None:
    document = b'{"unknown": ' + b"[" * 100_000
    assert "is not the service" in await unreachable(service, (status, {}, document))
