"""Limits hold across processes, for whoever calls; and a server that has too much to do says so."""

from __future__ import annotations

import asyncio
import gzip
import json
import re
import socket
import sqlite3
import time
from collections import Counter
from collections.abc import Iterable
from contextlib import ExitStack, closing

import httpx2
import pytest

from tests.http.callers import SECRET, bearer, make_key, token
from tests.http.conftest import StartServer
from tests.http.server_process import ServerProcess

EVENT = {"userId": "ada", "eventType": "code_run"}
FORM_TOKEN = re.compile(r'name="token" value="([0-9a-f]+)"')


def statuses(port: int, count: int, key: str, *, connections: int = 8) -> Counter[int]:
    """How many of so many requests, a hundred at a time on each connection, got which status."""
    request = f"GET /api/badges HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer {key}\r\n\r\n".encode()
    found: Counter[int] = Counter()

    async def send(number: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for _ in range(number // 100):
            writer.write(request * 100)
            for _ in range(100):
                head = await reader.readuntil(b"\r\n\r\n")
                found[int(head[9:12])] += 1
                [length] = [line for line in head.split(b"\r\n") if line.startswith(b"content-length:")]
                await reader.readexactly(int(length.partition(b":")[2]))
        writer.close()

    async def run() -> None:
        await asyncio.gather(*(send(count // connections) for _ in range(connections)))

    asyncio.run(run())
    return found


def test_a_key_has_so_many_requests_a_minute_whatever_process_answers(start_server: StartServer) -> None:
    server = start_server(workers=2, key_rate="120")
    key = make_key(f"sqlite:///{server.database}", "progress:read")
    headers = bearer(key)
    other = bearer(make_key(f"sqlite:///{server.database}", "progress:read"))
    started = time.monotonic()
    found = statuses(server.port, 1_600, key)
    # Two come in each second; two processes may forgo some of what they had taken.
    most = 120 + 2 * (time.monotonic() - started) + 1
    assert 100 <= found[200] <= most, found
    assert found[200] + found[429] == found.total()
    with server.client() as client:
        while (refused := client.get("/api/badges", headers=headers)).status_code == 200:
            pass
        assert refused.status_code == 429
        assert refused.json()["success"] is False
        assert 1 <= int(refused.headers["retry-after"]) <= 60
        assert refused.headers["ratelimit-limit"] == "120"
        assert refused.headers["ratelimit-remaining"] == "0"
        assert client.get("/api/badges", headers=other).status_code == 200
        assert client.get("/health/live").status_code == 200
    server.stop()
    # What was used up stays so.
    server.start()
    with server.client() as client:
        assert int(client.get("/api/badges", headers=headers).headers["ratelimit-remaining"]) < 120


def test_end_users_addresses_and_failures_have_limits_of_their_own(start_server: StartServer) -> None:
    server = start_server(
        jwt_secret=SECRET,
        user_rate="40",
        user_kib="40",
        users_record_events="true",
        address_rate="20",
        failure_rate="2",
    )
    with server.client() as client:
        for who, allowed in ((bearer(token("ada")), 40), (bearer(token("bob")), 40), ({}, 20)):
            started = time.monotonic()
            found = Counter(client.get("/api/badges", headers=who).status_code for _ in range(60))
            come_in = allowed / 60 * (time.monotonic() - started)
            assert allowed <= found[200] <= allowed + come_in + 1, found
        wrong = bearer("lrl_0123456789ab_" + "0" * 40)
        found = Counter(client.get("/api/badges", headers=wrong).status_code for _ in range(20))
        assert 2 <= found[401] <= 3, found
        assert found[429] >= 17
        for other in ({"authorization": "Basic x"}, {"authorization": "Bearer"}, {"authorization": "lrl_x"}):
            assert client.get("/api/badges", headers=other).status_code == 429
        # Whoever shares the address with somebody who guesses still gets in.
        key = bearer(make_key(f"sqlite:///{server.database}", "progress:read"))
        assert client.get("/api/badges", headers=key).status_code == 200
        # What is recorded is kept for ever: 16 KiB for a change of a profile, an event as its size.
        eve = bearer(token("eve"))
        changes = [
            client.put("/api/progress/users/eve", json={"displayName": f"Eve {number}"}, headers=eve)
            for number in range(3)
        ]
        assert [each.status_code for each in changes] == [200, 200, 429]
        assert 600 <= int(changes[-1].headers["retry-after"]) <= 720
        large = {"userId": "eve", "eventType": "code_run", "metadata": {"text": "x" * 5_000}}
        found = [client.post("/api/progress/event", json=large, headers=eve).status_code for _ in range(2)]
        assert found == [201, 429]
        assert client.post("/api/progress/events", json=[large] * 2, headers=eve).status_code == 429
        assert client.post("/api/progress/events", json=[{**large, "metadata": {}}], headers=eve).status_code == 200
        # To leave the boards has every line on them written anew.
        fay = bearer(token("fay"))
        for change, status in (({"visibility": "hidden"}, 200), ({"displayName": "Fay"}, 429)):
            assert client.put("/api/progress/users/fay", json=change, headers=fay).status_code == status
        # The forms of the learner's page change the same profile.
        gil = {**bearer(token("gil")), "origin": server.url}
        assert client.put("/api/progress/users/gil", json={"displayName": "Gil"}, headers=gil).status_code == 200
        pages = [client.get("/u/gil", headers={**gil, "cookie": f"laurels_session={number}"}) for number in range(2)]
        # A cookie that says nothing changes nothing, or each of them would have the page drawn anew.
        [shown] = {FORM_TOKEN.findall(page.text)[0] for page in pages}
        asked = [{"token": shown, "action": "goals", "eventsPerDay": str(target)} for target in (1, 2)]
        assert [client.post("/u/gil", data=each, headers=gil).status_code for each in asked] == [303, 429]
        writer = bearer(make_key(f"sqlite:///{server.database}", "users:write"))
        changed = client.put("/api/progress/users/eve", json={"displayName": "Eva"}, headers=writer)
        assert changed.status_code == 200


def test_each_answer_tells_what_is_left(start_server: StartServer) -> None:
    server = start_server(key_rate="10")
    headers = bearer(make_key(f"sqlite:///{server.database}", "events:write"))
    with server.client() as client:
        answers = [client.post("/api/progress/event", json=EVENT, headers=headers) for _ in range(10)]
    assert [answer.status_code for answer in answers] == [201] * 10
    left = [int(answer.headers["ratelimit-remaining"]) for answer in answers]
    assert left == sorted(left, reverse=True)
    assert left[0] == 9


def test_a_batch_counts_as_one_request_for_each_event(start_server: StartServer) -> None:
    server = start_server(key_rate="100")
    headers = bearer(make_key(f"sqlite:///{server.database}", "events:write", "progress:read"))
    with server.client() as client:

        def send(count: int) -> httpx2.Response:
            return client.post("/api/progress/events", json=[EVENT] * count, headers=headers)

        first = send(60)
        assert (first.status_code, first.headers["ratelimit-remaining"]) == (200, "40")
        refused = send(60)
        # About twenty are missing, and somewhat more than one and a half come in each second.
        assert refused.status_code == 429
        assert 8 <= int(refused.headers["retry-after"]) <= 13
        assert client.get("/api/progress/dashboard/ada", headers=headers).json()["totalEvents"] == 60
        # What was too much was not taken.
        assert send(30).status_code == 200
        too_many = send(101)
        assert too_many.status_code == 413
        assert "100 events" in too_many.json()["error"]
        # What is read takes time, whether or not it holds events: each 64 KiB count as one.
        lines = gzip.compress(b"\n" * (101 * 65_536))
        packed = {**headers, "content-type": "application/x-ndjson", "content-encoding": "gzip"}
        too_long = client.post("/api/progress/events", content=lines, headers=packed)
        assert too_long.status_code == 429


def test_names_of_buckets_tell_nobody_whose_they_are(start_server: StartServer) -> None:
    def names(server: ServerProcess) -> set[str]:
        with server.client() as client:
            for who in ({}, bearer(token("ada")), {"authorization": "Basic x"}):
                client.get("/api/badges", headers=who)
        with closing(sqlite3.connect(server.database)) as database:
            return {name for (name,) in database.execute("SELECT name FROM buckets")}

    one, other = start_server(jwt_secret=SECRET), start_server(jwt_secret=SECRET)
    known = names(one)
    assert {name.partition(":")[0] for name in known} == {"address", "user", "failures"}
    one.stop()
    one.start()
    assert names(one) == known, "all processes know them by the same names"
    assert not names(other) & known, "and nobody can make a list of them"


def test_only_the_very_paths_of_health_have_no_limit(start_server: StartServer) -> None:
    server = start_server(jwt_secret=SECRET, address_rate="5")
    with server.client() as client:
        for path in ("/health/live", "/health/ready"):
            assert {client.get(path).status_code for _ in range(20)} == {200}
            assert {client.head(path).status_code for _ in range(20)} == {200}
        for path in ("/health/live/", "/health/live//", "/health/ready/", "/health/ready///", "/health/live?x=1"):
            found = Counter(client.get(path).status_code for _ in range(20))
            assert found[429] >= 13, (path, found)
        found = Counter(client.post("/health/live").status_code for _ in range(20))
        assert found[429] >= 13, found
        assert client.get("/health/live").status_code == 200


def test_searches_of_learners_take_turns_and_are_few(start_server: StartServer) -> None:
    server = start_server()
    headers = bearer(make_key(f"sqlite:///{server.database}", "admin"))
    with server.client() as client:
        events = [{"userId": f"user-{number:05}", "eventType": "code_run"} for number in range(10_000)]
        for start in range(0, len(events), 2_000):
            batch = events[start : start + 2_000]
            assert client.post("/api/progress/events", json=batch, headers=headers).status_code == 200
        too_long = client.get("/api/progress/users", params={"q": "x" * 101}, headers=headers)
        assert (too_long.status_code, too_long.json()["errors"][0]["field"]) == (422, "q")
        assert client.get("/api/progress/users", params={"q": "x" * 100}, headers=headers).status_code == 200

    async def search() -> Counter[int]:
        async with server.async_client() as client:
            query = {"q": "nobody"}
            asked = (client.get("/api/progress/users", params=query, headers=headers) for _ in range(40))
            return Counter(answer.status_code for answer in await asyncio.gather(*asked))

    found = asyncio.run(search())
    assert found.keys() == {200, 429}
    assert found[429] > found[200] >= 4, found
    with server.client() as client:
        # Each gave its place back.
        assert client.get("/api/progress/users", params={"q": "00007"}, headers=headers).json()["users"]


class TestNetworks:
    """One line of IPv6 has hundreds of addresses for nothing."""

    @pytest.mark.parametrize(
        ("settings", "headers", "status"),
        [({"address_rate": "5"}, {}, 200), ({"failure_rate": "5"}, {"authorization": "Basic x"}, 401)],
        ids=["requests", "failures"],
    )
    def test_a_household_and_a_site_have_limits_of_their_own(
        self, start_server: StartServer, settings: dict[str, str], headers: dict[str, str], status: int
    ) -> None:
        server = start_server(is_behind_proxy=True, jwt_secret=SECRET, **settings)
        started = time.monotonic()

        def send(client: httpx2.Client, addresses: Iterable[str]) -> Counter[int]:
            return Counter(
                client.get("/api/badges", headers={**headers, "x-forwarded-for": address}).status_code
                for address in addresses
            )

        def buckets() -> int:
            with closing(sqlite3.connect(server.database)) as database:
                return database.execute(
                    "SELECT count(*) FROM buckets WHERE name LIKE 'a%' OR name LIKE 'f%'"
                ).fetchone()[0]

        with server.client() as client:
            of_household = send(client, (f"2001:db8:1:{number:x}::1" for number in range(200)))
            come_in = 20 / 60 * (time.monotonic() - started)
            assert 20 <= of_household[status] <= 20 + come_in + 1, of_household
            assert of_household.total() == of_household[status] + of_household[429]
            # Those of the clients that were let in, one that was not, and of their networks.
            assert buckets() <= 2 * of_household[status] + 2
            of_site = send(client, (f"2001:db8:1:{number:x}00::1" for number in range(1, 200)))
            come_in = 80 / 60 * (time.monotonic() - started)
            assert 50 <= of_household[status] + of_site[status] <= 80 + come_in + 1, of_site
            assert send(client, ["2001:db8:2::1", "192.0.2.1"]) == {status: 2}
            known = {**bearer(token("ada")), "x-forwarded-for": "2001:db8:1:c7::1"}
            assert client.get("/api/badges", headers=known).status_code == 200

    def test_a_client_that_is_refused_takes_nothing_from_its_network(self, start_server: StartServer) -> None:
        server = start_server(is_behind_proxy=True, jwt_secret=SECRET, address_rate="5")
        with server.client() as client:
            found = [
                client.get("/api/badges", headers={"x-forwarded-for": address})
                for address in ["2001:db8:1:1::1"] * 100 + ["2001:db8:1:2::1"] * 5
            ]
        assert [each.status_code for each in found[-5:]] == [200] * 5
        refused = [each for each in found if each.status_code == 429]
        assert len(refused) > 80
        assert all(each.headers["ratelimit-limit"] == "5" for each in refused)


def test_addresses_that_clients_claim_to_have_change_nothing(start_server: StartServer) -> None:
    server = start_server(jwt_secret=SECRET, address_rate="5")
    with server.client() as client:
        found = Counter(
            client.get("/api/badges", headers={"x-forwarded-for": f"192.0.2.{n}"}).status_code for n in range(20)
        )
    assert found[429] >= 13


class TestSlowClients:
    """Bodies and heads that do not come, and too many at once."""

    def test_a_body_that_does_not_come_is_given_up(self, start_server: StartServer) -> None:
        server = start_server(request_seconds="1")
        with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
            connection.sendall(
                b"POST /api/progress/event HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n"
                b"content-length: 100\r\n\r\n{"
            )
            answer = b"".join(iter(lambda: connection.recv(65_536), b""))
        assert answer.startswith(b"HTTP/1.1 408 "), answer
        assert b"did not arrive within 1 second" in answer

    def test_more_than_it_works_on_is_told_to_come_again(self, start_server: StartServer) -> None:
        server = start_server(max_requests="4", store_timeout_ms="20000")
        body = json.dumps(EVENT).encode()
        request = b"POST /api/progress/event HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: %d\r\n\r\n%b" % (
            len(body),
            body,
        )
        with closing(sqlite3.connect(server.database, isolation_level=None)) as database, ExitStack() as stack:
            database.execute("BEGIN IMMEDIATE")
            held = [stack.enter_context(socket.create_connection(("127.0.0.1", server.port), 10)) for _ in range(4)]
            for connection in held:
                connection.sendall(request)
            with server.client() as client:
                deadline = time.monotonic() + 4
                while (answer := client.get("/api/badges")).status_code == 200 and time.monotonic() < deadline:
                    time.sleep(0.02)
                assert answer.status_code == 503
                assert answer.headers["retry-after"] == "1"
                database.execute("ROLLBACK")
                assert all(connection.recv(65_536).startswith(b"HTTP/1.1 201 ") for connection in held)
                assert client.get("/api/badges").status_code == 200
