"""PDF documents are made one after the other: nobody may queue so many that others wait for theirs, or for anything."""

from __future__ import annotations

import pytest

from laurels.http.auth.access import Caller
from laurels.http.wire.concurrency_limits import ConcurrencyLimit
from laurels.http.wire.refusal import Refusal
from tests.http.callers import SECRET, bearer, make_key, token
from tests.http.conftest import StartServer
from tests.http.server.test_hostile_connections import connect, read_all

ADA, BOB, KEY = Caller(user_id="ada"), Caller(user_id="bob"), Caller(key="key")


def test_one_caller_may_wait_for_a_few_and_others_still_have_their_turn() -> None:
    queue = ConcurrencyLimit("document", in_all=4, of_key=3, of_user=2)
    with queue.entering(ADA), queue.entering(ADA):
        with pytest.raises(Refusal) as refused, queue.entering(ADA):
            pass
        assert refused.value.status_code == 429
        assert "2 documents" in refused.value.detail
        with queue.entering(KEY), queue.entering(KEY):
            with pytest.raises(Refusal) as refused, queue.entering(BOB):
                pass
            assert refused.value.status_code == 503
        with queue.entering(BOB):
            pass
    with queue.entering(ADA), queue.entering(ADA):
        pass


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
