"""GET /api/progress/leaderboard and /rank: order, ranks, pages.

Each test has a month of long ago for itself, so that all tests can share a server.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

import httpx2
import pytest

from tests.http.answers import assert_refused
from tests.http.conftest import Record, StartServer

URL = "/api/progress/leaderboard"
BOARD = {"success", "timeframe", "period", "leaderboard", "total", "next"}
ROW = {
    "rank",
    "userId",
    "displayName",
    "photoURL",
    "points",
    "totalPoints",
    "level",
    "badges",
    "lastActiveAt",
    "_id",
}
RANK = {"success", "timeframe", "period", "rank", "of", "points", "percentile", "pointsToNext"}
SOON = 10.0

_months = (f"{year}-{month:02}" for year in itertools.count(1980) for month in range(1, 13))


@pytest.fixture
def month() -> str:
    return next(_months)


@pytest.fixture
def score(record: Record, month: str) -> Callable[..., int]:
    """Has a learner join sessions in the month, and returns their points then."""

    def score(user: str, times: int, *, hour: int = 12) -> int:
        moment = f"{month}-10T{hour:02}:00:00Z"
        answers = [record(user, "session_join", timestamp=moment) for _ in range(times)]
        return answers[-1]["progress"]["totalPoints"]

    return score


def board(client: httpx2.Client, **query: Any) -> dict[str, Any]:
    response = client.get(URL, params=query)
    assert response.status_code == 200, response.text
    return response.json()


def board_once(client: httpx2.Client, points: dict[str, int], **query: Any) -> dict[str, Any]:
    """The board as soon as it shows these points: it follows the ledger a moment later."""
    deadline = time.monotonic() + SOON
    while True:
        response = client.get(URL, params=query)
        # Not found: nobody of that name stands there yet to have a page around.
        rows = response.json()["leaderboard"] if response.status_code != 404 else []
        shown = {row["userId"]: row["points"] for row in rows}
        if points.items() <= shown.items():
            return response.json()
        assert time.monotonic() < deadline, (shown, points)
        time.sleep(0.02)


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
            "points": points,
            "_id": user,
        }

    def test_an_empty_period_has_an_empty_board(self, client: httpx2.Client) -> None:
        for period, timeframe in (("1970-W20", "weekly"), ("1971-05-05", "daily"), ("1971-05", "monthly")):
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
        times = [3, 2, 2, 2, 1]
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
        assert pages == [[1, 2], [2, 2], [5]]

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
        # A Sunday and the Monday after it, over the end of a month.
        before = record(user, "session_join", timestamp="1975-08-31T23:59:59.999Z")["progress"]["totalPoints"]
        after = record(user, "session_join", timestamp="1975-09-01T00:00:00Z")
        total = after["progress"]["totalPoints"]
        board_once(client, {user: total - before}, period="1975-09")
        for period, points in {
            "1975-08": before,
            "1975-W35": before,
            "1975-08-31": before,
            "1975-09": total - before,
            "1975-W36": total - before,
            "1975-09-01": total - before,
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


class TestRank:
    def test_it_is_the_place_on_the_board(
        self, client: httpx2.Client, new_user: Callable[[], str], month: str, score: Callable[..., int]
    ) -> None:
        users = [new_user() for _ in range(4)]
        points = {user: score(user, times) for user, times in zip(users, (3, 2, 2, 1), strict=True)}
        board_once(client, points, period=month)
        answers = [client.get(f"/api/progress/rank/{user}", params={"period": month}).json() for user in users]
        assert all(answer.keys() == RANK for answer in answers)
        assert [answer["rank"] for answer in answers] == [1, 2, 2, 4]
        assert [answer["points"] for answer in answers] == list(points.values())
        assert [answer["of"] for answer in answers] == [4] * 4
        assert [answer["percentile"] for answer in answers] == [100.0, 75.0, 75.0, 25.0]
        first, second, _, fourth = points.values()
        assert [answer["pointsToNext"] for answer in answers] == [
            None,
            first - second,
            first - second,
            second - fourth,
        ]

    def test_who_has_no_event_in_the_period_has_no_rank(
        self, client: httpx2.Client, user: str, score: Callable[..., int]
    ) -> None:
        score(user, 1)
        assert client.get(f"/api/progress/rank/{user}", params={"period": "1971-06"}).json() == {
            "success": True,
            "timeframe": "monthly",
            "period": "1971-06",
            "rank": None,
            "of": 0,
            "points": None,
            "percentile": None,
            "pointsToNext": None,
        }

    def test_an_unknown_learner_is_not_found(self, client: httpx2.Client, user: str) -> None:
        assert_refused(client.get(f"/api/progress/rank/{user}"), 404, code=":unknown-user")


class TestPeriodNames:
    @pytest.mark.parametrize("period", ["2020-W53", "1999-02", "2024-02-29", "all"])
    def test_a_period_is_named_as_it_is_asked_for(self, client: httpx2.Client, period: str) -> None:
        assert board(client, period=period)["period"] == period

    @pytest.mark.parametrize(
        "period",
        [
            "2021-W53",
            "2026-W00",
            "2026-13",
            "2026-02-30",
            "0000-01",
            "2026",
            "2026-W1",
            "now",
            "",
            "2026-11\n",
            "20261123",
        ],
    )
    @pytest.mark.parametrize("path", [URL, "/api/progress/rank/ada"])
    def test_a_period_that_cannot_be_is_refused(self, client: httpx2.Client, path: str, period: str) -> None:
        assert_refused(client.get(path, params={"period": period}), 422, field="period", code=":invalid-query")

    @pytest.mark.parametrize("path", [URL, "/api/progress/rank/ada"])
    def test_a_period_of_another_timeframe_is_refused(self, client: httpx2.Client, path: str) -> None:
        query = {"period": "2026-W47", "timeframe": "monthly"}
        assert_refused(client.get(path, params=query), 422, field="period")
        assert_refused(client.get(path, params={"timeframe": "yearly"}), 422, field="timeframe")

    def test_a_week_is_named_by_iso(self, client: httpx2.Client, record: Record, user: str) -> None:
        # The last days of 1973 belong to the first week of 1974.
        moment = date(1973, 12, 31)
        points = record(user, "session_join", timestamp=f"{moment}T12:00:00Z")["progress"]["totalPoints"]
        assert board_once(client, {user: points}, period="1974-W01")["timeframe"] == "weekly"
