"""Events that cannot be: each refused with a clear answer that names the field, and nothing changed."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import pytest

from tests.http.answers import assert_refused
from tests.http.conftest import MAX_BATCH_BYTES, Record

EVENT = "/api/progress/event"
BATCH = "/api/progress/events"
JSON = {"content-type": "application/json"}


@pytest.fixture
def unchanged(client: httpx2.Client, record: Record, user: str) -> Iterator[str]:
    """A learner of whom something is recorded, and who is the same after the test."""
    record(user, metadata={"language": "python"}, eventId="before")

    def exported() -> tuple[dict[str, Any], str]:
        document = client.get(f"/api/progress/export/{user}").json()
        del document["generatedAt"]
        for badge in document["badges"]:
            # How many others hold it, who come and go.
            badge.pop("held", None)
        return document, client.get(f"/api/progress/export/{user}", params={"format": "csv"}).text

    before = exported()
    yield user
    assert exported() == before


@pytest.fixture
def post(client: httpx2.Client) -> Callable[[bytes | str], httpx2.Response]:
    return lambda body: client.post(EVENT, content=body, headers=JSON)


def ahead(**span: float) -> str:
    return (datetime.now(UTC) + timedelta(**span)).isoformat()


class TestFields:
    @pytest.mark.parametrize(
        ("change", "field"),
        [
            *(({"userId": wrong}, "userId") for wrong in (None, 5, True, 1.5, [], ["ada"], {"$gt": ""}, "", "x" * 101)),
            *(
                ({"eventType": wrong}, "eventType")
                for wrong in (None, 5, [], {}, "", "nonsense", "CODE_RUN", "code_run\0")
            ),
            *(
                ({"eventId": wrong}, "eventId")
                for wrong in (5, True, [], {"$ne": None}, "", "x" * 101, "a\0", "a\u202eb")
            ),
            *(({"metadata": wrong}, "metadata") for wrong in (5, "x", [], [{}], True)),
            *(({"timestamp": wrong}, "timestamp") for wrong in (5, 1.5, True, [], {})),
        ],
        ids=repr,
    )
    def test_a_wrong_value_is_refused(
        self, client: httpx2.Client, unchanged: str, change: dict[str, Any], field: str
    ) -> None:
        event = {"userId": unchanged, "eventType": "code_run"} | change
        assert_refused(client.post(EVENT, json=event), 422, field=field, code=":invalid-event")
        [result] = client.post(BATCH, json=[event]).json()["results"]
        assert result["status"] == "invalid"
        assert result["error"].startswith(f"{field}: ")

    @pytest.mark.parametrize(
        ("metadata", "field"),
        [
            *(
                ({"codeLength": wrong}, "metadata.codeLength")
                for wrong in (-1, 1.5, True, "ten", "-1", "1.5", "1e3", "", " 5", [], 10**9 + 1, 10**30)
            ),
            *(
                ({"sessionDuration": wrong}, "metadata.sessionDuration")
                for wrong in (-0.1, True, "long", "1e2", {}, 1e300, 10**30)
            ),
            *(
                ({"language": wrong}, "metadata.language")
                for wrong in ("x" * 51, 5, ["c"], {"$gt": ""}, "c\0", "c\u202e")
            ),
            ({"\0": 1}, "metadata"),
            ({"a": {"b": {"\0": 1}}}, "metadata.a"),
            ({"note": "x" * 17 * 1024}, "metadata"),
            ({str(number): number for number in range(2_000)}, "metadata"),
        ],
        ids=lambda value: repr(value)[:40],
    )
    def test_wrong_metadata_is_refused(
        self, client: httpx2.Client, unchanged: str, metadata: dict[str, Any], field: str
    ) -> None:
        event = {"userId": unchanged, "eventType": "code_run", "metadata": metadata}
        assert_refused(client.post(EVENT, json=event), 422, field=field, code=":invalid-event")

    @pytest.mark.parametrize("missing", ["userId", "eventType"])
    def test_a_missing_field_is_named(self, client: httpx2.Client, unchanged: str, missing: str) -> None:
        event = {"userId": unchanged, "eventType": "code_run"}
        del event[missing]
        assert_refused(client.post(EVENT, json=event), 422, field=missing)

    @pytest.mark.parametrize(
        "timestamp",
        [
            "2026-01-01T00:00:00",
            "2026-01-01",
            "2026-01-01 ",
            "yesterday",
            "",
            "1760000000",
            "2026-02-30T00:00:00Z",
            "2026-01-01T25:00:00Z",
            "2026-01-01T00:00:00+99:00",
            "0001-01-01T00:00:00Z",
            "0001-01-01T00:00:00+14:00",
            "0000-01-01T00:00:00Z",
            "1969-12-31T23:59:59.999Z",
            "9999-12-31T23:59:59Z",
            "9999-12-31T23:59:59-14:00",
            "10000-01-01T00:00:00Z",
        ],
    )
    def test_a_time_that_cannot_be_is_refused(self, client: httpx2.Client, unchanged: str, timestamp: str) -> None:
        event = {"userId": unchanged, "eventType": "code_run", "timestamp": timestamp}
        assert_refused(client.post(EVENT, json=event), 422, field="timestamp")

    def test_a_clock_may_go_five_minutes_ahead(self, client: httpx2.Client, record: Record, unchanged: str) -> None:
        event = {"userId": unchanged, "eventType": "code_run", "timestamp": ahead(minutes=5, seconds=5)}
        assert_refused(client.post(EVENT, json=event), 422, field="timestamp")
        record(f"{unchanged}-ahead", timestamp=ahead(minutes=4))

    @pytest.mark.parametrize("depth", [17, 100])
    def test_metadata_nested_too_deeply_is_refused(
        self, post: Callable[[str], httpx2.Response], unchanged: str, depth: int
    ) -> None:
        nested = '{"a":' * depth + "1" + "}" * depth
        body = f'{{"userId":"{unchanged}","eventType":"code_run","metadata":{nested}}}'
        assert_refused(post(body), 422, field="metadata.a")

    @pytest.mark.parametrize("brackets", [('{"a":', "}"), ("[", "]")], ids=["objects", "arrays"])
    def test_nesting_that_no_stack_bears_is_refused(
        self, post: Callable[[str], httpx2.Response], unchanged: str, brackets: tuple[str, str]
    ) -> None:
        opening, closing = brackets
        nested = f'{{"a":{opening * 5_000}1{closing * 5_000}}}'
        body = f'{{"userId":"{unchanged}","eventType":"code_run","metadata":{nested}}}'
        assert_refused(post(body), 422, code=":invalid-event")

    @pytest.mark.parametrize(
        "metadata",
        [
            {"note": "x" * (16 * 1024 - len('{"note":""}'))},
            {"codeLength": 0, "sessionDuration": 0},
            {"codeLength": 10**9, "sessionDuration": 1e-9},
            {"language": None, "codeLength": None, "sessionDuration": None},
            {"language": "l" * 50},
            {"huge": 10**40, "float": 1e308, "negative": -(2**63), "text": "\0", "": "", "emoji": "😀", "$gt": "'--"},
        ],
        ids=lambda value: repr(value)[:40],
    )
    def test_what_is_just_allowed_comes_back_unchanged(
        self, client: httpx2.Client, record: Record, user: str, metadata: dict[str, Any]
    ) -> None:
        answer = record(user, metadata=metadata, eventId="edge")
        assert answer["event"]["metadata"] == metadata
        again = client.post(
            EVENT, json={"userId": user, "eventType": "code_run", "metadata": metadata, "eventId": "edge"}
        )
        assert (again.status_code, again.json()) == (200, answer)

    def test_metadata_may_be_16_levels_deep(self, record: Record, user: str) -> None:
        nested: dict[str, Any] = {}
        for _ in range(15):
            nested = {"a": nested}
        assert record(user, metadata=nested)["event"]["metadata"] == nested


class TestBodies:
    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"{",
            b"nonsense",
            b"userId=ada&eventType=code_run",
            b'{"userId":"ada","eventType":"code_run",}',
            b"{'userId':'ada','eventType':'code_run'}",
            b'{"userId":"ada","eventType":"code_run"} {}',
            b'{"userId":"ada","eventType":"code_run","metadata":{"n":NaN}}',
            b'{"userId":"ada","eventType":"code_run","metadata":{"n":-Infinity}}',
            b'{"userId":"\\ud800","eventType":"code_run"}',
            b'{"userId":"ada","eventType":"code_run","metadata":{"\\udc00":1}}',
            b'{"userId":"ada\xff","eventType":"code_run"}',
            b'{"userId":"\xed\xa0\x80","eventType":"code_run"}',
            b"\xff\xfe{\x00}\x00",
            b"\x00",
        ],
    )
    def test_what_is_no_json_is_refused(
        self, post: Callable[[bytes], httpx2.Response], unchanged: str, body: bytes
    ) -> None:
        assert_refused(post(body.replace(b'"ada', f'"{unchanged}'.encode())), 400, code=":bad-request")

    def test_a_number_that_no_float_holds_is_refused(
        self, post: Callable[[str], httpx2.Response], unchanged: str
    ) -> None:
        body = f'{{"userId":"{unchanged}","eventType":"code_run","metadata":{{"n":1e999}}}}'
        assert_refused(post(body), 422, field="metadata")

    @pytest.mark.parametrize("body", [b"null", b"[]", b"5", b'"text"', b"true"])
    def test_json_that_is_no_object_is_refused(self, post: Callable[[bytes], httpx2.Response], body: bytes) -> None:
        assert_refused(post(body), 422, field="body")

    def test_a_batch_that_is_no_array_is_refused(self, client: httpx2.Client, unchanged: str) -> None:
        event = {"userId": unchanged, "eventType": "code_run"}
        assert_refused(client.post(BATCH, json=event), 422, field="body")
        for body in (b"", b"[", json.dumps([event]).encode()[:-1]):
            assert_refused(client.post(BATCH, content=body, headers=JSON), 400)

    @pytest.mark.parametrize("announced", [True, False], ids=["with its length", "in chunks"])
    @pytest.mark.parametrize(("url", "limit"), [(EVENT, 64 * 1024), (BATCH, MAX_BATCH_BYTES)])
    def test_a_body_over_the_limit_is_refused(
        self, client: httpx2.Client, unchanged: str, url: str, limit: int, announced: bool
    ) -> None:
        body = json.dumps({"userId": unchanged, "eventType": "code_run"}).encode()
        body = body if url == EVENT else b"[" + body + b"]"
        padded = body + b" " * (limit + 1 - len(body))
        chunks = (padded[start : start + 10_000] for start in range(0, len(padded), 10_000))
        response = client.post(url, content=padded if announced else chunks, headers=JSON)
        assert ("content-length" in response.request.headers) is announced
        problem = assert_refused(response, 413)
        assert str(limit) in problem["detail"]

    def test_a_body_at_the_limit_is_taken_in_chunks_too(self, client: httpx2.Client, user: str) -> None:
        body = json.dumps({"userId": user, "eventType": "code_run"}).encode()
        padded = body + b" " * (64 * 1024 - len(body))
        for content in (padded, iter([padded[:100], padded[100:]])):
            assert client.post(EVENT, content=content, headers=JSON).status_code == 201

    @pytest.mark.parametrize(
        "name",
        ["text/plain", "application/xml", "multipart/form-data", "application/x-www-form-urlencoded", "", "json"],
    )
    @pytest.mark.parametrize("url", [EVENT, BATCH])
    def test_another_content_type_is_refused(self, client: httpx2.Client, unchanged: str, url: str, name: str) -> None:
        body = json.dumps({"userId": unchanged, "eventType": "code_run"})
        assert_refused(client.post(url, content=body, headers={"content-type": name}), 415)

    def test_lines_are_for_batches_only(self, client: httpx2.Client, unchanged: str) -> None:
        body = json.dumps({"userId": unchanged, "eventType": "code_run"})
        assert_refused(client.post(EVENT, content=body, headers={"content-type": "application/x-ndjson"}), 415)

    @pytest.mark.parametrize("headers", [{}, {"content-type": "Application/JSON; charset=utf-8"}])
    def test_json_is_assumed_where_nothing_is_named(
        self, client: httpx2.Client, user: str, headers: dict[str, str]
    ) -> None:
        body = json.dumps({"userId": user, "eventType": "code_run"}).encode()
        request = client.build_request("POST", EVENT, content=body, headers=headers)
        assert ("content-type" in request.headers) is bool(headers)
        assert client.send(request).status_code == 201
