"""A badge that may be earned again, as clients and readers get it: the full week of the school's rulebook."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from laurels.client import Client
from tests.http.server_process import ServerProcess

# Four full weeks from the Monday on, and four days of a fifth.
DAYS = [7 * week + day for week in range(5) for day in range(5)][:24]
MONDAY = 2


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    process = ServerProcess(tmp_path_factory.mktemp("school"), rulebook="school", projection_interval_ms="10")
    process.start()
    yield process
    process.stop()


@pytest.fixture(scope="module")
def client(server: ServerProcess) -> Iterator[httpx2.Client]:
    with server.client() as client:
        yield client


@pytest.fixture(scope="module")
def answers(client: httpx2.Client) -> list[dict[str, Any]]:
    """The answers to ada's lessons, and to the last one once more."""
    made: list[dict[str, Any]] = []
    for number, day in enumerate([*DAYS, DAYS[-1]]):
        month, left = (3, MONDAY + day) if MONDAY + day <= 31 else (4, MONDAY + day - 31)
        event_id = f"lesson-{min(number, len(DAYS) - 1)}"
        body = {"userId": "ada", "eventType": "lesson_attended", "eventId": event_id}
        answer = client.post("/api/progress/event", json={**body, "timestamp": f"2026-{month:02}-{left:02}T10:00:00Z"})
        assert answer.status_code == (201 if number < len(DAYS) else 200), answer.text
        made.append(answer.json())
    return made


def full_week(badges: list[dict[str, Any]]) -> dict[str, Any]:
    [found] = [badge for badge in badges if badge["badgeId"] == "full_week"]
    return found


def test_the_event_that_completes_a_week_brings_the_award_of_that_week(answers: list[dict[str, Any]]) -> None:
    brought = [
        (number, badge["period"])
        for number, answer in enumerate(answers)
        for badge in answer["newBadges"]
        if badge["badgeId"] == "full_week"
    ]
    assert brought == [(4, "2026-W10"), (9, "2026-W11"), (14, "2026-W12"), (19, "2026-W13")]
    assert answers[-1] == answers[-2]


@pytest.mark.usefixtures("answers")
class TestLists:
    def test_the_catalogue_says_that_it_may_be_earned_again(self, client: httpx2.Client) -> None:
        shown = full_week(client.get("/api/badges").json()["badges"])
        assert (shown["repeat"], shown["criterion"]["per"]) == ("week", "week")

    def test_the_dashboard_shows_it_once_and_its_points_add_up(self, client: httpx2.Client) -> None:
        dashboard = client.get("/api/progress/dashboard/ada?since=2026-03-10T00:00:00Z").json()
        shown = full_week(dashboard["badges"])
        assert (shown["count"], shown["points"]) == (4, 100)
        assert (shown["earnedAt"], shown["lastEarnedAt"]) == ("2026-03-06T10:00:00.000Z", "2026-03-27T10:00:00.000Z")
        assert "period" not in shown
        assert dashboard["user"]["badges"].count("full_week") == 1
        points = sum(each["points"] for each in dashboard["badges"])
        points += sum(each["points"] for each in dashboard["eventStats"].values())
        assert points == dashboard["user"]["totalPoints"]
        new = [badge["period"] for badge in dashboard["newBadges"] if badge["badgeId"] == "full_week"]
        assert new == ["2026-W11", "2026-W12", "2026-W13"]

    def test_the_badges_of_a_learner_show_the_present_week(self, client: httpx2.Client) -> None:
        shown = full_week(client.get("/api/progress/badges/ada").json()["badges"])
        assert (shown["earned"], shown["repeat"], shown["count"], shown["points"]) == (True, "week", 4, 100)
        # Nothing has been done this week.
        assert (shown["current"], shown["target"], shown["fraction"]) == (0, 5, 0.0)

    def test_export_review_and_board_count_it_as_one_badge(self, client: httpx2.Client) -> None:
        export = client.get("/api/progress/export/ada").json()
        assert [badge["count"] for badge in export["badges"] if badge["name"] == "Full Week"] == [4]
        assert export["summary"]["badgeCount"] == len(export["badges"])
        assert full_week(client.get("/api/progress/review/ada/2026").json()["badges"])["count"] == 4
        [line] = client.get("/api/progress/leaderboard").json()["leaderboard"]
        assert line["badges"].count("full_week") == 1

    def test_the_history_shows_each_award(self, client: httpx2.Client) -> None:
        entries = client.get("/api/progress/history/ada?limit=100").json()["entries"]
        awards = [award for entry in entries for award in entry["awards"] if award["badgeId"] == "full_week"]
        assert [award["period"] for award in awards] == ["2026-W13", "2026-W12", "2026-W11", "2026-W10"]
        assert {award["points"] for award in awards} == {25}

    def test_the_client_for_python_reads_it(self, server: ServerProcess) -> None:
        with Client(server.url, storage=None) as laurels:
            [shown] = [badge for badge in laurels.badges("ada") if badge.badge_id == "full_week"]
            assert (shown.repeat, shown.count) == ("week", 4)
            assert str(shown.last_earned_at) == "2026-03-27 10:00:00+00:00"
            [held] = [badge for badge in laurels.dashboard("ada").badges if badge.badge_id == "full_week"]
            assert (held.count, held.period) == (4, None)


