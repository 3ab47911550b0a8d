"""What costs much is bounded by caller: nobody may have so much of it that others wait for theirs, or for anything."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import ExitStack, suppress
from typing import Any

import pytest
from litestar import Request, Response

from laurels.http.auth.access import Caller
from laurels.http.wire.batch_room import BatchRoom
from laurels.http.wire.concurrency_limits import ConcurrencyLimit
from laurels.http.wire.http_error import HttpError
from tests.http.callers import SECRET, bearer, make_key, token
from tests.http.conftest import StartServer
from tests.http.server.test_hostile_connections import connect, read_all

ADA, BOB, KEY = Caller(user_id="ada"), Caller(user_id="bob"), Caller(key="key")


def test_one_caller_may_wait_for_a_few_and_others_still_have_their_turn() -> None:
    queue = ConcurrencyLimit("document", in_all=4, of_key=3, of_user=2)
    with queue.entering(ADA), queue.entering(ADA):
        with pytest.raises(HttpError) as refused, queue.entering(ADA):
            pass
        assert refused.value.status_code == 429
        assert "2 documents" in refused.value.detail
        with queue.entering(KEY), queue.entering(KEY):
            with pytest.raises(HttpError) as refused, queue.entering(BOB):
                pass
            assert refused.value.status_code == 503
        with queue.entering(BOB):
            pass
    with queue.entering(ADA), queue.entering(ADA):
        pass


async def pieces() -> AsyncIterator[bytes]:
    yield b"a"
    yield b"b"


class Gone(Exception):
    """What ends an answer to HEAD, or one whose client is gone."""


async def send(answer: Response[Any], *, until: str) -> list[bytes]:
    """Send an answer, which breaks off at the first message of a kind."""
    sent: list[bytes] = []
    scope: Any = {"type": "http", "method": "GET", "headers": [], "state": {}}

    async def take(message: Any) -> None:
        if message["type"] == until:
            raise Gone
        sent.append(message.get("body", b""))

    app: Any = answer.to_asgi_response(None, Request(scope))  # pyright: ignore[reportUnknownMemberType]  untyped there
    with suppress(Gone, ExceptionGroup):
        async with asyncio.timeout(3):
            await app(scope, leave_in_a_moment, take)
    return sent


async def leave_in_a_moment() -> Any:
    await asyncio.sleep(0.2)
    return {"type": "http.disconnect"}


async def test_downloads_that_were_let_through_together_count_each_until_they_end() -> None:
    downloads = ConcurrencyLimit("download", in_all=9, of_key=9, of_user=2)
    for _ in range(3):
        downloads.check(ADA)

    def ask() -> Response[Any]:
        return downloads.stream(ADA, pieces(), {})

    whole, broken = ask(), ask()
    with pytest.raises(HttpError):
        ask()
    assert b"".join(await send(whole, until="")) == b"ab"
    unbegun = ask()
    with pytest.raises(HttpError):
        ask()
    await send(broken, until="http.response.body")
    await send(unbegun, until="http.response.start")
    with downloads.entering(ADA), downloads.entering(ADA):
        # Not only when all of it is swept up.
        assert all((whole, broken, unbegun))


def test_end_users_leave_room_for_the_batches_of_keys() -> None:
    room = BatchRoom(1_000)
    with ExitStack() as stack:
        for number in range(4):
            take = stack.enter_context(room.entering(Caller(user_id=f"user {number}")))
            take(999)
            with pytest.raises(HttpError) as refused:
                take(2)
            assert refused.value.status_code == 429, "one batch each"
            take(1)
        with pytest.raises(HttpError) as refused:
            stack.enter_context(room.entering(BOB))(1)
        assert refused.value.status_code == 503, "half of the room together"
        take = stack.enter_context(room.entering(KEY))
        take(4_000)
        with pytest.raises(HttpError) as refused:
            take(1)
        assert refused.value.status_code == 429
    with room.entering(BOB) as take:
        take(1_000)


def test_an_end_user_who_asks_for_many_at_once_gets_two(start_server: StartServer) -> None:
    pytest.importorskip("typst")
    server = start_server(jwt_secret=SECRET)
    key = make_key(f"sqlite:///{server.database}", "events:write")
    with server.client() as client:
        event = {"userId": "ada", "eventType": "code_run"}
        assert client.post("/api/progress/event", json=event, headers=bearer(key)).status_code == 201
    head = f"GET /api/progress/export/ada?format=pdf HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {token('ada')}\r\n"
    connections = [connect(server) for _ in range(10)]
    for connection in connections:
        connection.sendall(f"{head}connection: close\r\n\r\n".encode())
    statuses = [read_all(connection)[9:12] for connection in connections]
    for connection in connections:
        connection.close()
    assert 2 <= statuses.count(b"200") < 10
    assert statuses.count(b"429") == 10 - statuses.count(b"200")
