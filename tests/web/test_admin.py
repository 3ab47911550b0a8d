"""The operator's page: signing in with an admin key, what a session may do, and when it ends."""

from __future__ import annotations

import re
from collections.abc import Iterator

import httpx2
import pytest

from tests.http.callers import bearer, make_key, revoke
from tests.http.conftest import StartServer
from tests.http.server_process import ServerProcess


@pytest.fixture
def guarded(start_server: StartServer) -> ServerProcess:
    """A server with keys."""
    return start_server()


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
    assert key not in cookie
    page = client.get("/admin?user=ada")
    assert page.status_code == 200
    assert "code run" in page.text
    # A cookie opens pages alone, never the API.
    assert client.get("/api/webhooks").status_code == 401
    end = {"Origin": guarded.url}
    assert client.post("/admin/session/end", data={"token": token_in(page.text)}, headers=end).status_code == 303
    assert client.get("/admin").status_code == 401


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
    assert client.post("/admin/session/end", data={"token": "0" * 64}, headers=own).status_code == 403
    assert client.get("/admin").status_code == 200


def test_a_key_that_may_only_read_opens_nothing(guarded: ServerProcess, operator: tuple[httpx2.Client, str]) -> None:
    client, _ = operator
    reader = make_key(f"sqlite:///{guarded.database}", "progress:read")
    assert sign_in(client, reader).status_code == 401
