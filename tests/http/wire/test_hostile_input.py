"""Input that means to be more than data stays data."""

from __future__ import annotations

import time

import httpx2
import pytest

from tests.http.answers import assert_refused
from tests.http.conftest import StartServer

EVENT = "/api/progress/event"


@pytest.mark.parametrize(
    "more",
    [
        {"points": 9_000},
        {"totalPoints": 9_000},
        {"level": 25},
        {"badges": ["first_run"]},
        {"user": {"role": "admin"}},
        {"__proto__": {"points": 9_000}},
        {"earnedAt": "2026-01-01T00:00:00Z"},
    ],
    ids=str,
)
def test_what_is_not_asked_for_is_refused(client: httpx2.Client, user: str, more: dict[str, object]) -> None:
    [field] = more
    assert_refused(client.put(f"/api/progress/users/{user}", json={"displayName": "Ada", **more}), 422, field=field)
    assert_refused(client.post(EVENT, json={"userId": user, "eventType": "ai_explain", **more}), 422, field=field)
    assert client.get(f"/api/progress/dashboard/{user}").status_code == 404


def test_odd_keys_of_metadata_are_keys(client: httpx2.Client, user: str) -> None:
    metadata = {
        "__proto__": {"polluted": True},
        "constructor": {"prototype": 1},
        "$where": "sleep(1000)",
        "a.b": {"$ne": None},
        "__class__": "x",
        "'; DROP TABLE ledger; --": '"',
    }
    event = {"userId": user, "eventType": "code_run", "metadata": metadata}
    answer = client.post(EVENT, json=event)
    assert answer.status_code == 201
    assert answer.json()["event"]["metadata"] == metadata
    assert client.get(f"/api/progress/dashboard/{user}").json()["totalEvents"] == 1


def test_ids_that_look_alike_are_different_people(client: httpx2.Client, user: str) -> None:
    alike = [f"{user}-ada", f"{user}-\u0430da", f"{user}-Ada", f"{user}-ad\u00e1", f"{user}-\u00e4da"]
    for number, each in enumerate(alike):
        for _ in range(number + 1):
            assert client.post(EVENT, json={"userId": each, "eventType": "code_run"}).status_code == 201
    for number, each in enumerate(alike):
        found = client.get(
            f"/api/progress/dashboard/{httpx2.QueryParams({'q': each})}".replace("q=", "").replace("+", " ")
        )
        assert found.json()["totalEvents"] == number + 1


@pytest.mark.parametrize(
    "odd", ["\u202eada", "ada\u200f", "\u2066ada\u2069", "ada\n", "ada\x1b[31m", "ada\r\nx: y"], ids=ascii
)
def test_ids_with_characters_that_nobody_sees_are_refused(client: httpx2.Client, odd: str) -> None:
    assert_refused(client.post(EVENT, json={"userId": odd, "eventType": "code_run"}), 422)
    assert_refused(client.put("/api/progress/users/visible", json={"displayName": odd}), 422)


def test_nothing_of_a_request_is_written_into_the_log(start_server: StartServer) -> None:
    server = start_server(log_level="debug")
    secret = "a-very-secret-person"
    with server.client() as client:
        for attempt in (
            lambda: client.post(EVENT, json={"userId": secret, "eventType": "nonsense"}),
            lambda: client.post(EVENT, content=f'{{"userId": "{secret}'.encode()),
            lambda: client.get(f"/api/progress/dashboard/{secret}?since={secret}"),
            lambda: client.get(f"/api/{secret}"),
            lambda: client.get("/api/badges", headers={"authorization": f"Bearer {secret}", "user-agent": secret}),
            lambda: client.get(f"/api/progress/stream/{secret}?access_token={secret}"),
            lambda: client.post(EVENT, json={"userId": 'x\n{"level": "error"}', "eventType": "code_run"}),
        ):
            assert attempt().status_code >= 400
    time.sleep(0.2)
    assert secret not in server.log
    assert '"level": "error"}' not in server.log


@pytest.mark.parametrize(
    "name", ["x-forwarded-for", "host", "origin", "authorization", "content-type", "last-event-id"]
)
def test_headers_of_any_kind_are_refused_or_taken_as_they_are(client: httpx2.Client, name: str) -> None:
    for value in ("a" * 8_000, "\x80\xff", "' OR 1=1 --", "${jndi:ldap://127.0.0.1/a}", "../../etc/passwd"):
        answer = client.get("/api/badges", headers=[(name.encode(), value.encode("latin-1"))])
        assert answer.status_code in (200, 400, 401, 431), (name, value, answer.status_code)


@pytest.mark.parametrize(
    "path",
    [
        "/api/progress//leaderboard/stream",
        "//api/progress/leaderboard/stream",
        "/stream//leaderboard",
        "/api//progress/stream/ada",
        "/health//live",
        "/api/progress//leaderboard",
    ],
)
def test_a_path_with_an_empty_segment_names_no_other_address(client: httpx2.Client, path: str) -> None:
    # A stream that is reached so would hold a place of all requests for as long as it lasts.
    with client.stream("GET", f"http://{client.base_url.netloc.decode()}{path}") as answer:
        assert answer.status_code == 404
