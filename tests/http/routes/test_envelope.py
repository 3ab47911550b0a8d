"""The envelope of existing clients: the same answers as `{success, data}`, asked for or set for all."""

from __future__ import annotations

from typing import Any

import httpx2
import pytest

from tests.http.conftest import Record, StartServer

EVENT = "/api/progress/event"
READS = ("/api/progress/dashboard/{}", "/api/progress/export/{}", "/api/progress/leaderboard")


def without(document: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in document.items() if name not in names}


@pytest.mark.parametrize("path", READS)
def test_data_is_the_answer_and_of_a_board_its_rows(
    client: httpx2.Client, record: Record, user: str, path: str
) -> None:
    record(user)
    address = path.format(user)
    flat = client.get(address).json()
    wrapped = client.get(address, params={"envelope": "data"}).json()
    # How many hold a badge is counted every ten seconds, so it may have changed at one of the two.
    later = client.get(address).json()
    assert wrapped.keys() == {"success", "data"}
    assert wrapped["success"] is True
    if "leaderboard" in path:
        assert wrapped["data"] == flat["leaderboard"]
    else:
        same = [without(each, "success", "generatedAt") for each in (flat, later)]
        assert without(wrapped["data"], "generatedAt") in same


def test_an_event_and_its_repetition_come_in_one(client: httpx2.Client, user: str) -> None:
    event = {"userId": user, "eventType": "code_run", "eventId": "one"}
    first, again = (client.post(EVENT, json=event, params={"envelope": "data"}) for _ in range(2))
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.headers["idempotent-replayed"] == "true"
    assert first.json() == again.json()
    assert first.json()["data"].keys() == {"event", "newBadges", "progress"}


def test_another_form_is_refused(client: httpx2.Client) -> None:
    response = client.get("/api/progress/leaderboard", params={"envelope": "box"})
    assert response.json()["errors"] == [{"field": "envelope", "message": "Must be one of data, flat."}]


def test_it_can_be_set_for_all_and_asked_not_to_be(start_server: StartServer) -> None:
    server = start_server(envelope="data")
    with server.client() as client:
        event = {"userId": "ada", "eventType": "code_run"}
        assert client.post(EVENT, json=event).json().keys() == {"success", "data"}
        assert client.post(EVENT, json=event, params={"envelope": "flat"}).json().keys() == {
            "success",
            "event",
            "newBadges",
            "progress",
        }
        for path in READS:
            assert client.get(path.format("ada")).json().keys() == {"success", "data"}
        # The others know no envelope.
        assert "rank" in client.get("/api/progress/rank/ada").json()
        assert client.get("/api/progress/dashboard/nobody").json()["success"] is False
