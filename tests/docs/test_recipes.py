"""The programs of docs/recipes.md, run as they stand there; what they call is a server on loopback."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx2
import pytest
from fastapi.testclient import TestClient

from laurels.client import Client
from laurels.domain.webhooks import headers_of, new_secret
from tests.clients.python.scripted_service import ScriptedService
from tests.http.callers import make_key
from tests.http.server_process import ServerProcess

PAGE = Path(__file__).parents[2] / "docs" / "recipes.md"


def program(heading: str) -> str:
    """The program below a heading of the page."""
    section = PAGE.read_text("utf-8").split(f"## {heading}\n", 1)[1].split("\n## ", 1)[0]
    [found] = re.findall(r"```python\n(.*?)```", section, re.DOTALL)
    return found


def run(heading: str) -> dict[str, Any]:
    module: dict[str, Any] = {"__name__": "recipe"}
    exec(program(heading), module)
    return module


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ScriptedService]:
    """Stands for the service, and for a chat."""
    monkeypatch.chdir(tmp_path)
    with ScriptedService() as scripted:
        monkeypatch.setenv("PLATFORM_LAURELS_URL", scripted.url)
        monkeypatch.setenv("PLATFORM_LAURELS_KEY", "lrl_key")
        yield scripted


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    process = ServerProcess(tmp_path_factory.mktemp("recipes"))
    process.start()
    yield process
    process.stop()


def sent(service: ScriptedService) -> list[dict[str, Any]]:
    return [event for _, events in service.batches for event in events]


def test_fastapi(service: ScriptedService) -> None:
    with TestClient(run("FastAPI")["app"]) as client:
        assert client.post("/lessons/loops/done?user=ada").json() == {"eventId": "lesson-loops"}
    [event] = sent(service)
    assert (event["userId"], event["eventType"], event["eventId"]) == ("ada", "tutorial_complete", "lesson-loops")
    assert service.tokens == ["Bearer lrl_key"]


def test_django(service: ScriptedService, tmp_path: Path) -> None:
    (tmp_path / "urls.py").write_text(program("Django"), "utf-8")
    # In a process of its own: Django is configured once for a process.
    asking = """
import django
from django.conf import settings
settings.configure(ROOT_URLCONF="urls", ALLOWED_HOSTS=["*"], SECRET_KEY="secret", MIDDLEWARE=["urls.learning"])
django.setup()
from django.test import Client
client = Client()
assert client.get("/learners/ada/lessons/loops").json() == {"done": "loops"}
assert client.get("/learners/ada").status_code == 404
import urls
assert urls.laurels().close(10) == 0
"""
    done = subprocess.run([sys.executable, "-c", asking], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    assert [(event["userId"], event["metadata"]) for event in sent(service)] == [("ada", {"lesson": "loops"})]


def test_flask(service: ScriptedService) -> None:
    module = run("Flask")
    client = module["app"].test_client()
    assert client.post("/learners/ada/lessons/loops").json == {"done": "loops"}
    assert client.get("/learners/ada/lessons/loops").status_code == 405
    assert module["laurels"]().close(10) == 0
    assert [(event["userId"], event["metadata"]) for event in sent(service)] == [("ada", {"lesson": "loops"})]


def test_django_signals(service: ScriptedService, tmp_path: Path) -> None:
    (tmp_path / "signals.py").write_text(program("Django signals"), "utf-8")
    asking = """
import django
from django.conf import settings
settings.configure(DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}})
django.setup()
from django.db import connection, models, transaction

class Solution(models.Model):
    learner = models.CharField(max_length=100)
    lesson = models.CharField(max_length=100)

    class Meta:
        app_label = "homework"

import signals
signals.connect(Solution)
with connection.schema_editor() as editor:
    editor.create_model(Solution)
solution = Solution.objects.create(learner="ada", lesson="loops")
solution.save()
try:
    with transaction.atomic():
        Solution.objects.create(learner="bob", lesson="loops")
        raise RuntimeError
except RuntimeError:
    pass
