"""A user id is data: whatever it looks like, it comes back unchanged and finds its learner on every route."""

from __future__ import annotations

import csv
import io
import time

import httpx2
import pytest

from tests.http.answers import assert_refused
from tests.http.conftest import Record

IDS = [
    "a/b",
    "/a",
    "a/",
    "//",
    "/",
    "a//b",
    "..",
    ".",
    "a/../b",
    "../../etc/passwd",
    "%",
    "%2F",
    "%00",
    "100%",
    "a?b=c",
    "?",
    "#",
    "a#b",
    "a b",
    "a+b",
    "a&b=c;d",
    "ada@example.org",
    '{"$gt": ""}',
    '{"$ne": null}',
    "' OR '1'='1",
    "'; DROP TABLE ledger; --",
    '" OR ""="',
    "_",
    "%' --",
    "\\",
    "Ada",
    "ada",
    "ADA",
    "é",
    "名前",
    "שלום",
    "ÅÄÖ ß ﬁ",
    "😀" * 100,
    "x" * 100,
    "null",
    "undefined",
    "dashboard",
    "x/dashboard/y",
    "export/x/users/y",
    "<script>alert(1)</script>",
    "${jndi:ldap://x}",
    "=1+1",
]
REFUSED = [
    "",
    " ",
    " a",
    "a ",
    "\u3000",
    "e\u0301",
    "ada\u3164",
    "\u2800",
    "a\u034fda",
    "ada\ufe0f",
    "ada\U000e0101",
    "\uffa0",
    "x" * 101,
    "😀" * 101,
    "\0",
    "a\0b",
    "a\nb",
    "a\tb",
    "\x7f",
    "\u200b",
    "ada\u200d",
    "ada\u202e",
    "\u2066ada\u2069",
    "\ufeffada",
    "\u00ad",
    "\ue000",
    "\u2028",
    "a\u00a0b",
]


def escaped(user: str) -> str:
    # Every byte: of "..", for one, clients make another address where they see it.
    return "".join(f"%{byte:02X}" for byte in user.encode())


def test_ids_that_differ_in_anything_are_different_learners(client: httpx2.Client, record: Record) -> None:
    for number, user in enumerate(IDS, 1):
        recorded = record(user, "visualize", eventId="differs", metadata={"number": number})
        assert recorded["event"]["userId"] == user
    for number, user in enumerate(IDS, 1):
        answer = client.get(f"/api/progress/export/{escaped(user)}", params={"format": "csv"})
        # Some of these learners other tests have as well.
        [row] = [each for each in csv.DictReader(io.StringIO(answer.text)) if each["eventId"] == "differs"]
        assert row["metadata"] == f'{{"number":{number}}}', user


@pytest.mark.parametrize("user", IDS)
def test_every_route_finds_the_learner(client: httpx2.Client, record: Record, user: str) -> None:
    record(user, "visualize")
    path = escaped(user)
    dashboard = client.get(f"/api/progress/dashboard/{path}").json()
    assert dashboard["user"]["userId"] == user
    assert client.get(f"/api/progress/export/{path}").json()["user"]["userId"] == user
    for route in ("badges", "activity", "rank"):
        response = client.get(f"/api/progress/{route}/{path}")
        assert response.status_code == 200, response.text
    assert client.put(f"/api/progress/users/{path}", json={"displayName": "X"}).json()["user"]["userId"] == user
    deadline = time.monotonic() + 30
    while True:
        response = client.get("/api/progress/leaderboard", params={"around": user, "limit": 1})
        if response.status_code == 200 or time.monotonic() > deadline:
            break
        time.sleep(0.02)
    [row] = response.json()["leaderboard"]
    assert row["userId"] == row["_id"] == user


@pytest.mark.parametrize("user", ["a/b", "a//b", "a b", "ada@example.org", "a:b;c=d", "名前"])
def test_what_need_not_be_escaped_may_stand_as_it_is(client: httpx2.Client, record: Record, user: str) -> None:
    record(user)
    response = client.get(f"/api/progress/dashboard/{user}")
    assert response.json()["user"]["userId"] == user


@pytest.mark.parametrize("user", REFUSED)
def test_an_id_that_cannot_be_seen_or_is_too_long_is_refused(client: httpx2.Client, user: str) -> None:
    event = {"userId": user, "eventType": "code_run"}
    assert_refused(client.post("/api/progress/event", json=event), 422, field="userId", code=":invalid-event")
    [result] = client.post("/api/progress/events", json=[event]).json()["results"]
    assert result["status"] == "invalid"
    assert result["error"].startswith("userId: ")
    if user:
        path = escaped(user)
        response = client.put(f"/api/progress/users/{path}", json={"displayName": "X"})
        assert_refused(response, 422, field="userId", code=":invalid-profile")
        assert_refused(client.get(f"/api/progress/dashboard/{path}"), 404)


@pytest.mark.parametrize("path", ["%FF", "%C3", "%ED%A0%80", "a%FFb", "%C0%AF"])
@pytest.mark.parametrize("route", ["dashboard", "badges", "activity", "rank", "export"])
def test_a_path_that_is_no_text_is_refused(client: httpx2.Client, route: str, path: str) -> None:
    assert_refused(client.get(f"/api/progress/{route}/{path}"), 422, field="userId", code=":invalid-query")
