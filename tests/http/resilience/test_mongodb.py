"""Two server processes on one MongoDB: no owner, no sticky routing, nothing lost and nothing doubled."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.http.conftest import StartServer
from tests.http.resilience.test_races import EVENT, assert_told_once, post_all

TYPES = ("code_run", "ai_debug", "session_join", "visualize", "ai_explain", "challenge_complete")


async def test_two_servers_hammering_ten_users_lose_and_double_nothing(
    start_server: StartServer, one_node_url: str
) -> None:
    servers = [start_server(store=one_node_url) for _ in range(2)]
    events = [
        {
            "userId": f"user-{number % 10}",
            "eventType": TYPES[number // 10 % len(TYPES)],
            "eventId": f"event-{number}",
            "metadata": {"language": f"language-{number % 7}", "codeLength": number % 800},
            "timestamp": f"2026-03-{1 + number % 28:02}T12:00:00Z",
        }
        for number in range(400)
    ]
    # Every fourth one is sent twice.
    answers = await post_all(*servers, events=[*events, *events[::4]], clients=16)
    assert Counter(answer.status_code for answer in answers) == {201: 400, 200: 100}
    for user in {event["userId"] for event in events}:
        assert_told_once(servers[0], user, [each for each in answers if each.json()["event"]["userId"] == user])
    for server in servers:
        server.stop()
        assert "unexpected fault" not in server.log
    verification = await servers[0].verify()
    assert (verification.users, verification.events, verification.behind) == (10, 400, 0)
    assert verification.differences == []


@pytest.mark.parametrize("races", [50, pytest.param(1_000, marks=pytest.mark.long)])
async def test_two_servers_that_race_for_a_badge_award_it_once(
    start_server: StartServer, one_node_url: str, races: int
) -> None:
    servers = [start_server(store=one_node_url) for _ in range(2)]
    # Both requests of a race are the user's first run: each alone would bring the badge.
    events = [{"userId": f"user-{n // 2}", "eventType": "code_run", "eventId": str(n % 2)} for n in range(2 * races)]
    answers = await post_all(*servers, events=events, clients=8)
    assert Counter(answer.status_code for answer in answers) == {201: 2 * races}
    awards = [badge["badgeId"] for answer in answers for badge in answer.json()["newBadges"]]
    assert awards.count("first_run") == races
    verification = await servers[0].verify()
    assert (verification.users, verification.differences) == (races, [])
    with servers[1].client() as client:
        again = client.post(EVENT, json=events[0])
        assert (again.status_code, again.json()["newBadges"]) == (200, answers[0].json()["newBadges"])
