"""Webhooks over HTTP: made, told by the running server, replaced, given up, ended."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator

import httpx2
import pytest
from standardwebhooks.webhooks import WebhookVerificationError

from tests.http.conftest import StartServer
from tests.ports import free_port
from tests.webhooks.receiver import Receiver

PATH = "/api/webhooks"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    yield receiver
    receiver.close()


def test_two_workers_tell_a_badge_once_and_go_on_after_a_restart(start_server: StartServer, receiver: Receiver) -> None:
    server = start_server(workers=2, webhook_private="true")
    with server.client() as client:
        made = client.post(PATH, json={"url": receiver.url, "types": ["badge.awarded"]})
        assert made.status_code == 201, made.text
        secret, endpoint = made.json()["secret"], made.json()["webhook"]
        assert endpoint["url"] == receiver.url
        assert client.get(PATH).json()["webhooks"] == [endpoint]
        event = {"userId": "ada", "eventType": "code_run", "eventId": "run-1"}
        assert client.post("/api/progress/event", json=event).status_code == 201
        receiver.wait_for(1)
        assert receiver.verify(secret)["data"]["badge"]["badgeId"] == "first_run"
        rotated = client.post(f"{PATH}/{endpoint['id']}/rotate").json()
        assert rotated["webhook"] == endpoint
        assert rotated["secret"] != secret
        deadline = time.monotonic() + 30
        while not (told := client.get(f"{PATH}/{endpoint['id']}/deliveries?state=done").json()["deliveries"]):
            assert time.monotonic() < deadline
            time.sleep(0.02)
        assert (told[0]["id"], told[0]["userId"], told[0]["status"]) == (receiver.ids[0], "ada", 204)
    server.stop()
    server.start()
    with server.client() as client:
        assert client.post("/api/progress/event", json={**event, "userId": "bob"}).status_code == 201
        receiver.wait_for(2)
        assert receiver.verify(rotated["secret"])["data"]["userId"] == "bob"
        assert client.post(f"{PATH}/{endpoint['id']}/replay").json()["replayed"] == 0
        assert client.delete(f"{PATH}/{endpoint['id']}").status_code == 204
        assert client.get(PATH).json()["webhooks"] == []
    assert len(receiver.ids) == len(set(receiver.ids)) == 2
    # The address may hold a secret of its own.
    assert str(receiver.port) not in server.log


def test_a_message_right_after_a_rotation_is_signed_by_both_secrets(
    start_server: StartServer, receiver: Receiver
) -> None:
    port = free_port(2)
    server = start_server(workers=2, webhook_private="true", metrics_port=str(port))
    with server.client() as client:
        made = client.post(PATH, json={"url": receiver.url, "types": ["badge.awarded"]}).json()
        event = {"userId": "ada", "eventType": "code_run"}
        assert client.post("/api/progress/event", json=event).status_code == 201
        receiver.wait_for(1)
        rotation = f"{PATH}/{made['webhook']['id']}/rotate"
        second = client.post(rotation).json()["secret"]
        assert client.post("/api/progress/event", json={**event, "userId": "bob"}).status_code == 201
        receiver.wait_for(2)
        for secret in (made["secret"], second):
            assert receiver.verify(secret)["data"]["userId"] == "bob"
        # The first secret is not dropped unless somebody says so.
        refused = client.post(rotation)
        assert refused.status_code == 422
        assert [each["field"] for each in refused.json()["errors"]] == ["force"]
        third = client.post(f"{rotation}?force=true").json()["secret"]
        assert client.post("/api/progress/event", json={**event, "userId": "carla"}).status_code == 201
        receiver.wait_for(3)
        for secret in (second, third):
            assert receiver.verify(secret)["data"]["userId"] == "carla"
        with pytest.raises(WebhookVerificationError):
            receiver.verify(made["secret"])
        told = "".join(httpx2.get(f"http://127.0.0.1:{port + n}/metrics", trust_env=False).text for n in range(2))
    delivered = re.findall(r'laurels_webhook_attempts_total\{outcome="delivered"\} (\S+)', told)
    assert sum(map(float, delivered)) == 3
    assert "laurels_webhook_endpoints 1.0" in told


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"url": "http://hooks.example/"}, "url"),
        ({"url": "https://169.254.169.254/latest"}, "url"),
        ({"url": "https://168.63.129.16/machine"}, "url"),
        ({"url": "https://[3fff::1]/"}, "url"),
        ({"url": "https://hooks.example/", "types": ["everything"]}, "types"),
        ({"url": "https://hooks.example/", "secret": "mine"}, "secret"),
        ({}, "url"),
    ],
)
def test_what_cannot_be_a_webhook_is_refused(client: httpx2.Client, body: dict[str, object], field: str) -> None:
    refused = client.post(PATH, json=body)
    assert refused.status_code == 422
    assert refused.json()["type"] == "urn:laurels:problem:invalid-input"
    assert refused.json()["errors"][0]["field"] == field


def test_an_unknown_one_is_not_found(client: httpx2.Client) -> None:
    for method, rest in (("DELETE", ""), ("POST", "/rotate"), ("POST", "/replay"), ("GET", "/deliveries")):
        refused = client.request(method, f"{PATH}/wh_unknown{rest}")
        assert (refused.status_code, refused.json()["type"]) == (404, "urn:laurels:problem:unknown-webhook")
