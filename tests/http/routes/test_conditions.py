"""Hidden badges, tiers, days and languages as clients get them, under the school's rulebook."""

from __future__ import annotations

from typing import Any

import httpx2
import pytest

from tests.http.conftest import StartServer

GERMAN = {"Accept-Language": "de-CH, en;q=0.5"}


@pytest.fixture
def school(start_server: StartServer) -> httpx2.Client:
    return start_server(rulebook="school").client()


def post(client: httpx2.Client, event_type: str, at: str, **headers: str) -> dict[str, Any]:
    body = {"userId": "ada", "eventType": event_type, "timestamp": at, "metadata": {"pages": 12}}
    answer = client.post("/api/progress/event", json=body, headers=headers)
    assert answer.status_code == 201, answer.text
    return answer.json()


def by_id(answer: dict[str, Any], key: str = "badges") -> dict[str, dict[str, Any]]:
    return {badge["badgeId"]: badge for badge in answer[key]}


def test_the_catalogue_says_what_a_badge_asks_for_and_nothing_of_a_hidden_one(school: httpx2.Client) -> None:
    badges = by_id(school.get("/api/badges").json())
    assert badges["tutor"]["requires"] == ["flawless", "helper"]
    summer = badges["summer_reading_2026"]
    assert (summer["from"], summer["until"]) == ("2026-07-01", "2026-08-31")
    assert badges["bookworm_gold"]["tiers"] == ["bookworm", "bookworm_silver", "bookworm_gold"]
    assert badges["bookworm_gold"]["description"] == "Finish 40 books."
    assert "hidden" not in badges["bookworm"]
    hidden = badges["under_the_blanket"]
    assert hidden["hidden"] is True
    assert (hidden["name"], hidden["description"], hidden["criterion"]) == ("???", "", None)


def test_a_hidden_badge_shows_itself_to_the_learner_who_earned_it(school: httpx2.Client) -> None:
    for day in (3, 4):
        post(school, "pages_read", f"2026-03-0{day}T22:30:00Z")
    before = school.get("/api/progress/badges/ada")
    assert "Blanket" not in before.text
    shown = by_id(before.json())["under_the_blanket"]
    assert shown["hidden"] is True
    assert (shown["name"], shown["current"], shown["target"], shown["fraction"]) == ("???", 0, 1, 0.0)
    dashboard = school.get("/api/progress/dashboard/ada").json()
    assert {each["badgeId"] for each in dashboard["nextBadges"]}.isdisjoint({"under_the_blanket", "saturday"})
    for address in ("/badges", "/badges/under_the_blanket", "/u/ada", "/embed/badge/under_the_blanket.svg"):
        page = school.get(address)
        assert page.status_code == 200
        assert "Blanket" not in page.text
        assert "Hidden badge" in page.text

    brought = post(school, "pages_read", "2026-03-05T22:30:00Z")
    assert by_id(brought, "newBadges")["under_the_blanket"]["name"] == "Under the Blanket"
    shown = by_id(school.get("/api/progress/badges/ada").json())["under_the_blanket"]
    assert "hidden" not in shown
    assert (shown["name"], shown["earned"], shown["fraction"]) == ("Under the Blanket", True, 1.0)
    assert "Under the Blanket" in school.get("/u/ada").text
    assert "Blanket" not in school.get("/api/badges").text


def test_badges_are_told_in_the_language_that_is_asked_for(school: httpx2.Client) -> None:
    assert by_id(school.get("/api/badges", headers=GERMAN).json())["bookworm_silver"]["name"] == "Bücherdrache"
    german = post(school, "lesson_attended", "2026-03-03T10:00:00Z", **GERMAN)
    assert german["newBadges"][0]["name"] == "Da bin ich"
    answers = {
        address: (school.get(address, headers=GERMAN).text, school.get(address).text)
        for address in (
            "/api/progress/dashboard/ada",
            "/api/progress/dashboard/ada?since=2026-01-01T00:00:00Z",
            "/api/progress/badges/ada",
            "/api/progress/history/ada",
            f"/api/progress/events/ada/{german['event']['eventId']}",
            "/api/progress/export/ada",
            "/api/progress/review/ada/2026",
            "/u/ada",
            "/badges/here",
        )
    }
    for address, (told, otherwise) in answers.items():
        assert ("Da bin ich" in told, "Here I Am" in told) == (True, False), address
        assert ("Da bin ich" in otherwise, "Here I Am" in otherwise) == (False, True), address


def test_a_badge_of_the_summer_takes_events_of_the_summer(school: httpx2.Client) -> None:
    for at in ("2026-06-30T12:00:00Z", "2026-07-01T12:00:00Z", "2026-08-31T12:00:00Z", "2026-09-01T12:00:00Z"):
        post(school, "book_finished", at)
    shown = by_id(school.get("/api/progress/badges/ada").json())["summer_reading_2026"]
    assert (shown["earned"], shown["current"], shown["target"]) == (False, 2, 3)
    # The summer may be over: a book of July that is told late counts.
    late = post(school, "book_finished", "2026-07-15T12:00:00Z")
    assert "summer_reading_2026" in by_id(late, "newBadges")
    page = school.get("/badges/summer_reading_2026").text
    assert "July 1, 2026" in page or "Jul 1, 2026" in page
