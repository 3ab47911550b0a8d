"""The fast paths answer as the framework's routes do, which a slash at the end of the event's and a query reach."""

from __future__ import annotations

import itertools
from typing import Any

import httpx2
import pytest

DIRECT, ROUTE = "/api/progress/event", "/api/progress/event/"
_numbers = itertools.count(1)

BODY: dict[str, Any] = {
    "eventType": "code_run",
    "eventId": "one",
    "timestamp": "2026-03-01T12:00:00Z",
    "metadata": {"language": "python", "codeLength": 700, "note": "\u00e9\U0001f600"},
}


def shown(response: httpx2.Response) -> tuple[int, dict[str, str], bytes]:
    """What a client sees, without the date and the request's id."""
    headers = {name: value for name, value in response.headers.items() if name not in ("date", "x-request-id")}
    return response.status_code, headers, response.content


def test_new_repeated_and_conflicting_events_are_answered_alike(client: httpx2.Client) -> None:
    # The same user id for both, as long in each, so that only it differs.
    answers: dict[str, list[tuple[int, dict[str, str], bytes]]] = {}
    for path, user_id in ((DIRECT, "direct-a"), (ROUTE, "routed-b")):
        body = BODY | {"userId": user_id}
        answers[path] = [
            shown(client.post(path, json=body)),
            shown(client.post(path, json=body)),
            shown(client.post(path, json=body | {"eventType": "ai_debug"})),
        ]
        assert [status for status, _, _ in answers[path]] == [201, 200, 409]
    routed = [(status, headers, body.replace(b"routed-b", b"direct-a")) for status, headers, body in answers[ROUTE]]
    assert answers[DIRECT] == routed


@pytest.mark.parametrize(
    ("content", "headers", "status"),
    [
        (b"{", {}, 400),
        (b"", {}, 400),
        (b"[]", {}, 422),
        (b'{"userId": 5}', {}, 422),
        (b'{"userId": "u", "eventType": "unknown"}', {}, 422),
        (b"{}", {"content-type": "text/plain"}, 415),
        (b"[" * 100_000, {}, 413),
        (b'"' + b"x" * 200_000 + b'"', {}, 413),
        (b'{"userId": "\xff"}', {}, 400),
    ],
)
def test_refusals_are_alike(client: httpx2.Client, content: bytes, headers: dict[str, str], status: int) -> None:
    given = {"content-type": "application/json"} | headers
    direct, routed = (shown(client.post(path, content=content, headers=given)) for path in (DIRECT, ROUTE))
    assert direct == routed
    assert direct[0] == status


def test_a_body_in_pieces_is_read_whole(client: httpx2.Client) -> None:
    body = b'{"userId": "in-pieces", "eventType": "code_run", "eventId": "%d"}' % next(_numbers)
    pieces = (body[start : start + 7] for start in range(0, len(body), 7))
    response = client.post(DIRECT, content=pieces, headers={"content-type": "application/json"})
    assert response.status_code == 201, response.text


def test_other_methods_are_the_routes_to_refuse(client: httpx2.Client) -> None:
    assert client.get(DIRECT).status_code == 405


LONG = {"dashboard": "?envelope=flat", "rank": "?timeframe=all-time"}


@pytest.mark.parametrize("address", LONG)
@pytest.mark.parametrize(
    ("user_id", "status"),
    [
        ("read-twice", 200),
        ("nobody-here", 404),
        # Other tests of the same server record ids like "a/b", "/" and " ".
        ("short%2Fway", 404),
        ("//short", 404),
        ("short/way/", 404),
        ("%FF", 422),
        ("%20short", 404),
        ("x" * 101, 404),
        ("%00", 404),
    ],
)
def test_reads_are_answered_alike(client: httpx2.Client, address: str, user_id: str, status: int) -> None:
    client.post(DIRECT, json={"userId": "read-twice", "eventType": "code_run", "eventId": "one"})
    path = f"/api/progress/{address}/{user_id}"
    # The projector may be at work on the first.
    direct = routed = None
    for _ in range(100):
        direct, routed = (shown(client.get(given)) for given in (path, path + LONG[address]))
        if direct == routed:
            break
    assert direct is not None
    assert direct == routed
    assert direct[0] == status


def test_an_address_without_an_id_is_the_frameworks_to_refuse(client: httpx2.Client) -> None:
    for address in ("dashboard", "rank"):
        assert client.get(f"/api/progress/{address}/").status_code in (404, 422)
        assert client.head(f"/api/progress/{address}/nobody-here").status_code == 404
