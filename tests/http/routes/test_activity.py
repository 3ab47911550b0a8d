"""GET /api/progress/activity/:userId: events and points by local day."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import httpx2
import pytest

from tests.http.answers import assert_refused
from tests.http.conftest import Record

URL = "/api/progress/activity/"


class TestActivity:
    def test_it_lists_the_active_days_of_a_range(self, client: httpx2.Client, record: Record, user: str) -> None:
        for moment in ("2025-03-05T23:59:59.999Z", "2025-03-05T00:00:00Z", "2025-03-07T12:00:00Z"):
            record(user, "visualize", timestamp=moment)
        response = client.get(URL + user, params={"from": "2025-03-05", "to": "2025-03-07"})
        assert response.status_code == 200
        assert response.json() == {
            "success": True,
            "timeZone": "UTC",
            "days": [
                {"date": "2025-03-05", "events": 2, "points": 12},
                {"date": "2025-03-07", "events": 1, "points": 6},
            ],
        }

    def test_both_ends_belong_to_the_range(self, client: httpx2.Client, record: Record, user: str) -> None:
        for day in range(4, 9):
            record(user, timestamp=f"2025-03-{day:02}T12:00:00Z")

        def days(first: str, last: str) -> list[str]:
            answer = client.get(URL + user, params={"from": first, "to": last}).json()
            return [day["date"] for day in answer["days"]]

        assert days("2025-03-05", "2025-03-07") == ["2025-03-05", "2025-03-06", "2025-03-07"]
        assert days("2025-03-05", "2025-03-05") == ["2025-03-05"]
        assert days("2025-03-09", "2025-04-30") == []

    @pytest.mark.usefixtures("away_from_midnight")
    def test_without_a_range_it_is_the_last_365_days(self, client: httpx2.Client, record: Record, user: str) -> None:
        today = datetime.now(UTC).date()
        first = today - timedelta(days=364)
        for day in (first, first - timedelta(days=1)):
            record(user, timestamp=f"{day}T12:00:00Z")
        record(user)
        days = [day["date"] for day in client.get(URL + user).json()["days"]]
        assert days == [str(first), str(today)]

    @pytest.mark.parametrize(
        ("zone", "moment", "day"),
        [
            ("Pacific/Auckland", "2025-03-04T11:00:00Z", "2025-03-05"),
            ("Pacific/Auckland", "2025-03-04T10:59:59.999Z", "2025-03-04"),
            ("America/Los_Angeles", "2025-03-05T07:59:59.999Z", "2025-03-04"),
            ("America/Los_Angeles", "2025-03-05T08:00:00Z", "2025-03-05"),
            # The clocks of Berlin went forward on the 30th: midnight was at 23:00Z before, at 22:00Z after.
            ("Europe/Berlin", "2025-03-29T22:59:59.999Z", "2025-03-29"),
            ("Europe/Berlin", "2025-03-29T23:00:00Z", "2025-03-30"),
            ("Europe/Berlin", "2025-03-30T21:59:59.999Z", "2025-03-30"),
            ("Europe/Berlin", "2025-03-30T22:00:00Z", "2025-03-31"),
            ("Asia/Kathmandu", "2025-03-04T18:15:00Z", "2025-03-05"),
            ("Asia/Kathmandu", "2025-03-04T18:14:59.999Z", "2025-03-04"),
        ],
    )
    def test_a_day_is_a_day_where_the_learner_lives(
        self, client: httpx2.Client, record: Record, user: str, zone: str, moment: str, day: str
    ) -> None:
        client.put(f"/api/progress/users/{user}", json={"timeZone": zone})
        record(user, timestamp=moment)
        answer = client.get(URL + user, params={"from": "2025-03-01", "to": "2025-03-31"}).json()
        assert answer["timeZone"] == zone
        assert [active["date"] for active in answer["days"]] == [day]

    @pytest.mark.usefixtures("away_from_midnight")
    def test_a_later_change_of_zone_moves_no_old_day(self, client: httpx2.Client, record: Record, user: str) -> None:
        client.put(f"/api/progress/users/{user}", json={"timeZone": "Pacific/Auckland"})
        record(user, timestamp="2025-03-04T12:00:00Z")
        client.put(f"/api/progress/users/{user}", json={"timeZone": "America/Los_Angeles"})
        # Late, but from the time when the learner lived in Auckland.
        record(user, timestamp="2025-03-06T12:00:00Z")
        record(user)
        answer = client.get(
            URL + user, params={"from": "2025-01-01", "to": str(datetime.now(UTC).date() + timedelta(days=2))}
        )
        assert answer.json()["timeZone"] == "America/Los_Angeles"
        today = datetime.now(ZoneInfo("America/Los_Angeles")).date()
        assert [day["date"] for day in answer.json()["days"]] == ["2025-03-05", "2025-03-07", str(today)]

    def test_a_range_may_span_3660_days(self, client: httpx2.Client, record: Record, user: str) -> None:
        record(user, timestamp="2015-01-01T12:00:00Z")
        first = date(2015, 1, 1)
        longest = {"from": str(first), "to": str(first + timedelta(days=3_659))}
        assert [day["date"] for day in client.get(URL + user, params=longest).json()["days"]] == ["2015-01-01"]
        longer = longest | {"to": str(first + timedelta(days=3_660))}
        assert_refused(client.get(URL + user, params=longer), 422, field="from")

    @pytest.mark.parametrize(
        ("query", "field"),
        [
            ({"from": "2025-03-06", "to": "2025-03-05"}, "from"),
            ({"from": "9999-12-31"}, "from"),
            ({"from": "0001-01-01"}, "from"),
            ({"from": "yesterday"}, "from"),
            ({"from": ""}, "from"),
            ({"from": "20250305"}, "from"),
            ({"from": "2025-02-29"}, "from"),
            ({"from": "2025-3-5"}, "from"),
            ({"from": "٢٠٢٥-٠٣-٠٥"}, "from"),
            ({"to": "2025-03-05T12:00:00Z"}, "to"),
            ({"to": "0000-01-01"}, "to"),
            ({"to": "10000-01-01"}, "to"),
        ],
    )
    def test_a_range_that_cannot_be_is_refused(
        self, client: httpx2.Client, record: Record, user: str, query: dict[str, str], field: str
    ) -> None:
        record(user)
        assert_refused(client.get(URL + user, params=query), 422, field=field, code=":invalid-query")

    def test_an_unknown_learner_is_not_found(self, client: httpx2.Client, user: str) -> None:
        assert_refused(client.get(URL + user), 404, code=":unknown-user")
