"""POST /api/progress/events: one result for each event, in order, whatever its neighbours are."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable
from contextlib import ExitStack
from select import select
from typing import Any

import httpx2
import pytest

from tests.http.answers import assert_refused
from tests.http.conftest import Record
from tests.http.server.test_hostile_connections import connect
from tests.http.server_process import ServerProcess

URL = "/api/progress/events"
NDJSON = {"content-type": "application/x-ndjson"}
NOON = "2025-03-05T12:00:00Z"


def event(user: str, event_id: str, **fields: Any) -> dict[str, Any]:
    return {"userId": user, "eventType": "visualize", "eventId": event_id, "timestamp": NOON} | fields


def post_lines(client: httpx2.Client, lines: list[Any], **headers: str) -> httpx2.Response:
    """Objects as JSON, bytes as they are."""
    body = b"\n".join(line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines)
    return client.post(URL, content=body, headers=NDJSON | headers)


class TestRecordEvents:
    @pytest.mark.parametrize("form", ["array", "lines"])
    def test_every_kind_of_event_has_its_own_result_in_order(
        self, client: httpx2.Client, record: Record, user: str, form: str
    ) -> None:
        record(user, "visualize", eventId="known", timestamp=NOON)
        events = [
            event(user, "a"),
            event(user, "known"),
            event(user, "known", metadata={"other": 1}),
            event(user, "b", eventType="nonsense"),
            event(user, "c"),
            event(user, "d", userId=5),
            event(user, "e", timestamp="never"),
            event(user, "f", metadata={"codeLength": -1}),
        ]
        response = client.post(URL, json=events) if form == "array" else post_lines(client, events)
        assert response.status_code == 200
        answer = response.json()
        assert answer.keys() == {"success", "results", "recorded", "replayed", "rejected"}
        assert answer["success"] is True
        assert [(result["status"], result["eventId"]) for result in answer["results"]] == [
            ("recorded", "a"),
            ("replayed", "known"),
            ("conflict", "known"),
            ("invalid", "b"),
            ("recorded", "c"),
            ("invalid", "d"),
            ("invalid", "e"),
            ("invalid", "f"),
        ]
        assert [result["line"] for result in answer["results"]] == list(range(1, 9))
        assert (answer["recorded"], answer["replayed"], answer["rejected"]) == (2, 1, 5)
        for result in answer["results"]:
            if result["status"] in ("recorded", "replayed"):
                assert result.keys() == {"status", "eventId", "line", "points"}
                assert result["points"] == 6
            else:
                assert result.keys() == {"status", "eventId", "line", "error"}
        errors = [result.get("error", "") for result in answer["results"]]
        assert [error.partition(":")[0] for error in errors[3:] if error] == [
            "eventType",
            "userId",
            "timestamp",
            "metadata.codeLength",
        ]
        assert client.get(f"/api/progress/dashboard/{user}").json()["totalEvents"] == 3

    @pytest.mark.parametrize(
        "line",
        [
            b"{",
            b"nonsense",
            b'{"userId":5,',
            b'{"userId":5,"eventId":"\\ud800"}',
            b'{"userId":5,"eventId":"\xff"}',
            b'{"userId":5,"metadata":' + b"[" * 5_000 + b"]" * 5_000 + b"}",
            b'{"userId":"x","eventType":"visualize","metadata":{"a":' + b"[" * 5_000 + b"]" * 5_000 + b"}}",
            b"\xff\xfe",
            b"null",
            b"[]",
            b"5",
            b'"text"',
            b"{}",
            b"\x00",
        ],
    )
    def test_a_broken_line_does_not_spoil_the_rest(self, client: httpx2.Client, user: str, line: bytes) -> None:
        response = post_lines(client, [event(user, "before"), line, event(user, "after")])
        assert response.status_code == 200, response.text
        before, broken, after = response.json()["results"]
        assert (before["status"], after["status"]) == ("recorded", "recorded")
        assert broken["status"] == "invalid"
        assert broken["eventId"] is None
        assert broken["error"]

    def test_outcomes_in_full_are_those_of_single_events(
        self, client: httpx2.Client, user: str, new_user: Callable[[], str]
    ) -> None:
        other = new_user()
        answer = client.post(URL, params={"outcomes": "full"}, json=[event(user, "a"), event(user, "a"), {}])
        first, again, invalid = answer.json()["results"]
        single = client.post("/api/progress/event", json=event(other, "a")).json()
        assert (first["newBadges"], first["progress"]) == (single["newBadges"], single["progress"])
        assert first["timestamp"][-1] == "Z"
        assert again == first | {"status": "replayed", "line": 2}
        refusal = client.post("/api/progress/event", json={}).json()
        assert refusal["type"] == f"urn:laurels:problem:{invalid['code']}"
        assert (refusal["error"], refusal["errors"]) == (invalid["error"], invalid["errors"])
        assert "code" not in client.post(URL, json=[{}]).json()["results"][0]

    def test_in_full_it_says_whose_events_are_refused_since_they_were_deleted(
        self, client: httpx2.Client, user: str
    ) -> None:
        client.post(URL, json=[event(user, "a")])
        assert client.delete(f"/api/progress/users/{user}").is_success
        [refused] = client.post(URL, params={"outcomes": "full"}, json=[event(user, "b")]).json()["results"]
        assert (refused["status"], refused["code"]) == ("invalid", "user-deleted")

    def test_empty_lines_are_none_and_keep_their_numbers(self, client: httpx2.Client, user: str) -> None:
        response = post_lines(client, [b"", event(user, "a"), b" ", b"\r", event(user, "b"), b"{"])
        assert [(result["line"], result["status"]) for result in response.json()["results"]] == [
            (2, "recorded"),
            (5, "recorded"),
            (6, "invalid"),
        ]

    def test_a_wrong_element_of_an_array_does_not_spoil_the_rest(self, client: httpx2.Client, user: str) -> None:
        response = client.post(URL, json=[None, event(user, "a"), [], 5, {}, event(user, "b")])
        statuses = [result["status"] for result in response.json()["results"]]
        assert statuses == ["invalid", "recorded", "invalid", "invalid", "invalid", "recorded"]

    def test_an_event_that_comes_twice_in_a_batch_counts_once(self, client: httpx2.Client, user: str) -> None:
        twice = event(user, "twice")
        response = client.post(URL, json=[twice, twice, twice | {"metadata": {"n": 1}}, twice])
        answer = response.json()
        assert [result["status"] for result in answer["results"]] == ["recorded", "replayed", "conflict", "replayed"]
        assert (answer["recorded"], answer["replayed"], answer["rejected"]) == (1, 2, 1)
        assert client.get(f"/api/progress/dashboard/{user}").json()["eventStats"] == {
            "visualize": {"count": 1, "points": 6}
        }

    def test_events_without_an_id_get_one_each(self, client: httpx2.Client, user: str) -> None:
        bare = {"userId": user, "eventType": "visualize"}
        results = client.post(URL, json=[bare, bare]).json()["results"]
        assert [result["status"] for result in results] == ["recorded", "recorded"]
        assert results[0]["eventId"] != results[1]["eventId"]

    def test_blank_lines_and_windows_line_ends_are_no_events(self, client: httpx2.Client, user: str) -> None:
        lines = [b"", json.dumps(event(user, "a")).encode() + b"\r", b"  ", json.dumps(event(user, "b")).encode(), b""]
        assert [result["status"] for result in post_lines(client, lines).json()["results"]] == ["recorded"] * 2

    @pytest.mark.parametrize("name", ["application/x-ndjson", "application/ndjson", "application/jsonl; charset=utf-8"])
    def test_lines_go_by_several_names(self, client: httpx2.Client, user: str, name: str) -> None:
        assert post_lines(client, [event(user, "a")], **{"content-type": name}).json()["recorded"] == 1

    def test_an_empty_batch_records_nothing(self, client: httpx2.Client) -> None:
        nothing = {"success": True, "results": [], "recorded": 0, "replayed": 0, "rejected": 0}
        assert client.post(URL, json=[]).json() == nothing
        assert client.post(URL, content=b"", headers=NDJSON).json() == nothing

    def test_ten_thousand_events_are_taken_and_one_more_is_not(self, client: httpx2.Client, user: str) -> None:
        lines = [{"userId": user, "eventType": "visualize", "eventId": str(n)} for n in range(10_000)]
        assert post_lines(client, lines).json()["recorded"] == 10_000
        assert_refused(post_lines(client, [*lines, event(user, "one more")]), 413)
        assert_refused(client.post(URL, json=[*lines, event(user, "one more")]), 413)
        assert client.get(f"/api/progress/dashboard/{user}").json()["totalEvents"] == 10_000

    def test_the_whole_batch_sent_again_is_replayed(self, client: httpx2.Client, user: str) -> None:
        events = [event(user, str(number)) for number in range(50)]
        first = client.post(URL, json=events).json()
        again = client.post(URL, json=events).json()
        assert (first["recorded"], again["replayed"]) == (50, 50)
        assert [result["points"] for result in again["results"]] == [result["points"] for result in first["results"]]


def test_unfinished_batches_of_one_caller_take_no_more_memory_than_a_few(
    client: httpx2.Client, server: ServerProcess, user: str
) -> None:
    head = b"POST %b HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/x-ndjson\r\n" % URL.encode()
    head += b"transfer-encoding: chunked\r\n\r\n"
    lines = (json.dumps(event(user, "a", metadata={"text": "x" * 60_000})).encode() + b"\n") * 33
    with ExitStack() as stack:
        waiting: list[socket.socket] = []
        for _ in range(6):
            waiting.append(stack.enter_context(connect(server)))
            waiting[-1].sendall(head + b"%x\r\n%b\r\n" % (len(lines), lines))
        # As many as fit, and no others, whoever sends them.
        refused: dict[socket.socket, bytes] = {}
        deadline = time.monotonic() + 30
        while len(refused) < 2:
            assert time.monotonic() < deadline
            refused |= {each: each.recv(65_536) for each in select(waiting, [], [], 0.1)[0] if each not in refused}
        assert all(answer.startswith(b"HTTP/1.1 429 ") for answer in refused.values()), refused
        assert all(b"retry-after: " in answer for answer in refused.values())
    deadline = time.monotonic() + 30
    while post_lines(client, [event(user, "b", metadata={"text": "x" * 16_000})] * 120).status_code != 200:
        assert time.monotonic() < deadline
