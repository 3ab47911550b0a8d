"""GET /api/progress/dashboard/:userId."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import httpx2
import pytest

from tests.http.answers import BADGE, INSTANT, USER, assert_refused
from tests.http.conftest import Record

DASHBOARD = {
    "success",
    "user",
    "totalEvents",
    "monthlyEvents",
    "weeklyEvents",
    "dailyStreak",
    "longestStreak",
    "eventStats",
    "topLanguages",
    "badges",
    "newBadges",
    "levelProgress",
    "nextBadges",
}
URL = "/api/progress/dashboard/"
NOON = "2025-03-05T12:00:00Z"


def ago(**span: float) -> str:
    return (datetime.now(UTC) - timedelta(**span)).isoformat()


class TestDashboard:
    def test_it_has_these_fields(self, client: httpx2.Client, record: Record, user: str) -> None:
        record(user, metadata={"language": "go"})
        answer = client.get(URL + user)
        assert answer.status_code == 200
        dashboard = answer.json()
        assert dashboard.keys() == DASHBOARD
        assert dashboard["success"] is True
        assert dashboard["user"].keys() == USER
        assert dashboard["user"]["userId"] == user
        assert dashboard["user"]["timeZone"] == "UTC"
        assert (dashboard["user"]["hasName"], dashboard["user"]["photoURL"]) == (False, None)
        assert INSTANT.fullmatch(dashboard["user"]["createdAt"])
        assert dashboard["badges"]
        assert all(badge.keys() == BADGE | {"held"} for badge in dashboard["badges"])
        assert [badge["badgeId"] for badge in dashboard["badges"]] == dashboard["user"]["badges"]
        assert dashboard["levelProgress"].keys() == {"level", "points", "nextLevelAt", "fraction"}
        assert all(
            badge.keys() == {"badgeId", "name", "current", "target", "fraction"} for badge in dashboard["nextBadges"]
        )
        assert dashboard["topLanguages"] == [{"_id": "go", "language": "go", "count": 1}]

    def test_an_unknown_learner_is_not_found(self, client: httpx2.Client, user: str) -> None:
        assert_refused(client.get(URL + user), 404, code=":unknown-user")

    def test_the_totals_are_those_of_the_events_and_badges(
        self, client: httpx2.Client, record: Record, user: str
    ) -> None:
        for event_type in ("visualize", "code_run", "visualize", "ai_debug"):
            record(user, event_type, timestamp=NOON)
        dashboard = client.get(URL + user).json()
        assert dashboard["eventStats"] == {
            "ai_debug": {"count": 1, "points": 4},
            "code_run": {"count": 1, "points": 5},
            "visualize": {"count": 2, "points": 12},
        }
        assert dashboard["totalEvents"] == 4
        assert dashboard["user"]["totalPoints"] == 21 + sum(badge["points"] for badge in dashboard["badges"])
        assert dashboard["user"]["lastActiveAt"] == "2025-03-05T12:00:00.000Z"

    @pytest.mark.usefixtures("away_from_midnight")
    @pytest.mark.parametrize("zone", ["UTC", "Pacific/Kiritimati", "Pacific/Pago_Pago", "America/St_Johns"])
    def test_weeks_and_months_are_the_last_7_and_30_local_days(
        self, client: httpx2.Client, record: Record, user: str, zone: str
    ) -> None:
        client.put(f"/api/progress/users/{user}", json={"timeZone": zone})
        here = ZoneInfo(zone)
        today = datetime.now(here).date()

        def at(days_ago: int, clock: time) -> str:
            return datetime.combine(today - timedelta(days=days_ago), clock, here).isoformat()

        first, last = time.min, time(23, 59, 59, 999_000)
        record(user)
        for moment in (at(6, first), at(7, last), at(29, first), at(30, last)):
            record(user, timestamp=moment)
        dashboard = client.get(URL + user).json()
        assert (dashboard["weeklyEvents"], dashboard["monthlyEvents"], dashboard["totalEvents"]) == (2, 4, 5)

    @pytest.mark.usefixtures("away_from_midnight")
    def test_a_streak_ends_today_or_yesterday_or_is_dead(
        self, client: httpx2.Client, record: Record, user: str
    ) -> None:
        def streaks() -> tuple[int, int]:
            dashboard = client.get(URL + user).json()
            return dashboard["dailyStreak"], dashboard["longestStreak"]

        for days in (12, 11, 10, 9):
            record(user, timestamp=ago(days=days))
        assert streaks() == (0, 4)
        record(user, timestamp=ago(days=1))
        assert streaks() == (1, 4)
        record(user)
        assert streaks() == (2, 4)
        # Late events close the gap: now it is one run of 13 days.
        for days in range(2, 9):
            record(user, timestamp=ago(days=days))
        assert streaks() == (13, 13)

    def test_new_badges_are_those_of_the_last_24_hours_or_since_a_time(
        self, client: httpx2.Client, record: Record, user: str
    ) -> None:
        old = record(user, "code_run", timestamp=ago(hours=25))["newBadges"]
        fresh = record(user, "ai_explain", timestamp=ago(hours=23))["newBadges"]
        assert old
        assert fresh

        def new_badges(**query: str) -> list[dict[str, object]]:
            shown = client.get(URL + user, params=query).json()["newBadges"]
            # How rare they are now is no part of what was won.
            return [{name: value for name, value in badge.items() if name != "held"} for badge in shown]

        assert new_badges() == fresh
        assert new_badges(since=ago(hours=26)) == [*old, *fresh]
        assert new_badges(since=old[0]["earnedAt"]) == [*old, *fresh]
        assert new_badges(since=ago(hours=1)) == []

    def test_what_a_page_has_shown_is_not_new_again(self, client: httpx2.Client, record: Record, user: str) -> None:
        first = record(user, "code_run", timestamp=ago(hours=3))["newBadges"]
        second = record(user, "ai_explain", timestamp=ago(hours=2))["newBadges"]

        def new() -> list[str]:
            return [badge["badgeId"] for badge in client.get(URL + user).json()["newBadges"]]

        assert new() == [badge["badgeId"] for badge in [*first, *second]]
        seen = first[-1]["earnedAt"]
        answer = client.put(f"/api/progress/users/{user}", json={"badgesSeenAt": seen})
        assert answer.json()["user"]["badgesSeenAt"] == seen
        assert new() == [badge["badgeId"] for badge in second]
        third = record(user, "visualize", timestamp=ago(hours=1))
        assert new() == [badge["badgeId"] for badge in [*second, *third["newBadges"]]]
        # Asked for, they are there.
        assert len(client.get(URL + user, params={"since": ago(hours=4)}).json()["newBadges"]) > len(new())
        client.put(f"/api/progress/users/{user}", json={"badgesSeenAt": None})
        assert new() == [badge["badgeId"] for badge in [*first, *second, *third["newBadges"]]]

    @pytest.mark.parametrize(
        "value",
        [
            "yesterday",
            "2026-11-23T09:30:00",
            5,
            True,
            "",
            "2999-01-01T00:00:00Z",
            # Before the year 1 in UTC: kept, it could not be shown to anybody, nor those listed beside it.
            "0001-01-01T00:00:00+14:00",
            "1969-12-31T23:59:59Z",
        ],
    )
    def test_a_time_that_nothing_was_seen_at_is_refused(self, client: httpx2.Client, user: str, value: object) -> None:
        response = client.put(f"/api/progress/users/{user}", json={"badgesSeenAt": value})
        errors = assert_refused(response, 422)["errors"]
        assert [error["field"] for error in errors] == ["badgesSeenAt"]

    def test_top_languages_are_five_by_count_then_name(self, client: httpx2.Client, record: Record, user: str) -> None:
        for language in ["rust", "python", "go", "c", "python", "go", "ada", "zig", "go", "c"]:
            record(user, metadata={"language": language}, timestamp=NOON)
        record(user, timestamp=NOON)
        top = client.get(URL + user).json()["topLanguages"]
        assert [(entry["language"], entry["count"]) for entry in top] == [
            ("go", 3),
            ("c", 2),
            ("python", 2),
            ("ada", 1),
            ("rust", 1),
        ]
        assert all(entry["_id"] == entry["language"] for entry in top)

    def test_next_badges_are_the_five_nearest_open_ones(self, client: httpx2.Client, record: Record, user: str) -> None:
        for _ in range(9):
            record(user, timestamp=NOON)
        nearest = client.get(URL + user).json()["nextBadges"]
        states = client.get(f"/api/progress/badges/{user}").json()["badges"]
        still_open = sorted((state for state in states if not state["earned"]), key=lambda state: -state["fraction"])
        assert nearest == [
            {name: state[name] for name in ("badgeId", "name", "current", "target", "fraction")}
            for state in still_open[:5]
        ]
        assert nearest[0] == {
            "badgeId": "code_runner_10",
            "name": "Code Runner",
            "current": 9,
            "target": 10,
            "fraction": 0.9,
        }

    def test_level_progress_says_where_the_next_level_starts(
        self, client: httpx2.Client, record: Record, user: str
    ) -> None:
        for _ in range(8):
            record(user, "challenge_complete", timestamp=NOON)
            dashboard = client.get(URL + user).json()
            points = dashboard["user"]["totalPoints"]
            level = max(level for level in range(1, 20) if 50 * level * (level - 1) <= points)
            start, end = 50 * level * (level - 1), 50 * level * (level + 1)
            assert dashboard["levelProgress"] == {
                "level": level,
                "points": points,
                "nextLevelAt": end,
                "fraction": pytest.approx((points - start) / (end - start), abs=1e-4),
            }
            assert dashboard["user"]["level"] == level
