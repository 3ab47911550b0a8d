"""What pages written for the older backend send and read: names, the order by total, badges seen once."""

from __future__ import annotations

import re
from collections.abc import Callable

import httpx2

from tests.http.answers import assert_refused
from tests.http.boards import CURSOR, board_once
from tests.http.conftest import Record, StartServer

BOARD = "/api/progress/leaderboard"


def test_nobody_is_shown_by_their_id(start_server: StartServer) -> None:
    server = start_server(unnamed="Student", projection_interval_ms="10")
    mail = "ada@school.example"
    with server.client() as client:
        client.post("/api/progress/event", json={"userId": mail, "eventType": "code_run"})
        [row] = board_once(client, {mail: 15})["leaderboard"]
        assert re.fullmatch(r"Student [2-9A-HJ-NP-Z]{4}", row["displayName"])
        assert row["hasName"] is False
        shown = client.get(f"/api/progress/dashboard/{mail}").json()["user"]
        assert (shown["displayName"], shown["hasName"]) == (row["displayName"], False)
        for page in ("/leaderboard", f"/u/{mail}"):
            assert row["displayName"] in client.get(page).text
        client.put(f"/api/progress/users/{mail}", json={"displayName": "Ada"})
        assert client.get(f"/api/progress/dashboard/{mail}").json()["user"]["hasName"] is True


def test_a_period_can_be_sorted_by_all_points(
    client: httpx2.Client, new_user: Callable[[], str], month: str, score: Callable[..., int], record: Record
) -> None:
    first, second, third, away = new_user(), new_user(), new_user(), new_user()
    before = 0
    for _ in range(20):
        before = record(second, "session_join", timestamp="1979-06-01T12:00:00Z")["progress"]["totalPoints"]
        record(away, "session_join", timestamp="1979-06-01T12:00:00Z")
    points = {first: score(first, 3), second: score(second, 1), third: score(third, 2)}
    # In a late month a badge for a whole year comes with it.
    earned = {first: points[first], second: points[second] - before, third: points[third]}
    ours = board_once(client, earned, period=month, sort="total")
    plain = board_once(client, earned, period=month)["leaderboard"]
    assert [row["userId"] for row in ours["leaderboard"]] == [second, first, third]
    assert [row["totalPoints"] for row in ours["leaderboard"]] == [points[one] for one in (second, first, third)]
    assert [row["rank"] for row in ours["leaderboard"]] == [1, 2, 3]
    assert (ours["total"], ours["next"]) == (3, None)
    # The points are those of the period all the same.
    assert {row["userId"]: row["points"] for row in ours["leaderboard"]} == {
        row["userId"]: row["points"] for row in plain
    }


def test_only_the_top_is_sorted_so(client: httpx2.Client, user: str) -> None:
    for other in ({"around": user}, {"cursor": CURSOR}, {"users": user}):
        assert_refused(client.get(BOARD, params={"sort": "total", **other}), 422, field="sort")
