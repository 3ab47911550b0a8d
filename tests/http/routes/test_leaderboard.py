"""GET /api/progress/leaderboard: order, ranks, pages.

Each test has a month of long ago for itself, so that all tests can share a server.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import pytest

from tests.http.answers import assert_refused
from tests.http.boards import URL, board, board_once
from tests.http.conftest import Record, StartServer

BOARD = {"success", "timeframe", "period", "leaderboard", "total", "next"}
ROW = {
    "rank",
    "previousRank",
    "userId",
    "displayName",
    "hasName",
    "photoURL",
    "points",
    "totalPoints",
    "level",
    "badges",
    "lastActiveAt",
    "_id",
}


def ranks(answer: dict[str, Any]) -> list[tuple[int, str]]:
    return [(row["rank"], row["userId"]) for row in answer["leaderboard"]]


class TestLeaderboard:
    def test_it_has_these_fields(self, client: httpx2.Client, user: str, month: str, score: Callable[..., int]) -> None:
        client.put(f"/api/progress/users/{user}", json={"displayName": "Ada", "photoURL": "https://example.org/a"})
        points = score(user, 1)
        answer = board_once(client, {user: points}, period=month)
        assert answer.keys() == BOARD
        assert {name: answer[name] for name in ("success", "timeframe", "period", "total", "next")} == {
            "success": True,
            "timeframe": "monthly",
            "period": month,
            "total": 1,
            "next": None,
        }
        [row] = answer["leaderboard"]
        assert row.keys() == ROW
        profile = client.get(f"/api/progress/dashboard/{user}").json()["user"]
        assert row == {name: value for name, value in profile.items() if name in ROW} | {
            "rank": 1,
            "previousRank": None,
            "points": points,
            "_id": user,
        }

    def test_an_empty_period_has_an_empty_board(self, client: httpx2.Client) -> None:
        tomorrow = (datetime.now(UTC) + timedelta(days=1)).date().isoformat()
        for period, timeframe in ((tomorrow, "daily"), ("1971-05", "monthly")):
            assert board(client, period=period) == {
                "success": True,
                "timeframe": timeframe,
                "period": period,
                "leaderboard": [],
                "total": 0,
                "next": None,
            }

    def test_equal_points_share_a_rank_and_leave_the_next_out(
        self, client: httpx2.Client, new_user: Callable[[], str], month: str, score: Callable[..., int]
    ) -> None:
        late, low, top, early, last = (new_user() for _ in range(5))
        points = {
            late: score(late, 2, hour=15),
            low: score(low, 1, hour=9),
            top: score(top, 3),
            early: score(early, 2, hour=11),
            last: score(last, 1, hour=10),
        }
        answer = board_once(client, points, period=month)
        assert ranks(answer) == [(1, top), (2, early), (2, late), (4, low), (4, last)]
        assert answer["total"] == 5

    def test_equal_points_at_the_same_time_are_listed_by_user_id(
        self, client: httpx2.Client, user: str, month: str, score: Callable[..., int]
    ) -> None:
        users = [f"{user}-{name}" for name in ("b", "Z", "é", "a", "10", "9", "😀")]
        points = {name: score(name, 1) for name in users}
        assert ranks(board_once(client, points, period=month)) == [(1, name) for name in sorted(users)]

    def test_a_rank_goes_on_over_the_border_of_a_page(
        self, client: httpx2.Client, new_user: Callable[[], str], month: str, score: Callable[..., int]
    ) -> None:
        users = [new_user() for _ in range(5)]
        times = [4, 3, 3, 2, 1]
        points = {user: score(user, n) for user, n in zip(users, times, strict=True)}
        board_once(client, points, period=month)
        pages: list[list[int]] = []
        cursor = None
        while True:
            page = board(client, period=month, limit=2, **({"cursor": cursor} if cursor else {}))
            pages.append([row["rank"] for row in page["leaderboard"]])
            assert page["total"] == 5
            if (cursor := page["next"]) is None:
                break
        assert pages == [[1, 2], [2, 4], [5]]

    def test_paging_misses_and_repeats_nobody_while_scores_move(
        self, client: httpx2.Client, new_user: Callable[[], str], month: str, score: Callable[..., int]
    ) -> None:
        users = [new_user() for _ in range(9)]
        points = {user: score(user, times) for user, times in zip(users, (9, 8, 7, 6, 5, 4, 3, 2, 1), strict=True)}
        board_once(client, points, period=month)
        first = board(client, period=month, limit=3)
        # The last one overtakes everybody, and the first one of the first page pulls further ahead.
        points[users[8]] = score(users[8], 20)
        points[users[0]] = score(users[0], 1)
        board_once(client, points, period=month)
        second = board(client, period=month, limit=3, cursor=first["next"])
        third = board(client, period=month, limit=3, cursor=second["next"])
        assert third["next"] is None
        seen = [row["userId"] for page in (first, second, third) for row in page["leaderboard"]]
        assert seen == users[:8]
        # Their ranks are those of the moment: one more stands before them.
        assert [row["rank"] for row in second["leaderboard"]] == [5, 6, 7]

    def test_around_puts_a_learner_in_the_middle(
        self, client: httpx2.Client, new_user: Callable[[], str], month: str, score: Callable[..., int]
    ) -> None:
        users = [new_user() for _ in range(7)]
        points = {user: score(user, times) for user, times in zip(users, range(7, 0, -1), strict=True)}
        board_once(client, points, period=month)

        def shown(place: int, limit: int) -> list[int]:
            answer = board(client, period=month, around=users[place - 1], limit=limit)
            assert answer["total"] == 7
            assert all(row["userId"] == users[row["rank"] - 1] for row in answer["leaderboard"])
            return [row["rank"] for row in answer["leaderboard"]]

        assert shown(4, 3) == [3, 4, 5]
        assert shown(4, 5) == [2, 3, 4, 5, 6]
        assert shown(1, 3) == [1, 2, 3]
        assert shown(7, 3) == [5, 6, 7]
        assert shown(4, 1) == [4]
        assert shown(4, 100) == [1, 2, 3, 4, 5, 6, 7]

    def test_around_can_be_paged_on(
        self, client: httpx2.Client, new_user: Callable[[], str], month: str, score: Callable[..., int]
    ) -> None:
        users = [new_user() for _ in range(5)]
        points = {user: score(user, times) for user, times in zip(users, range(5, 0, -1), strict=True)}
        board_once(client, points, period=month)
        middle = board(client, period=month, around=users[2], limit=3)
        assert ranks(board(client, period=month, cursor=middle["next"])) == [(5, users[4])]

    def test_around_someone_who_does_not_stand_there_is_not_found(self, client: httpx2.Client, user: str) -> None:
        assert_refused(client.get(URL, params={"around": user}), 404, code=":unknown-user")

    def test_a_period_counts_what_was_earned_in_it(self, client: httpx2.Client, record: Record, user: str) -> None:
        # Over the end of a month.
        before = record(user, "session_join", timestamp="1975-08-31T23:59:59.999Z")["progress"]["totalPoints"]
        after = record(user, "session_join", timestamp="1975-09-01T00:00:00Z")
        total = after["progress"]["totalPoints"]
        board_once(client, {user: total - before}, period="1975-09")
        for period, points in {
            "1975-08": before,
            "1975-09": total - before,
        }.items():
            [row] = board_once(client, {user: points}, period=period)["leaderboard"]
            assert (row["points"], row["totalPoints"], row["rank"]) == (points, total, 1)

    @pytest.mark.usefixtures("away_from_midnight")
    def test_each_timeframe_means_its_present_period(self, client: httpx2.Client, record: Record, user: str) -> None:
        today = datetime.now(UTC).date()
        week = today.isocalendar()
        old = record(user, "session_join", timestamp="1974-05-05T12:00:00Z")["progress"]["totalPoints"]
        total = record(user, "session_join")["progress"]["totalPoints"]
        for timeframe, period, points in (
            ("all-time", "all", total),
            ("monthly", f"{today:%Y-%m}", total - old),
            ("weekly", f"{week.year}-W{week.week:02}", total - old),
            ("daily", f"{today}", total - old),
        ):
            answer = board_once(client, {user: points}, timeframe=timeframe, around=user, limit=1)
            assert (answer["timeframe"], answer["period"]) == (timeframe, period)
            assert board(client, period=period, around=user, limit=1)["leaderboard"] == answer["leaderboard"]
            rank = client.get(f"/api/progress/rank/{user}", params={"timeframe": timeframe}).json()
            assert (rank["timeframe"], rank["period"], rank["points"]) == (timeframe, period, points)

    def test_all_time_is_ten_lines_by_total_points_where_nothing_is_asked(self, start_server: StartServer) -> None:
        server = start_server(projection_interval_ms="10")
        with server.client() as client:
            events = [
                {"userId": f"u{number:02}", "eventType": "session_join", "eventId": f"{time}"}
                for number in range(12)
                for time in range(number + 1)
            ]
            assert client.post("/api/progress/events", json=events).json()["rejected"] == 0
            totals = {
                user: client.get(f"/api/progress/dashboard/{user}").json()["user"]["totalPoints"]
                for user in sorted({event["userId"] for event in events})
            }
            board_once(client, totals, limit=100)
            answer = board(client)
            assert (answer["timeframe"], answer["period"], answer["total"]) == ("all-time", "all", 12)
            assert [row["userId"] for row in answer["leaderboard"]] == [f"u{number:02}" for number in range(11, 1, -1)]
            assert all(row["points"] == row["totalPoints"] for row in answer["leaderboard"])
            rest = board(client, cursor=answer["next"])
            assert [row["userId"] for row in rest["leaderboard"]] == ["u01", "u00"]
            assert rest["next"] is None

    @pytest.mark.parametrize("limit", ["0", "-1", "101", "abc", "1e9", "", "1.5", "9" * 30, "١٠", "10;DROP"])
    def test_a_limit_is_from_1_to_100(self, client: httpx2.Client, limit: str) -> None:
        assert_refused(client.get(URL, params={"limit": limit}), 422, field="limit", code=":invalid-query")

    def test_the_bounds_of_the_limit_are_taken(self, client: httpx2.Client) -> None:
        assert board(client, limit=1).keys() == board(client, limit=100).keys() == BOARD

    @pytest.mark.parametrize("path", [URL, "/api/progress/rank/ada"])
    @pytest.mark.parametrize("period", ["2999-W01", "2999-01", "2999-01-01"])
    def test_a_period_that_has_not_begun_is_refused(self, client: httpx2.Client, path: str, period: str) -> None:
        client.post("/api/progress/event", json={"userId": "ada", "eventType": "code_run"})
        refused = assert_refused(client.get(path, params={"period": period}), 422, field="period")
        assert "Has not begun yet; the present one is 20" in refused["error"]
