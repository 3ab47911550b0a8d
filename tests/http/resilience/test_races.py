"""Many clients at once: nothing counts twice, nobody gets a badge twice."""

from __future__ import annotations

import asyncio
import csv
import io
from collections import Counter
from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import Any

import httpx2
import pytest

from tests.http.conftest import StartServer
from tests.http.server_process import ServerProcess

EVENT = "/api/progress/event"


async def post_all(*servers: ServerProcess, events: Sequence[dict[str, Any]], clients: int) -> list[httpx2.Response]:
    """Post `events` from so many clients per server at once, each with a connection of its own, as fast as they can."""
    waiting = list(enumerate(events))
    answers: dict[int, httpx2.Response] = {}

    async def work(client: httpx2.AsyncClient) -> None:
        while waiting:
            number, event = waiting.pop()
            answers[number] = await client.post(EVENT, json=event)

    async with AsyncExitStack() as stack:
        to = [await stack.enter_async_context(server.async_client()) for server in servers]
        await asyncio.gather(*(work(client) for client in to for _ in range(clients)))
    return [answers[number] for number in range(len(events))]


async def assert_counted_once(server: ServerProcess, user: str, answers: Sequence[httpx2.Response]) -> None:
    """Assert that the answers, the ledger and everything made from it tell one story about the learner."""
    assert_told_once(server, user, answers)
    assert (await server.verify()).differences == []


def assert_told_once(server: ServerProcess, user: str, answers: Sequence[httpx2.Response]) -> None:
    """The same without recomputing everybody's."""
    recorded = [answer.json() for answer in answers if answer.status_code == 201]
    with server.client() as client:
        export = client.get(f"/api/progress/export/{user}", params={"format": "csv"}).text
        rows = list(csv.DictReader(io.StringIO(export)))
        dashboard = client.get(f"/api/progress/dashboard/{user}").json()
    assert Counter(row["eventId"] for row in rows) == Counter(answer["event"]["eventId"] for answer in recorded)
    brought = Counter(badge["badgeId"] for answer in recorded for badge in answer["newBadges"])
    assert set(brought.values()) == {1}
    assert brought.keys() == set(dashboard["user"]["badges"])
    assert len(dashboard["badges"]) == len(brought)
    points = sum(int(row["points"]) for row in rows) + sum(badge["points"] for badge in dashboard["badges"])
    assert dashboard["user"]["totalPoints"] == points
    # Each answer saw the progress right after its own event, so the totals are a ladder without a repeated step.
    totals = sorted(answer["progress"]["totalPoints"] for answer in recorded)
    assert totals[-1] == points
    assert len(set(totals)) == len(totals)


async def test_one_event_50_times_at_once_is_recorded_once(server: ServerProcess, user: str) -> None:
    event = {"userId": user, "eventType": "code_run", "eventId": "same", "metadata": {"codeLength": 600}}
    answers = await post_all(server, events=[event] * 50, clients=50)
    assert Counter(answer.status_code for answer in answers) == {201: 1, 200: 49}
    assert len({answer.content for answer in answers}) == 1
    assert sum(answer.headers.get("idempotent-replayed") == "true" for answer in answers) == 49
    await assert_counted_once(server, user, answers)


async def test_one_id_with_50_contents_at_once_is_recorded_for_one(server: ServerProcess, user: str) -> None:
    events = [
        {"userId": user, "eventType": "code_run", "eventId": "same", "metadata": {"number": number}}
        for number in range(50)
    ]
    answers = await post_all(server, events=events, clients=50)
    assert Counter(answer.status_code for answer in answers) == {201: 1, 409: 49}
    await assert_counted_once(server, user, answers)


async def test_32_clients_hammering_one_learner_lose_and_double_nothing(server: ServerProcess, user: str) -> None:
    types = ("code_run", "ai_debug", "session_join", "visualize", "ai_explain", "challenge_complete")
    events = [
        {
            "userId": user,
            "eventType": types[number % len(types)],
            "eventId": f"event-{number % 800}",
            "metadata": {"language": f"language-{number % 7}", "codeLength": number % 800},
            "timestamp": f"2025-03-{1 + number % 28:02}T12:00:00Z",
        }
        for number in range(800)
    ]
    # Every fourth one is sent twice.
    answers = await post_all(server, events=[*events, *events[::4]], clients=32)
    assert Counter(answer.status_code for answer in answers) == {201: 800, 200: 200}
    await assert_counted_once(server, user, answers)


async def test_a_batch_and_single_events_at_once_do_not_double(server: ServerProcess, user: str) -> None:
    events = [{"userId": user, "eventType": "visualize", "eventId": str(number)} for number in range(200)]
    async with server.async_client() as client:
        batches = asyncio.gather(*(client.post("/api/progress/events", json=events) for _ in range(4)))
        answers = await post_all(server, events=events, clients=16)
        batch_answers = await batches
    results = [result for answer in batch_answers for result in answer.json()["results"]]
    statuses = Counter(result["status"] for result in results)
    statuses.update({201: "recorded", 200: "replayed"}[answer.status_code] for answer in answers)
    assert statuses == {"recorded": 200, "replayed": 800}
    assert (await server.verify()).differences == []


async def test_profile_changes_and_events_at_once_are_all_kept(server: ServerProcess, user: str) -> None:
    events = [{"userId": user, "eventType": "code_run", "eventId": str(number)} for number in range(100)]
    async with server.async_client() as client:
        url = f"/api/progress/users/{user}"
        changes = asyncio.gather(*(client.put(url, json={"preferences": {"n": n}}) for n in range(50)))
        answers = await post_all(server, events=events, clients=8)
        changed = await changes
    assert {answer.status_code for answer in changed} == {200}
    await assert_counted_once(server, user, answers)


@pytest.mark.parametrize("ports", [1, 2], ids=["two workers of one server", "two servers"])
async def test_two_processes_on_one_file_lose_and_double_nothing(start_server: StartServer, ports: int) -> None:
    server = start_server(workers=2 // ports)
    servers = [server] if ports == 1 else [server, start_server(folder=server.folder)]
    events = [
        {"userId": user, "eventType": "code_run", "eventId": str(number), "metadata": {"codeLength": number}}
        for number in range(250)
        for user in ("shared", "other")
    ]
    answers = await post_all(*servers, events=[*events, *events[::5]], clients=16 // ports)
    assert Counter(answer.status_code for answer in answers) == {201: 500, 200: 100}
    for user in ("shared", "other"):
        own = [answer for answer in answers if answer.json()["event"]["userId"] == user]
        await assert_counted_once(server, user, own)
    for each in servers:
        each.stop()
    verification = await server.verify()
    assert (verification.events, verification.differences) == (500, [])
