"""HEAD wherever GET answers, and bodies that come packed."""

from __future__ import annotations

import gzip
import json

import httpx2
import pytest

from tests.http.answers import assert_refused
from tests.http.conftest import MAX_BATCH_BYTES, Record

PACKED_LIST = gzip.compress(b"[]")
PACKED = {"Content-Encoding": "gzip", "Content-Type": "application/json"}


class TestHead:
    @pytest.mark.parametrize(
        "path", ["/api/badges", "/api/progress/leaderboard", "/health/live", "/openapi.json", "/docs", "/leaderboard"]
    )
    def test_it_answers_as_get_does_without_a_body(self, client: httpx2.Client, path: str) -> None:
        head, whole = client.head(path), client.get(path)
        assert (head.status_code, head.content) == (whole.status_code, b"")
        assert head.headers["content-type"] == whole.headers["content-type"]

    def test_of_a_learner_who_is_not_there_too(self, client: httpx2.Client, record: Record, user: str) -> None:
        assert client.head(f"/api/progress/dashboard/{user}").status_code == 404
        record(user)
        assert client.head(f"/api/progress/dashboard/{user}").status_code == 200

    def test_a_stream_ends_at_its_head(self, client: httpx2.Client, user: str) -> None:
        answer = client.head(f"/api/progress/stream/{user}", timeout=5)
        assert answer.headers["content-type"].startswith("text/event-stream")


class TestGzip:
    def test_a_packed_batch_is_taken(self, client: httpx2.Client, user: str) -> None:
        events = [{"userId": user, "eventType": "code_run", "eventId": str(number)} for number in range(500)]
        body = gzip.compress(json.dumps(events).encode())
        answer = client.post("/api/progress/events", content=body, headers=PACKED)
        assert answer.json()["recorded"] == 500

    def test_a_packed_event_is_taken(self, client: httpx2.Client, user: str) -> None:
        body = gzip.compress(json.dumps({"userId": user, "eventType": "code_run"}).encode())
        assert client.post("/api/progress/event", content=body, headers=PACKED).status_code == 201

    def test_what_it_unpacks_to_is_bounded(self, client: httpx2.Client) -> None:
        bomb = gzip.compress(b"[" + b" " * (50 * MAX_BATCH_BYTES) + b"]")
        assert_refused(client.post("/api/progress/events", content=bomb, headers=PACKED), 413)

    @pytest.mark.parametrize(
        "body", [b"no gzip", PACKED_LIST[:-6], PACKED_LIST + b"x"], ids=["none", "cut off", "longer"]
    )
    def test_what_is_not_one_whole_stream_is_refused(self, client: httpx2.Client, body: bytes) -> None:
        assert_refused(client.post("/api/progress/events", content=body, headers=PACKED), 400)

    def test_another_encoding_is_refused_by_name(self, client: httpx2.Client) -> None:
        headers = {**PACKED, "Content-Encoding": "br"}
        assert_refused(client.post("/api/progress/events", content=b"[]", headers=headers), 415)
