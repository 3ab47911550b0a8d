"""Servers of the database that are killed or that hang while clients write: nothing acknowledged is lost or doubled."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager
from itertools import count, pairwise
from pathlib import Path

import httpx2
import pytest

from tests.http.conftest import StartServer
from tests.http.resilience.test_races import EVENT
from tests.http.server_process import ServerProcess
from tests.mongod import Deployment
from tests.storage.test_mongodb_processes import check
from tests.waiting import FAR

USERS = 10
TYPES = ("code_run", "ai_debug", "session_join", "challenge_complete", "visualize")

Deploy = Callable[..., Deployment]


class Load:
    """Clients that record one event after the other, each on a connection of its own.

    What was not acknowledged is sent again with the same id until it is, as a client should.
    """

    def __init__(self) -> None:
        self.acknowledged: list[str] = []
        self.instants: list[float] = []
        self.refusals: Counter[int | str] = Counter()
        self._stopping = False

    @asynccontextmanager
    async def on(self, server: ServerProcess, *, connections: int) -> AsyncIterator[None]:
        async with server.async_client() as http, asyncio.TaskGroup() as group:
            for number in range(connections):
                group.create_task(self._record(http, number))
            try:
                yield
            finally:
                self._stopping = True

    async def _record(self, http: httpx2.AsyncClient, client: int) -> None:
        for number in count():
            if self._stopping:
                return
            event = {
                "userId": f"user-{(client + number) % USERS}",
                "eventType": TYPES[number % len(TYPES)],
                "eventId": f"{client}-{number}",
                "metadata": {"language": f"language-{number % 7}"},
            }
            while not await self._post(http, event):  # noqa: ASYNC110  a client that waits before it tries again
                await asyncio.sleep(0.1)
            self.acknowledged.append(f"{event['userId']} {event['eventId']}")
            self.instants.append(time.monotonic())

    async def _post(self, http: httpx2.AsyncClient, event: dict[str, object]) -> bool:
        try:
            answer = await http.post(EVENT, json=event)
        except httpx2.TransportError as error:
            self.refusals[type(error).__name__] += 1
            return False
        if not answer.is_success:
            self.refusals[answer.status_code] += 1
        return answer.is_success

    async def more(self, acknowledged: int) -> None:
        """Return when so many more events were acknowledged."""
        wanted = len(self.acknowledged) + acknowledged
        async with asyncio.timeout(90):
            while len(self.acknowledged) < wanted:  # noqa: ASYNC110  counted by many, waited for by one
                await asyncio.sleep(0.05)

    def longest_pause(self) -> float:
        """The longest time, in seconds, in which nothing was acknowledged."""
        return max(later - earlier for earlier, later in pairwise(self.instants))


@pytest.fixture
def three_nodes(deploy_mongodb: Deploy, tmp_path: Path) -> Iterator[Deployment]:
    """A replica set of the test's own, to be broken."""
    deployment = deploy_mongodb(tmp_path / "three", members=3)
    yield deployment
    deployment.end()


@pytest.fixture
def one_node(deploy_mongodb: Deploy, tmp_path: Path) -> Iterator[Deployment]:
    """The same of one member."""
    deployment = deploy_mongodb(tmp_path / "one", members=1)
    yield deployment
    deployment.end()


@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    ("kills", "connections"), [(1, 16), pytest.param(5, 64, marks=pytest.mark.long)], ids=["once", "five times"]
)
async def test_a_killed_primary_loses_and_doubles_nothing(
    three_nodes: Deployment,
    start_server: StartServer,
    tmp_path: Path,
    kills: int,
    connections: int,
    capsys: pytest.CaptureFixture[str],
) -> None:
    url = three_nodes.url("laurels")
    # Not the folder of the user, which servers of other runs on such a store have, too.
    server = start_server(store=url, workers=2, spool=str(tmp_path / "spool"))
    load = Load()
    async with load.on(server, connections=connections):
        for _ in range(kills):
            await load.more(20 * connections)
            killed = await asyncio.to_thread(three_nodes.primary)
            # The others hang for a moment first: what the primary then took in on its own dies with it, and whoever
            # acknowledged that would be found out.
            with ExitStack() as hanging:
                for node in three_nodes.nodes:
                    if node is not killed:
                        hanging.enter_context(node.stopped())
                await asyncio.sleep(0.5)
                killed.kill()
            # Two of three elect a new primary and go on, without the third.
            await load.more(20 * connections)
            killed.start()
            await asyncio.to_thread(killed.wait_until_member)
    with capsys.disabled():
        print(
            f"\n{kills} kills, {connections} connections: {len(load.acknowledged):,} events acknowledged, "
            f"at most {load.longest_pause():.1f} s without one, refused {dict(load.refusals)}"
        )
    # The election is waited for: no client got an error.
    assert load.refusals == {}
    server.stop()
    assert await check(url, load.acknowledged) == len(load.acknowledged)


async def test_requests_answer_in_time_while_the_database_hangs(
    one_node: Deployment, start_server: StartServer
) -> None:
    limit = 2.0
    url = one_node.url("laurels", options=f"&timeoutMS={limit * 1_000:.0f}")
    server = start_server(store=url, spool="off")
    event = {"userId": "ada", "eventType": "code_run", "eventId": "hung"}
    [node] = one_node.nodes
    async with server.async_client() as http:
        assert (await http.post(EVENT, json={**event, "eventId": "first"})).status_code == 201

        async def timed(method: str, path: str, **body: object) -> tuple[httpx2.Response, float]:
            began = time.monotonic()
            return await http.request(method, path, **body), time.monotonic() - began  # pyright: ignore

        with node.stopped():
            write, second, dashboard, board, ready, live = await asyncio.gather(
                timed("POST", EVENT, json=event),
                timed("POST", EVENT, json={**event, "eventId": "behind it"}),
                timed("GET", "/api/progress/dashboard/ada"),
                timed("GET", "/api/progress/leaderboard"),
                timed("GET", "/health/ready"),
                timed("GET", "/health/live"),
            )
            # Its turn comes when the one before has given up.
            late = await timed("POST", EVENT, json={**event, "eventId": "late"})
        assert live[0].status_code == 200
        # Not one of those that wait.
        assert live[1] < min(seconds for _, seconds in (write, second, late, dashboard, board))
        for answer, seconds in (write, second, late):
            assert answer.status_code == 503
            assert answer.headers["retry-after"]
            assert seconds < FAR
        for answer, seconds in (dashboard, board):
            assert (answer.status_code, answer.json()["fallback"]) == (503, True)
            assert seconds < FAR
        assert ready[0].status_code == 503
        assert ready[1] < FAR
        # What was refused is sent again, and whatever became of it, it stands once.
        async with asyncio.timeout(30):
            for event_id in ("hung", "behind it", "late"):
                while not (await http.post(EVENT, json={**event, "eventId": event_id})).is_success:  # noqa: ASYNC110
                    await asyncio.sleep(0.2)
    server.stop()
    verification = await server.verify()
    assert (verification.events, verification.differences) == (4, [])
