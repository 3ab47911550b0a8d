"""Queries that nobody honest sends."""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode

import httpx2
import pytest

from tests.http.answers import assert_refused
from tests.http.conftest import Record

BOARD = "/api/progress/leaderboard"


def forged(*place: object) -> str:
    return urlsafe_b64encode(json.dumps(place).encode()).decode().rstrip("=")


class TestCursor:
    @pytest.mark.parametrize(
        "cursor",
        [
            "",
            "x",
            "%%%",
            "€",
            "A" * 5_000,
            "../../etc/passwd",
            "' OR 1=1 --",
            forged(),
            forged("all", 1, 1),
            forged("all", "1", 1, "x"),
            forged("all", 1.5, 1, "x"),
            forged("all", None, 1, "x"),
            forged("all", 10**20, 1, "x"),
            forged("all", 1, -(10**20), "x"),
            forged("all", 1, 1, {"$gt": ""}),
            forged("all", 1, 1, "\ud800"),
            forged("all", 1, 1, "x", "y"),
            urlsafe_b64encode(b"[" * 5_000).decode(),
            urlsafe_b64encode(b"\xff\xfe").decode(),
        ],
    )
    def test_what_was_not_given_out_is_refused(self, client: httpx2.Client, cursor: str) -> None:
        assert_refused(client.get(BOARD, params={"cursor": cursor}), 422, field="cursor", code=":invalid-query")

    def test_one_of_another_board_is_refused(self, client: httpx2.Client) -> None:
        for cursor in (forged("2026-11", 1, 1, "x"), forged("' OR 1=1 --", 1, 1, "x")):
            assert_refused(client.get(BOARD, params={"cursor": cursor}), 422, field="cursor")

    def test_it_does_not_go_with_around(self, client: httpx2.Client, record: Record, user: str) -> None:
        record(user)
        query = {"cursor": forged("all", 1, 1, "x"), "around": user}
        assert_refused(client.get(BOARD, params=query), 422, field="cursor")

    @pytest.mark.parametrize("place", [(-(2**63), -(2**63), ""), (2**63 - 1, 2**63 - 1, "\0"), (5, 5, "' OR 1=1 --")])
    def test_a_place_of_ones_own_making_is_refused(self, client: httpx2.Client, place: tuple[int, int, str]) -> None:
        response = client.get(BOARD, params={"cursor": forged("all", *place)})
        assert_refused(response, 422, field="cursor", code=":invalid-query")


class TestOtherQueries:
    @pytest.mark.parametrize(
        "since", ["2026-01-01T00:00:00", "2026-01-01", "yesterday", "", "17", "0.5", "null", "2026-13-01T00:00:00Z"]
    )
    def test_since_is_a_time_with_an_offset(self, client: httpx2.Client, record: Record, user: str, since: str) -> None:
        record(user)
        response = client.get(f"/api/progress/dashboard/{user}", params={"since": since})
        assert_refused(response, 422, field="since", code=":invalid-query")

    @pytest.mark.parametrize("since", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])
    def test_since_may_be_any_time_at_all(self, client: httpx2.Client, record: Record, user: str, since: str) -> None:
        badges = record(user)["newBadges"]
        response = client.get(f"/api/progress/dashboard/{user}", params={"since": since})
        assert response.json()["newBadges"] == (badges if since.startswith("0001") else [])

    def test_a_language_board_is_refused_where_there_is_none(self, client: httpx2.Client) -> None:
        assert_refused(client.get(BOARD, params={"language": "python"}), 422, field="language")

    @pytest.mark.parametrize("around", ["", "\0", "x" * 5_000, "' OR 1=1 --", '{"$gt": "" }'])
    def test_around_is_data(self, client: httpx2.Client, around: str) -> None:
        assert_refused(client.get(BOARD, params={"around": around}), 404, code=":unknown-user")

    def test_bytes_that_are_no_text_find_nobody(self, client: httpx2.Client) -> None:
        assert_refused(client.get(BOARD + "?around=%FF%FE"), 404)

    def test_parameters_that_there_are_not_are_refused_with_the_nearest(self, client: httpx2.Client) -> None:
        problem = assert_refused(client.get(BOARD + "?timefrme=daily&limit=1"), 422, field="timefrme")
        assert 'Did you mean "timeframe"?' in problem["detail"]
        assert_refused(client.get("/api/badges?limit=1"), 422, field="limit", code=":invalid-query")
        assert_refused(client.post("/api/progress/event?dryRun=1", json={}), 422, field="dryRun")

    def test_every_wrong_parameter_is_named_at_once(self, client: httpx2.Client) -> None:
        response = client.get(BOARD, params={"timeframe": "hourly", "limit": "ten", "perod": "2026-11"})
        problem = assert_refused(response, 422)
        assert problem["errors"] == [
            {"field": "timeframe", "message": "Must be one of all-time, monthly, weekly, daily."},
            {"field": "limit", "message": "Must be a whole number, not text."},
            {"field": "perod", "message": problem["errors"][2]["message"]},
        ]
        assert 'Did you mean "period"?' in problem["errors"][2]["message"]
