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
        shown = [badge["badgeId"] for badge in response.json()["newBadges"]]
        assert shown == ([badge["badgeId"] for badge in badges] if since.startswith("0001") else [])

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
        event = {"userId": "nobody", "eventType": "code_run"}
        assert_refused(client.post("/api/progress/event?dryRun=1", json=event), 422, field="dryRun")

    def test_every_wrong_parameter_is_named_at_once(self, client: httpx2.Client) -> None:
        response = client.get(BOARD, params={"timeframe": "hourly", "limit": "ten", "perod": "2026-11"})
        problem = assert_refused(response, 422)
        assert problem["errors"] == [
            {"field": "timeframe", "message": "Must be one of all-time, monthly, weekly, daily."},
            {"field": "limit", "message": "Must be a whole number from 1 to 100."},
            {"field": "perod", "message": problem["errors"][2]["message"]},
        ]
        assert 'Did you mean "period"?' in problem["errors"][2]["message"]


def fields_of(response: httpx2.Response) -> list[str]:
    assert response.status_code == 422, response.text
    return [error["field"] for error in response.json()["errors"]]


class TestAllAtOnce:
    """What is wrong with a request is named at once, so that it is mended at once."""

    @pytest.mark.parametrize(
        ("path", "fields"),
        [
            (BOARD + "?limit=0&cursor=zz&perid=week", ["limit", "cursor", "perid"]),
            (BOARD + "?limit=101&period=week&timeframe=week", ["limit", "period", "timeframe"]),
            (BOARD + "?limit=500&period=week", ["limit", "period"]),
            ("/api/progress/history/u?limit=x&cursor=zz&offset=1", ["limit", "cursor", "offset"]),
            ("/api/progress/users?limit=101&before=u", ["limit", "before"]),
            ("/api/progress/activity/u?from=1&to=2&until=3", ["from", "to", "until"]),
            ("/api/progress/dashboard/u?since=2026-01-01T00:00:00&sinse=1", ["since", "sinse"]),
            ("/api/progress/export/u?format=doc&x=1", ["format", "x"]),
            ("/api/progress/rank/u?timeframe=x&period=y&z=1", ["timeframe", "period", "z"]),
        ],
    )
    def test_every_wrong_parameter_is_named(self, client: httpx2.Client, path: str, fields: list[str]) -> None:
        assert fields_of(client.get(path)) == fields

    def test_bounds_are_named(self, client: httpx2.Client) -> None:
        for limit in ("0", "101", "x", "1.5", ""):
            [error] = client.get(BOARD, params={"limit": limit}).json()["errors"]
            assert error == {"field": "limit", "message": "Must be a whole number from 1 to 100."}

    def test_every_wrong_field_of_a_profile_is_named(self, client: httpx2.Client) -> None:
        body = {"alais": "x", "photoURL": "ftp://x", "timeZone": "Mars", "alias": 5, "visibility": "foo"}
        response = client.put("/api/progress/users/u", json=body)
        assert sorted(fields_of(response)) == ["alais", "alias", "photoURL", "timeZone", "visibility"]

    def test_every_wrong_field_of_a_grant_is_named(self, client: httpx2.Client) -> None:
        body = {"userId": "", "badgeId": 5, "reason": " ", "earnedAt": "2999-01-01T00:00:00Z", "note": ""}
        response = client.post("/api/progress/awards", json=body)
        assert sorted(fields_of(response)) == ["badgeId", "earnedAt", "note", "reason", "userId"]
        right = {**body, "badgeId": "first_run", "userId": "u"}
        del right["note"]
        assert fields_of(client.post("/api/progress/awards", json=right)) == ["reason", "earnedAt"]

    def test_every_wrong_field_of_a_spending_is_named(self, client: httpx2.Client) -> None:
        body = {"userId": "", "currency": "coins", "amount": 0, "reason": "", "spendingId": " x"}
        named = fields_of(client.post("/api/progress/spendings", json=body))
        assert sorted(named) == ["amount", "currency", "reason", "spendingId", "userId"]

    def test_every_wrong_field_of_a_retraction_is_named(self, client: httpx2.Client) -> None:
        body = {"userId": " u", "eventId": " e", "reason": " "}
        assert fields_of(client.post("/api/progress/retractions", json=body)) == ["userId", "eventId", "reason"]

    def test_every_wrong_field_of_a_webhook_is_named(self, client: httpx2.Client) -> None:
        wrong = {"url": "nope", "types": ["badge"]}
        assert fields_of(client.post("/api/webhooks", json=wrong)) == ["url", "types"]
        assert fields_of(client.post("/api/webhooks", json={**wrong, "type": 1})) == ["type", "url", "types"]
