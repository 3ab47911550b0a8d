"""So many requests are worked on at once; who waits for a client holds no place, and a probe has its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from litestar.types import ASGIApp

from laurels.http.server.capacity import Capacity
from laurels.http.server.routing import Address, Route
from laurels.http.wire.bodies import BODY_IS_READ
from laurels.http.wire.http_error import HttpError
from tests.http.server.requests import ANYBODY, answering, ask, scope_of
from tests.waiting import FAR, until

PROBES = [Address(path, {"GET": Route(ANYBODY, is_probe=True)}) for path in ("/health/live", "/health/ready")]
STREAM = Address("/api/stream", {"GET": Route(ANYBODY, is_stream=True)})


class Held:
    """An application whose requests wait until they `may_end`; it reads the body first."""

    def __init__(self) -> None:
        self.may_end = asyncio.Event()
        self.begun = 0
        self.app = Capacity(self._work, requests=2, seconds=FAR, probes=1)

    async def _work(self, scope: Any, receive: Any, send: Any) -> None:
        await receive()
        self.begun += 1
        await self.may_end.wait()
        await answering()(scope, receive, send)

    async def asked(self, count: int, **scope: Any) -> list[asyncio.Task[Any]]:
        """So many requests that are worked on."""
        begun = self.begun + count
        tasks = [asyncio.create_task(ask(self.app, scope_of(**scope))) for _ in range(count)]
        await until(lambda: self.begun == begun)
        return tasks

    async def end(self, tasks: list[asyncio.Task[Any]]) -> list[int]:
        """The statuses of the answers."""
        self.may_end.set()
        return [status for status, _, _ in await asyncio.gather(*tasks)]


@pytest.fixture
async def held() -> AsyncIterator[Held]:
    made = Held()
    yield made
    made.app.close()


async def refusal(app: ASGIApp, **scope: Any) -> HttpError:
    with pytest.raises(HttpError) as refused:
        await ask(app, scope_of(**scope))
    return refused.value


class TestPlaces:
    async def test_one_more_than_there_are_is_refused_and_counted(self, held: Held) -> None:
        tasks = await held.asked(2)
        assert held.app.under_way == 2
        assert (await refusal(held.app)).status_code == 503
        assert (held.app.shed, held.app.under_way) == (1, 2)
        assert await held.end(tasks) == [200, 200]
        assert held.app.under_way == 0
        assert (await ask(held.app, scope_of()))[0] == 200

    async def test_a_place_comes_back_whatever_ends_the_request(self, held: Held) -> None:
        [gone, fails] = await held.asked(2)
        gone.cancel()
        with pytest.raises(asyncio.CancelledError):
            await gone
        assert held.app.under_way == 1
        await held.end([fails])

        async def broken(scope: Any, receive: Any, send: Any) -> None:
            raise ValueError

        app = Capacity(broken, requests=1, seconds=FAR)
        for _ in range(3):
            with pytest.raises(ValueError):  # noqa: PT011  ours
                await ask(app, scope_of())
        assert app.under_way == 0
        app.close()

    async def test_while_its_client_sends_the_body_a_request_holds_none(self, held: Held) -> None:
        comes = asyncio.Event()

        async def slow_body() -> Any:
            await comes.wait()
            return {"type": "http.request", "body": b"", "more_body": False}

        slow = [asyncio.create_task(ask(held.app, scope_of(), slow_body)) for _ in range(5)]
        await asyncio.sleep(0)
        assert held.app.under_way == 0
        tasks = await held.asked(2)
        comes.set()
        assert await held.end([*tasks, *slow]) == [200] * 7
        assert held.app.under_way == 0

    async def test_while_its_client_reads_the_answer_a_request_holds_none(self) -> None:
        reads = asyncio.Event()

        async def slow(message: Any) -> None:
            await reads.wait()

        app = Capacity(answering(), requests=1, seconds=FAR)
        reading = [asyncio.create_task(app(scope_of(), _nothing, slow)) for _ in range(3)]
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert app.under_way == 0
        reads.set()
        await asyncio.gather(*reading)
        assert app.under_way == 0
        app.close()

    async def test_probes_have_places_of_their_own_each_kind(self, held: Held) -> None:
        tasks = await held.asked(2)
        tasks += await held.asked(1, address=PROBES[0])
        assert (await refusal(held.app, address=PROBES[0])).status_code == 503
        tasks += await held.asked(1, address=PROBES[1])
        assert held.app.under_way == 4
        assert await held.end(tasks) == [200] * 4

    async def test_a_stream_holds_none_once_it_has_begun(self) -> None:
        async def stream(scope: Any, receive: Any, send: Any) -> None:
            await send({"type": "http.response.start", "status": 200, "headers": []})
            assert app.under_way == 0
            await send({"type": "http.response.body", "body": b"a", "more_body": True})
            assert app.under_way == 0
            await send({"type": "http.response.body", "body": b"b", "more_body": False})

        app = Capacity(stream, requests=1, seconds=FAR)
        assert (await ask(app, scope_of(address=STREAM)))[2] == b"ab"
        app.close()


async def _nothing() -> Any:
    return {"type": "http.disconnect"}


class TestTime:
    @pytest.mark.parametrize(
        ("method", "is_body_read", "status"), [("GET", False, 503), ("POST", False, 408), ("POST", True, 503)]
    )
    async def test_what_takes_too_long_is_refused_for_who_was_too_slow(
        self, method: str, is_body_read: bool, status: int
    ) -> None:
        async def endless(scope: Any, receive: Any, send: Any) -> None:
            if is_body_read:
                scope["state"][BODY_IS_READ] = True
            await asyncio.Event().wait()

        app = Capacity(endless, requests=1, seconds=0.01)
        refused = await refusal(app, method=method)
        assert (refused.status_code, refused.headers) == (status, {"Connection": "close"})
        assert "0.01 seconds" in refused.detail
        assert app.under_way == 0
        app.close()

    async def test_an_answer_that_has_begun_may_take_as_long_as_it_takes(self) -> None:
        async def slow(scope: Any, receive: Any, send: Any) -> None:
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await asyncio.sleep(0.05)
            await send({"type": "http.response.body", "body": b"late", "more_body": False})

        app = Capacity(slow, requests=1, seconds=0.01)
        # Whatever the machine does meanwhile, the first message comes at once.
        assert (await ask(app, scope_of()))[2] == b"late"
        app.close()