@pytest.mark.usefixtures("answers")
class TestPages:
    def test_the_wall_shows_it_once_with_its_count(self, client: httpx2.Client) -> None:
        for language, words in (("en", "earned 4 times"), ("de", "4-mal erhalten")):
            page = client.get(f"/u/ada?lang={language}").text
            assert page.count('data-badge="full_week"') == 1
            item = re.search(r'<li data-badge="full_week".*?</li>', page, re.DOTALL)
            assert item is not None
            assert f'role="img" aria-label="{words}">× 4<' in item[0]
            assert '<time datetime="2026-03-27T10:00:00.000Z">' in item[0]
            assert page.count("× ") == 1
        assert client.get("/embed/ada").text.count('data-badge="full_week"') == 1

    def test_its_own_page_says_that_it_comes_again(self, client: httpx2.Client) -> None:
        assert "again in each week" in client.get("/badges/full_week").text
        assert "in jeder Woche von neuem" in client.get("/badges/full_week?lang=de").text

    def test_report_and_year_are_made(self, client: httpx2.Client) -> None:
        for address in ("/api/progress/export/ada?format=pdf", "/api/progress/review/ada/2026?format=pdf"):
            assert client.get(address).content.startswith(b"%PDF")


def test_by_hand_it_is_granted_in_a_week_and_taken_back_by_it(client: httpx2.Client) -> None:
    first = {"userId": "bob", "eventType": "question_asked", "timestamp": "2026-03-02T10:00:00Z"}
    assert client.post("/api/progress/event", json=first).status_code == 201
    grant = {"userId": "bob", "badgeId": "full_week", "reason": "On paper.", "earnedAt": "2026-03-12T10:00:00Z"}
    granted = client.post("/api/progress/awards", json=grant)
    assert (granted.status_code, full_week(granted.json()["awards"])["period"]) == (201, "2026-W11")
    again = client.post("/api/progress/awards", json={**grant, "earnedAt": "2026-03-13T10:00:00Z"})
    assert (again.status_code, again.headers["idempotent-replayed"]) == (200, "true")
    assert client.post("/api/progress/awards", json={**grant, "badgeId": "full_week@2026-W12"}).status_code == 404

    def revoke(badge_id: str) -> httpx2.Response:
        return client.request("DELETE", f"/api/progress/awards/bob/{badge_id}", json={"reason": "By mistake."})

    refused = revoke("full_week")
    assert refused.status_code == 422
    assert refused.json()["errors"] == [
        {"field": "badgeId", "message": "Is earned once in each week or month; name which, as in full_week@2026-W11."}
    ]
    revoked = revoke("full_week@2026-W11")
    assert (revoked.status_code, full_week(revoked.json()["awards"])["period"]) == (200, "2026-W11")
    assert revoke("full_week%402026-W11").headers["idempotent-replayed"] == "true"
