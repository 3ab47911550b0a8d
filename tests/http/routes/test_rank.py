"""GET /api/progress/rank/:userId, and the names of periods."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import httpx2
import pytest

from tests.http.answers import assert_refused
from tests.http.boards import URL, board, board_once

RANK = {"success", "timeframe", "period", "rank", "of", "points", "percentile", "pointsToNext"}


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
    @pytest.mark.parametrize("name", ["%G-W%V", "1999-02", "%Y-%m-%d", "all"])
    def test_a_period_is_named_as_it_is_asked_for(self, client: httpx2.Client, name: str) -> None:
        # Boards of days and weeks that are over for longer are not kept.
        period = (datetime.now(UTC) - timedelta(days=40)).strftime(name)
        assert board(client, period=period)["period"] == period

    @pytest.mark.parametrize(("period", "month"), [("2020-W53", "2020-12"), ("2024-02-29", "2024-02")])
    def test_one_whose_board_is_gone_is_refused_with_what_is_there(
        self, client: httpx2.Client, user: str, period: str, month: str
    ) -> None:
        for path in ("leaderboard", f"rank/{user}"):
            refused = client.get(f"/api/progress/{path}", params={"period": period})
            assert_refused(refused, 422, code=":invalid-query")
            assert f"Ask for its month, {month}." in refused.json()["detail"]

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
