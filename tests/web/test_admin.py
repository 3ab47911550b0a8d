"""The operator's page: signing in with an admin key, what a session may do, and when it ends."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

import laurels.rulebooks
from tests.http.callers import bearer, make_key, revoke
from tests.http.conftest import StartServer
from tests.http.server_process import ServerProcess
from tests.ports import free_port
from tests.waiting import wait_until

BUILT_IN = Path(laurels.rulebooks.__file__).parent / "coding.toml"


@pytest.fixture
def guarded(start_server: StartServer) -> ServerProcess:
    """A server with keys."""
    return start_server(webhook_private="true")


@pytest.fixture
def operator(guarded: ServerProcess) -> Iterator[tuple[httpx2.Client, str]]:
    """A client without credentials, and an admin key."""
    key = make_key(f"sqlite:///{guarded.database}", "admin")
    with guarded.client() as client:
        event = {"userId": "ada", "eventType": "code_run"}
        assert client.post("/api/progress/event", json=event, headers=bearer(key)).status_code == 201
        yield client, key


def token_in(text: str) -> str:
    found = re.search(r'name="token" value="([0-9a-f]+)"', text)
    assert found is not None, text
    return found[1]


def sign_in(client: httpx2.Client, key: str, origin: str | None = None) -> httpx2.Response:
    form = client.get("/admin")
    headers = {"Origin": origin or str(client.base_url).rstrip("/")}
    return client.post("/admin/session", data={"token": token_in(form.text), "key": key}, headers=headers)


def test_an_admin_key_opens_the_page_and_its_end_closes_it(
    guarded: ServerProcess, operator: tuple[httpx2.Client, str]
) -> None:
    client, key = operator
    assert client.get("/admin").status_code == 401
    assert "Operation" not in client.get("/admin").text
    answer = sign_in(client, key)
    assert answer.status_code == 303
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert "Secure" not in cookie
    assert key not in cookie
    page = client.get("/admin?user=ada")
    assert page.status_code == 200
    # The list of keys is of those that an operator made.
    assert key.split("_")[1] in page.text
    assert "session of" not in page.text
    assert "code run" in page.text
    # A cookie opens pages alone, never the API.
    assert client.get("/api/webhooks").status_code == 401
    end = {"Origin": guarded.url}
    assert client.post("/admin/session/end", data={"token": token_in(page.text)}, headers=end).status_code == 303
    assert client.get("/admin").status_code == 401
    # A browser that came by https says so, even if the proxy does not.
    by_https = sign_in(client, key, origin=guarded.url.replace("http:", "https:"))
    assert "; Secure" in by_https.headers["set-cookie"]


def test_a_session_over_https_has_a_cookie_that_no_other_host_can_set(start_server: StartServer) -> None:
    server = start_server(is_behind_proxy=True)
    key = make_key(f"sqlite:///{server.database}", "admin")
    plain, secure = server.url, server.url.replace("http:", "https:")
    by_https = {"X-Forwarded-For": "192.0.2.1", "X-Forwarded-Proto": "https"}
    with server.client() as client:
        assert sign_in(client, key, origin=plain).headers["set-cookie"].startswith("laurels_session=lrl_")
        cookie = sign_in(client, key, origin=secure).headers["set-cookie"]
        name, _, session = cookie.partition(";")[0].partition("=")
        assert name == "__Host-laurels_session"
        # Browsers refuse the name without these.
        assert {"; Path=/", "; Secure"} <= {f";{part}" for part in cookie.split(";")[1:]}
        assert "Domain" not in cookie
        client.cookies.clear()
        # What another host of the domain, or a page by http, may have set counts for nothing.
        planted = {**by_https, "Cookie": f"laurels_session={session}"}
        assert client.get("/admin", headers=planted).status_code == 401
        own = {**by_https, "Cookie": f"{name}={session}"}
        page = client.get("/admin", headers=own)
        assert page.status_code == 200
        end = client.post("/admin/session/end", data={"token": token_in(page.text)}, headers={**own, "Origin": secure})
        assert (end.status_code, end.headers["set-cookie"].partition(";")[0]) == (303, f"{name}=")
        assert client.get("/admin", headers=own).status_code == 401


def test_keys_guessed_in_the_form_are_counted(start_server: StartServer) -> None:
    server = start_server(failure_rate="3")
    key = make_key(f"sqlite:///{server.database}", "admin")
    with server.client() as client:
        assert [sign_in(client, f"lrl_{number:012}_{'x' * 40}").status_code for number in range(4)] == [401] * 3 + [429]
        assert client.get("/api/badges", headers=bearer("lrl_wrong")).status_code == 429
        # Who has a key is not kept out by others who share the address.
        assert sign_in(client, key).status_code == 303


def test_a_session_ends_with_its_key(guarded: ServerProcess, operator: tuple[httpx2.Client, str]) -> None:
    client, key = operator
    sign_in(client, key)
    assert client.get("/admin").status_code == 200
    revoke(f"sqlite:///{guarded.database}", key)
    assert client.get("/admin").status_code == 401


def test_a_session_counts_in_its_cookie_alone_and_makes_no_other(operator: tuple[httpx2.Client, str]) -> None:
    client, key = operator
    sign_in(client, key)
    session = client.cookies["laurels_session"]
    # Otherwise it would open everything for hours after the key was revoked.
    assert client.get("/api/webhooks", headers=bearer(session)).status_code == 401
    client.cookies.clear()
    assert sign_in(client, session).status_code == 401


def test_a_form_of_too_many_fields_or_bytes_is_refused(operator: tuple[httpx2.Client, str]) -> None:
    client, _ = operator
    origin = {"Origin": str(client.base_url).rstrip("/")}
    assert client.post("/admin/session", content="&".join(["a=1"] * 51), headers=origin).status_code == 403
    # To decode half a megabyte takes a third of a second, and anybody may send it.
    assert client.post("/admin/session", content="a=" + "%41" * 2_000, headers=origin).status_code == 413


def test_what_another_page_sends_is_refused(operator: tuple[httpx2.Client, str]) -> None:
    client, key = operator
    assert sign_in(client, key, origin="https://evil.example").status_code == 403
    assert sign_in(client, "lrl_" + "0" * 12 + "_" + "0" * 40).status_code == 401
    sign_in(client, key)
    own = {"Origin": str(client.base_url).rstrip("/")}
    for token in ("0" * 64, "é", ""):
        assert client.post("/admin/session/end", data={"token": token}, headers=own).status_code == 403
    assert client.get("/admin").status_code == 200


def test_a_key_that_may_only_read_opens_nothing(guarded: ServerProcess, operator: tuple[httpx2.Client, str]) -> None:
    client, _ = operator
    reader = make_key(f"sqlite:///{guarded.database}", "progress:read")
    assert sign_in(client, reader).status_code == 401


def post(client: httpx2.Client, path: str, **fields: str) -> httpx2.Response:
    """Send a form of /admin."""
    token = token_in(client.get("/admin").text)
    headers = {"Origin": str(client.base_url).rstrip("/")}
    return client.post(path, data={"token": token, **fields}, headers=headers)


def test_a_page_that_is_open_asks_for_its_figures_and_its_news_alone(operator: tuple[httpx2.Client, str]) -> None:
    client, key = operator
    for path in ("/admin/figures", "/admin/news"):
        assert client.get(path).status_code == 401
    hook = {"url": f"http://127.0.0.1:{free_port()}/secret-path", "types": ["badge.awarded"]}
    assert client.post("/api/webhooks", json=hook, headers=bearer(key)).is_success
    event = {"userId": "bob@example.org", "eventType": "code_run"}
    assert client.post("/api/progress/event", json=event, headers=bearer(key)).is_success
    sign_in(client, key)
    wait_until(lambda: "did not arrive" in client.get("/admin/news").text)
    news = client.get("/admin/news").text
    assert "127.0.0.1: badge.awarded, tried 1 time. Nothing takes connections there." in news
    assert news in client.get("/admin").text
    assert not re.search("<main|secret-path|bob@|whsec", news)
    [address] = re.findall(r'hx-get="([^"]+)"', news)
    same = client.get(address)
    assert (same.status_code, same.content) == (204, b"")
    assert "kam nicht an" in client.get("/admin/news?lang=de").text
    figures = client.get("/admin/figures").text
    assert "<main" not in figures
    assert "<dt>Events in the last minute</dt><dd>2</dd>" in figures


def test_a_learner_is_corrected_from_the_page(operator: tuple[httpx2.Client, str]) -> None:
    client, key = operator
    sign_in(client, key)
    granted = post(client, "/admin/correction", user="ada", action="grant", target="mentor", reason="on paper")
    assert (granted.status_code, granted.headers["location"]) == (303, "/admin?user=ada&done=grant")
    page = client.get(granted.headers["location"]).text
    assert "The badge is awarded." in page
    history = client.get("/api/progress/history/ada", headers=bearer(key)).json()["entries"]
    assert (history[0]["kind"], history[0]["reason"]) == ("award", "on paper")
    again = post(client, "/admin/correction", user="ada", action="grant", target="mentor", reason="on paper")
    assert again.headers["location"].endswith("done=nothing")
    post(client, "/admin/correction", user="ada", action="retract", target=history[-1]["event"]["eventId"], reason="no")
    assert client.get("/api/progress/dashboard/ada", headers=bearer(key)).json()["totalEvents"] == 0
    for fields, sentence in (
        ({"action": "grant", "target": "mentro", "reason": "x"}, "Did you mean mentor?"),
        ({"action": "retract", "target": "nothing", "reason": "x"}, "no event"),
        ({"action": "revoke", "target": "mentor", "reason": ""}, "reason"),
        ({"action": "juggle", "target": "mentor", "reason": "x"}, "retract, grant or revoke"),
    ):
        refused = post(client, "/admin/correction", user="ada", **fields)
        assert refused.status_code == 422
        assert sentence in refused.text


def test_a_rulebook_is_tried_and_published_from_the_page(operator: tuple[httpx2.Client, str]) -> None:
    client, key = operator
    sign_in(client, key)
    text = BUILT_IN.read_text("utf-8")
    badge = '\n[[badges]]\nid = "one_run"\nname = "One Run <b>"\ndescription = "Run once."\nicon = "*"\n'
    badge += 'category = "coding"\nrarity = "common"\npoints = 1\n'
    badge += 'criterion = { kind = "count", event = "code_run", target = 1 }\n'
    assert "event type" in client.get("/admin/rulebook").text.lower()
    wrong = post(client, "/admin/rulebook", rulebook=text + badge.replace("target", "traget"), do="publish")
    assert wrong.status_code == 422
    assert "target" in wrong.text
    # As a browser sends it.
    sent = (text + badge).replace("\n", "\r\n")
    tried = post(client, "/admin/rulebook", rulebook=sent, do="preview", after="backfill")
    assert tried.status_code == 200
    assert re.search(r"One Run &lt;b&gt;</td>.*ada \(", tried.text) is not None
    assert "one_run" not in client.get("/api/badges", headers=bearer(key)).text
    published = post(client, "/admin/rulebook", rulebook=sent, do="publish", after="backfill", notify="each")
    assert published.status_code == 303
    found = client.get("/api/rulebook", headers=bearer(key)).json()
    assert [each["notify"] for each in found["jobs"]] == ["each"]
    # The key that an operator knows, not that of the session.
    assert found["versions"][0]["publishedBy"] == key.removeprefix("lrl_")[:12]

    def holds() -> bool:
        return "one_run" in client.get("/api/progress/dashboard/ada", headers=bearer(key)).json()["user"]["badges"]

    wait_until(holds)
    assert "done" in client.get("/admin/rulebook").text


@pytest.mark.parametrize("path", ["/admin/correction", "/admin/rulebook"])
def test_nobody_else_changes_anything(operator: tuple[httpx2.Client, str], path: str) -> None:
    client, key = operator
    fields = {"token": token_in(client.get("/admin").text), "user": "ada", "rulebook": "x" * 5_000}
    origin = {"Origin": str(client.base_url).rstrip("/")}
    assert client.post(path, data=fields, headers=origin).status_code == 401
    sign_in(client, key)
    assert client.post(path, data=fields, headers={"Origin": "https://evil.example"}).status_code in {403, 413}
