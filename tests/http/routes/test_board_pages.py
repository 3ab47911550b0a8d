"""The top of a board as it is given again: alike on both ways, known by its tag, and never one from before a change."""

from __future__ import annotations

import httpx2
import pytest

from tests.http.answers import assert_refused
from tests.http.boards import URL, board_once
from tests.http.conftest import StartServer


@pytest.mark.parametrize("query", ["", "limit=3", "timeframe=weekly&limit=100", "period=2026-03&limit=2"])
def test_the_fast_path_answers_as_the_route_does(client: httpx2.Client, query: str) -> None:
    short = client.get(f"{URL}?{query}" if query else URL)
    routed = client.get(f"{URL}?{query}&sort=points" if query else f"{URL}?sort=points")
    assert (short.status_code, short.content) == (routed.status_code, routed.content)
    for name in ("etag", "cache-control", "content-type", "content-length", "content-security-policy"):
        assert short.headers[name] == routed.headers[name]


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=101", "limit=1000", "limit=x", "timeframe=yearly", "limt=3", "period=2026-99"]
)
def test_both_refuse_alike(client: httpx2.Client, query: str) -> None:
    short, routed = client.get(f"{URL}?{query}"), client.get(f"{URL}?{query}&sort=points")
    assert (short.status_code, short.content) == (routed.status_code, routed.content)
    assert_refused(short, 422)


def test_a_page_that_is_still_the_same_is_not_sent_again(start_server: StartServer) -> None:
    server = start_server()
    with server.client() as client:
        client.post("/api/progress/event", json={"userId": "ada", "eventType": "code_run"})
        board_once(client, {"ada": 15})
        first = client.get(URL)
        assert first.headers["cache-control"] == "private, no-cache"
        again = client.get(URL, headers={"If-None-Match": first.headers["etag"]})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", first.headers["etag"])
        routed = client.get(f"{URL}?sort=points", headers={"If-None-Match": f'W/{first.headers["etag"]}, "other"'})
        assert routed.status_code == 304
        client.post("/api/progress/event", json={"userId": "ada", "eventType": "code_run"})
        board_once(client, {"ada": 20})
        changed = client.get(URL, headers={"If-None-Match": first.headers["etag"]})
        assert changed.status_code == 200
        assert changed.headers["etag"] != first.headers["etag"]


@pytest.mark.parametrize("store", ["sqlite", "mongodb"])
def test_who_leaves_the_boards_is_gone_in_every_process_at_once(
    start_server: StartServer, request: pytest.FixtureRequest, store: str
) -> None:
    settings = {} if store == "sqlite" else {"store": request.getfixturevalue("mongodb_url")}
    one = start_server(**settings)
    other = start_server(folder=one.folder, **settings)
    with one.client() as here, other.client() as there:
        for user_id in ("ada", "bob"):
            here.post("/api/progress/event", json={"userId": user_id, "eventType": "code_run"})
        board_once(there, {"ada": 15, "bob": 15})
        for visibility in ("hidden", "public") * 10:
            changed = here.put("/api/progress/users/bob", json={"visibility": visibility})
            assert changed.status_code == 200
            rows = there.get(URL).json()["leaderboard"]
            assert ("bob" in {row["userId"] for row in rows}) is (visibility == "public")
        assert here.delete("/api/progress/users/bob").status_code == 200
        assert [row["userId"] for row in there.get(URL).json()["leaderboard"]] == ["ada"]