assert signals.laurels().close(10) == 0
"""
    done = subprocess.run([sys.executable, "-c", asking], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    assert [(event["userId"], event["eventId"]) for event in sent(service)] == [("ada", "solution-1")]


def test_celery(server: ServerProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLATFORM_LAURELS_URL", server.url)
    key = make_key(f"sqlite:///{server.database}", "events:write", "progress:read")
    monkeypatch.setenv("PLATFORM_LAURELS_KEY", key)
    mark = run("Celery")["mark"]
    # The same task twice, as when a worker dies before it has said that it is done.
    assert [mark.apply(("ada", "loops"), task_id="task-1").get() for _ in range(2)] == [20, 20]
    with Client(server.url, token=key) as laurels:
        assert laurels.dashboard("ada").total_events == 1


def test_services_that_send_a_post(server: ServerProcess) -> None:
    section = PAGE.read_text("utf-8").split("## Zapier, Make, n8n\n", 1)[1].split("\n## ", 1)[0]
    [body] = re.findall(r"\| body \| `(.*?)` \|", section)
    content = body.replace("{{ user }}", "bob").replace("{{ id }}", "row-1")
    path = re.findall(r"`https://laurels.example(/.*?)`", section)[0]
    key = make_key(f"sqlite:///{server.database}", "events:write")
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {key}"}
    with server.client() as client:
        answers = [client.post(path, content=content, headers=headers) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [201, 200]


def test_badges_into_a_chat(service: ScriptedService, monkeypatch: pytest.MonkeyPatch) -> None:
    secret = new_secret()
    monkeypatch.setenv("WEBHOOK_SECRET", secret)
    monkeypatch.setenv("CHAT_URL", f"{service.url}/chat")
    said: list[Any] = []
    service.replies += [
        lambda message: (said.append(message), (200, {}, b"ok"))[1],  # pyright: ignore[reportArgumentType]
        (500, {}, b""),
    ]
    receiver = ThreadingHTTPServer(("127.0.0.1", 0), run("Badges into a chat")["Receiver"])
    thread = threading.Thread(target=receiver.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        url = f"http://127.0.0.1:{receiver.server_port}/"
        message = {"type": "badge.awarded", "data": {"userId": "ada", "badge": {"icon": "*", "name": "First Steps"}}}
        body = json.dumps(message)
        signed = headers_of("msg_1", body, [secret], int(time.time() * 1_000))
        assert httpx2.post(url, content=body, headers=signed).status_code == 204
        assert said == [{"text": "* ada has earned First Steps."}]
        # The chat fails: to be delivered again.
        assert httpx2.post(url, content=body, headers=signed).status_code == 502
        assert httpx2.post(url, content=body + " ", headers=signed).status_code == 401
        assert httpx2.post(url, content=body).status_code == 401
        assert httpx2.post(url, content=b" " * 70_000).status_code == 413
        assert len(service.batches) == 2
    finally:
        receiver.shutdown()
        thread.join()
        receiver.server_close()


def test_a_green_build_becomes_an_event(service: ScriptedService, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_SECRET", "secret")
    run_of: dict[str, Any] = {"id": 7, "name": "tests", "actor": {"login": "ada"}, "conclusion": "success"}
    run_of["updated_at"] = "2026-03-14T12:00:00Z"
    message = {"action": "completed", "workflow_run": run_of, "repository": {"full_name": "ada/loops"}}

    def deliver(client: TestClient, document: object, *, key: bytes = b"secret") -> httpx2.Response | Any:
        body = json.dumps(document).encode()
        digest = hmac.new(key, body, hashlib.sha256).hexdigest()
        headers = {"X-GitHub-Event": "workflow_run", "X-Hub-Signature-256": f"sha256={digest}"}
        return client.post("/github", content=body, headers=headers)

    with TestClient(run("A green build becomes an event")["app"]) as client:
        assert deliver(client, message).json() == {"recorded": True}
        assert deliver(client, message | {"workflow_run": run_of | {"conclusion": "failure"}}).json() == {
            "recorded": False
        }
        assert deliver(client, message, key=b"guess").status_code == 401
    [event] = sent(service)
    assert (event["userId"], event["eventType"], event["eventId"]) == ("ada", "challenge_complete", "github-7")
    assert event["timestamp"] == "2026-03-14T12:00:00Z"
    assert event["metadata"] == {"repository": "ada/loops", "workflow": "tests"}
