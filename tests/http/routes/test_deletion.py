"""A learner's data over HTTP: all of it to take away, and all of it deleted."""

from __future__ import annotations

import json
from collections.abc import Callable
from urllib.parse import quote

import httpx2
import pytest

from laurels.application.privacy.personal_data import PAGE
from tests.http.answers import INSTANT, USER, assert_refused
from tests.http.boards import board, board_once
from tests.http.conftest import Record, StartServer

EVENT = "/api/progress/event"


def data_of(client: httpx2.Client, user: str) -> dict[str, object]:
    answer = client.get(f"/api/progress/users/{quote(user, safe='')}/data")
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/json"
    return answer.json()


def delete(client: httpx2.Client, user: str) -> httpx2.Response:
    return client.delete(f"/api/progress/users/{quote(user, safe='')}")


@pytest.mark.parametrize("name", ["{}", "{}/with a/slash", "{}/data", "{}?&#%"])
def test_everything_that_is_held_comes_in_one_document(
    client: httpx2.Client, user: str, record: Record, month: str, name: str
) -> None:
    who = name.format(user)
    event = record(who, eventId="run-1", metadata={"language": "python"}, timestamp=f"{month}-10T12:00:00Z")
    client.put(f"/api/progress/users/{quote(who, safe='')}", json={"displayName": "Ada", "preferences": {"a": [1]}})
    board_once(client, {who: event["progress"]["totalPoints"]}, period=month)
    data = data_of(client, who)
    assert data.keys() == {
        "success", "userId", "generatedAt", "profile", "progress", "card", "standings", "waiting", "setAside",
        "entries",
    }  # fmt: skip
    assert (data["success"], data["userId"], data["waiting"], data["setAside"]) == (True, who, [], [])
    profile, progress = data["profile"], data["progress"]
    assert isinstance(profile, dict)
    assert isinstance(progress, dict)
    assert profile.keys() >= USER
    assert (profile["displayName"], profile["preferences"]) == ("Ada", {"a": [1]})
    assert progress["summary"]["totalPoints"] == event["progress"]["totalPoints"]
    assert {line["board"] for line in data["standings"]} >= {"all", month}  # pyright: ignore
    first, second = data["entries"]  # pyright: ignore
    assert (first["seq"], first["eventId"], first["body"]["kind"]) == (1, "run-1", "event")
    assert INSTANT.fullmatch(first["recordedAt"])
    assert first["body"]["metadata"] == {"language": "python"}
    assert second["body"]["changes"] == {"displayName": "Ada", "preferences": {"a": [1]}}


def test_a_long_ledger_is_streamed_whole(client: httpx2.Client, user: str) -> None:
    count = 2 * PAGE + 1
    events = [{"userId": user, "eventType": "code_run", "eventId": str(number)} for number in range(count)]
    assert client.post("/api/progress/events", json=events).json()["recorded"] == count
    with client.stream("GET", f"/api/progress/users/{user}/data") as answer:
        assert "content-length" not in answer.headers
        found = json.loads(answer.read())
    assert [entry["seq"] for entry in found["entries"]] == list(range(1, count + 1))


def test_of_nobody_there_is_nothing_to_show_or_delete(client: httpx2.Client, user: str) -> None:
    assert_refused(client.get(f"/api/progress/users/{user}/data"), 404, code=":unknown-user")
    assert_refused(delete(client, user), 404, code=":unknown-user")
    assert_refused(client.get(f"/api/progress/users/{user}"), 404, code=":unknown-user")
    assert_refused(delete(client, "x" * 101), 422, field="userId")


def test_deleted_is_gone_and_stays_so(
    client: httpx2.Client, new_user: Callable[[], str], month: str, score: Callable[..., int]
) -> None:
    first, second = new_user(), new_user()
    board_once(client, {first: score(first, 3), second: score(second, 1)}, period=month)
    answer = delete(client, first)
    assert answer.status_code == 200, answer.text
    assert answer.json().keys() == {"success", "deletedAt"}
    assert INSTANT.fullmatch(answer.json()["deletedAt"])
    shown = board(client, period=month)
    assert [(row["rank"], row["userId"]) for row in shown["leaderboard"]] == [(1, second)]
    assert shown["total"] == 1
    for path in ("dashboard", "badges", "activity", "rank", "export"):
        assert_refused(client.get(f"/api/progress/{path}/{first}"), 404, code=":unknown-user")
    assert_refused(client.get(f"/api/progress/users/{first}/data"), 404, code=":unknown-user")
    event = {"userId": first, "eventType": "code_run"}
    refusal = assert_refused(client.post(EVENT, json=event), 410, code=":user-deleted")
    assert first not in refusal["detail"]
    assert_refused(client.put(f"/api/progress/users/{first}", json={"displayName": "A"}), 410, code=":user-deleted")
    batch = client.post("/api/progress/events", json=[event, {**event, "userId": second}]).json()
    assert [result["status"] for result in batch["results"]] == ["invalid", "recorded"]
    assert batch["results"][0]["error"] == refusal["error"]
    assert (batch["recorded"], batch["rejected"]) == (1, 1)
    # Again: the same answer.
    again = delete(client, first)
    assert (again.status_code, again.json()) == (200, answer.json())


def test_a_stream_of_the_deleted_ends(client: httpx2.Client, user: str, record: Record) -> None:
    record(user)
    with client.stream("GET", f"/api/progress/stream/{user}") as answer:
        lines = answer.iter_lines()
        assert any(line.startswith("event: progress") for line in lines)
        assert delete(client, user).status_code == 200
        # To its end: what it waits for is that there is one.
        assert all("event: event" not in line for line in lines)


async def test_two_servers_on_one_file_refuse_alike(start_server: StartServer) -> None:
    one = start_server()
    other = start_server(folder=one.folder)
    event = {"userId": "ada", "eventType": "code_run"}
    with one.client() as here, other.client() as there:
        for client in (here, there):
            assert client.post(EVENT, json=event).status_code == 201
        assert delete(here, "ada").status_code == 200
        for client in (there, here):
            assert_refused(client.post(EVENT, json=event), 410, code=":user-deleted")
            assert_refused(client.get("/api/progress/dashboard/ada"), 404)
    for server in (one, other):
        server.stop()
    assert (await one.verify()).differences == []
