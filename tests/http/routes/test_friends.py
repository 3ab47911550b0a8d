"""GET /api/progress/leaderboard: friends and movement since the period before."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import httpx2

from tests.http.answers import assert_refused
from tests.http.boards import CURSOR, URL, board, board_once
from tests.http.conftest import Record


def ranks(answer: dict[str, Any]) -> list[tuple[int, str]]:
    return [(row["rank"], row["userId"]) for row in answer["leaderboard"]]


class TestFriends:
    def test_they_are_ranked_among_themselves(
        self, client: httpx2.Client, new_user: Callable[[], str], month: str, score: Callable[..., int]
    ) -> None:
        first, second, third, comma = new_user(), new_user(), new_user(), new_user() + ", a%2C"
        points = {first: score(first, 4), second: score(second, 2), third: score(third, 1), comma: score(comma, 1)}
        board_once(client, points, period=month)
        listed = ",".join(quote(one, safe="") for one in (third, comma, "nobody-at-all", second, third))
        answer = board(client, period=month, users=listed)
        assert ranks(answer) == [(1, second), (2, third), (2, comma)]
        assert (answer["total"], answer["next"]) == (3, None)
        first_of_them = board(client, period=month, users=listed, limit=2)
        assert ranks(first_of_them) == [(1, second), (2, third)]
        assert (first_of_them["total"], first_of_them["next"]) == (3, None)

    def test_at_most_200_are_asked_for_and_no_page(self, client: httpx2.Client) -> None:
        assert board(client, users=",".join(f"x{n}" for n in range(200)))["leaderboard"] == []
        too_many = client.get(URL, params={"users": ",".join(f"x{n}" for n in range(201))})
        assert_refused(too_many, 422, field="users")
        for other in ({"around": "ada"}, {"cursor": CURSOR}):
            assert_refused(client.get(URL, params={"users": "ada", **other}), 422, field="users")


class TestMovement:
    def test_each_line_tells_the_rank_in_the_period_before(
        self, client: httpx2.Client, new_user: Callable[[], str], record: Record
    ) -> None:
        before = {name: new_user() for name in ("first", "tied", "level", "gone")}
        new = new_user()
        for position, user in enumerate(before.values()):
            for _ in range((9, 4, 4, 1)[position]):
                record(user, "ai_explain", timestamp="1971-03-20T12:00:00Z")
        for user in (before["level"], before["tied"], new):
            record(user, "ai_explain", timestamp="1971-04-20T12:00:00Z")
        april = {before["tied"], before["level"], new}
        answer = board(client, period="1971-04")
        for _ in range(200):
            if {row["userId"] for row in answer["leaderboard"]} == april:
                break
            answer = board(client, period="1971-04")
        moved = {row["userId"]: row["previousRank"] for row in answer["leaderboard"]}
        assert moved == {before["tied"]: 2, before["level"]: 2, new: None}
        among = board(client, period="1971-04", users=f"{new},{before['tied']}")
        assert {row["userId"]: row["previousRank"] for row in among["leaderboard"]} == {new: None, before["tied"]: 1}
