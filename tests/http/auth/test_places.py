"""Requests of one end user wait for each other, so that nobody else's stand behind a hundred of them."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any, cast

import pytest
from litestar.types import HTTPScope, Receive, Scope, Send

from laurels.http.auth.access import Caller
from laurels.http.auth.guard import Guard, Rates
from laurels.http.auth.places import AT_ONCE, UserPlaces
from laurels.http.wire.http_error import HttpError


class Requests:
    """Requests that are worked on until they are let go."""

    def __init__(self, places: UserPlaces) -> None:
        self.places = places
        self.under_way: list[str] = []
        self.release = asyncio.Event()
        self.answers_first = False

    async def send(self, user_id: str, name: str) -> None:
        async with self.places.entering(user_id) as place:
            self.under_way.append(name)
            if self.answers_first:
                place.leave()
            await self.release.wait()


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_a_few_of_one_user_are_worked_on_and_the_rest_wait_in_line_or_are_refused() -> None:
    places = UserPlaces(at_once=2, waiting=2)
    requests = Requests(places)
    tasks = [asyncio.create_task(requests.send("ada", str(number))) for number in range(4)]
    await settle()
    assert requests.under_way == ["0", "1"]
    with pytest.raises(HttpError, match="under way") as refused:
        await requests.send("ada", "4")
    assert refused.value.status_code == 429
    other = asyncio.create_task(requests.send("bob", "other"))
    await settle()
    assert requests.under_way == ["0", "1", "other"]
    # Clients that give up: one that waits, and one whose place goes to the next in line.
    for gone in (tasks[2], tasks[0]):
        gone.cancel()
        with suppress(asyncio.CancelledError):
            await gone
    await settle()
    assert requests.under_way == ["0", "1", "other", "3"]
    requests.release.set()
    await asyncio.gather(tasks[1], tasks[3], other)
    assert len(places) == 0


async def test_an_answer_that_has_begun_gives_its_place_back() -> None:
    requests = Requests(UserPlaces(at_once=1, waiting=1))
    requests.answers_first = True
    tasks = [asyncio.create_task(requests.send("ada", str(number))) for number in range(2)]
    await settle()
    assert requests.under_way == ["0", "1"]
    requests.release.set()
    await asyncio.gather(*tasks)
    assert len(requests.places) == 0


class OneUser:
    """Every request is one of ada's."""

    async def of(self, scope: HTTPScope) -> Caller:
        del scope
        return Caller(user_id="ada")


async def test_the_guard_has_requests_of_end_users_wait_but_not_for_slow_bodies() -> None:
    begun, body, release = 0, asyncio.Event(), asyncio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        nonlocal begun
        if scope["state"]["has_body"]:
            await receive()
        begun += 1
        await release.wait()

    async def receive() -> Any:
        await body.wait()

    nothing = cast("Any", None)
    guard = Guard(app, identity=cast("Any", OneUser()), limiter=nothing, names=nothing, rates=Rates())

    def send(count: int, *, has_body: bool) -> list[asyncio.Task[None]]:
        scopes = [cast("Any", {"type": "http", "state": {"route": None, "has_body": has_body}}) for _ in range(count)]
        return [asyncio.create_task(guard(scope, receive, nothing)) for scope in scopes]

    slow = send(AT_ONCE, has_body=True)
    await settle()
    others = send(AT_ONCE + 2, has_body=False)
    await settle()
    assert begun == AT_ONCE
    body.set()
    await settle()
    assert begun == AT_ONCE
    release.set()
    await asyncio.gather(*slow, *others)
    assert begun == len(slow) + len(others)
