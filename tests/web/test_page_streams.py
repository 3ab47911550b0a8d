"""The streams behind the pages: what they tell a stranger about a learner with a public page, and when they end."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from tests.http.callers import bearer, make_key, revoke
from tests.http.server_process import ServerProcess
from tests.web.test_admin import sign_in

ADDRESS = "/stream/u/ada"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server that shows the pages of learners to everybody."""
    process = ServerProcess(
        tmp_path_factory.mktemp("streams"), public="boards,badges,profiles", stream_heartbeat_ms="100"
    )
    process.start()
    yield process
    process.stop()
    assert "unexpected fault" not in process.log, process.log


@pytest.fixture(scope="module")
def admin(server: ServerProcess) -> str:
    """A key for everything; learners have events since."""
    key = make_key(f"sqlite:///{server.database}", "admin")
    record(server, key, "first")
    return key


def record(server: ServerProcess, key: str, event_id: str) -> None:
    event = {"userId": "ada", "eventType": "code_run", "eventId": event_id, "metadata": {"note": "of nobody else"}}
    with server.client() as client:
        assert client.post("/api/progress/event", json=event, headers=bearer(key)).status_code == 201


def told(pieces: Iterator[bytes], kind: bytes) -> bytes:
    """What comes until there is a message of a kind."""
    text = b""
    while b"event: " + kind not in text:
        text += next(pieces)
    return text


def test_a_stranger_is_told_that_something_came_and_never_what(server: ServerProcess, admin: str) -> None:
    # The id asks for everything from the beginning.
    with (
        server.client() as stranger,
        stranger.stream("GET", ADDRESS, headers={"Last-Event-ID": "0"}, timeout=10) as stream,
    ):
        assert stream.headers["cache-control"] == "no-store"
        pieces = stream.iter_raw()
        text = told(pieces, b"progress")
        assert b"event: event" not in text
        record(server, admin, "second")
        text += told(pieces, b"event")
    assert set(re.findall(rb"data: (.*)", text)) == {b"{}"}


def test_a_badge_is_told_by_its_name(server: ServerProcess, admin: str) -> None:
    grant = {"userId": "ada", "badgeId": "mentor", "reason": "A reason that is nobody else's."}
    with server.client() as stranger, stranger.stream("GET", ADDRESS, timeout=10) as stream:
        pieces = stream.iter_raw()
        told(pieces, b"progress")
        with server.client() as client:
            assert client.post("/api/progress/awards", json=grant, headers=bearer(admin)).is_success
        assert b'data: {"name":"Mentor"}' in told(pieces, b"badge")


def test_nothing_is_told_again_to_a_client_that_comes_back(server: ServerProcess, admin: str) -> None:
    with server.client() as client:
        entries = client.get("/api/progress/history/ada", headers=bearer(admin)).json()["entries"]
        last = {"Last-Event-ID": str(entries[0]["seq"])}
        with client.stream("GET", ADDRESS, headers=last, timeout=10) as stream:
            pieces = stream.iter_raw()
            text = b"".join(next(pieces) for _ in range(4))
    assert b"data:" not in text


def test_it_ends_when_the_learner_makes_the_page_private(server: ServerProcess, admin: str) -> None:
    with server.client() as client, server.client() as stranger:
        with stranger.stream("GET", ADDRESS, timeout=10) as stream:
            pieces = stream.iter_raw()
            told(pieces, b"progress")
            change = client.put("/api/progress/users/ada", json={"visibility": "hidden"}, headers=bearer(admin))
            assert change.is_success
            assert b"bye" in b"".join(pieces)
        assert stranger.get("/u/ada").status_code == 404


def test_that_of_a_session_ends_with_the_key_that_the_session_was_made_from(server: ServerProcess, admin: str) -> None:
    key = make_key(f"sqlite:///{server.database}", "admin")
    with server.client() as client, server.client() as writer:
        shown = writer.put("/api/progress/users/ada", json={"visibility": "public"}, headers=bearer(admin))
        assert shown.is_success
        sign_in(client, key)
        with client.stream("GET", ADDRESS, timeout=10) as stream:
            pieces = stream.iter_raw()
            told(pieces, b"progress")
            revoke(f"sqlite:///{server.database}", key)
            assert b"bye" in b"".join(pieces)
