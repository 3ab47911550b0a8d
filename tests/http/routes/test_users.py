"""GET /api/progress/users and /users/:userId: who there is, and one with all fields of their profile."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import httpx2
import pytest

from tests.http.answers import USER, assert_refused
from tests.http.callers import SECRET, bearer, make_key, token
from tests.http.conftest import Record, StartServer

USERS = "/api/progress/users"


@pytest.fixture
def some(client: httpx2.Client, record: Record, user: str) -> list[str]:
    """Five learners whose ids begin alike; the third has a name."""
    ids = [f"listed-{user}-{letter}" for letter in "abcde"]
    for one in ids:
        record(one)
    client.put(f"{USERS}/{ids[2]}", json={"displayName": f"Zoé {user.upper()}"})
    return ids


def pages(client: httpx2.Client, **query: Any) -> list[list[str]]:
    found: list[list[str]] = []
    after: str | None = ""
    while after is not None:
        answer = client.get(USERS, params={**query, "after": after}).json()
        found.append([user["userId"] for user in answer["users"]])
        after = answer["next"]
    return found


def test_a_learner_is_shown_with_all_their_fields(client: httpx2.Client, record: Record, user: str) -> None:
    record(user)
    put = client.put(f"{USERS}/{user}", json={"displayName": "Ada", "preferences": {"theme": "dark"}})
    got = client.get(f"{USERS}/{user}")
    assert got.status_code == 200
    assert got.json() == put.json()
    assert got.json()["user"].keys() >= USER | {"preferences", "visibility", "alias"}
    assert client.head(f"{USERS}/{user}").status_code == 200


def test_nobody_is_a_404(client: httpx2.Client) -> None:
    assert_refused(client.get(f"{USERS}/nobody-is-here"), 404, code=":unknown-user")


@pytest.mark.parametrize("odd", ["a/data", "/data", "data", "x/data/data"])
def test_an_id_that_ends_like_the_address_of_the_data_is_an_id(client: httpx2.Client, user: str, odd: str) -> None:
    one = f"{user}{odd}"
    client.put(f"{USERS}/{quote(one, safe='')}", json={"displayName": "Odd"})
    assert client.get(f"{USERS}/{quote(one, safe='')}").json()["user"]["userId"] == one
    assert client.get(f"{USERS}/{quote(one, safe='')}/data").json()["userId"] == one


@pytest.mark.parametrize("limit", [1, 2, 5, 100])
def test_pages_show_everybody_once_in_order(client: httpx2.Client, some: list[str], limit: int) -> None:
    listed = [one for page in pages(client, limit=limit, q=some[0][:-2]) for one in page]
    assert listed == some


def test_all_without_a_search(client: httpx2.Client, some: list[str]) -> None:
    listed = [one for page in pages(client, limit=100) for one in page]
    assert listed == sorted(set(listed))
    assert set(some) <= set(listed)


def test_a_search_finds_names_in_any_case(client: httpx2.Client, some: list[str], user: str) -> None:
    found: list[str] = []
    for _ in range(100):
        # Names come with the projection.
        if found := [one for page in pages(client, q=f"zOÉ {user}") for one in page]:
            break
    assert found == [some[2]]


@pytest.mark.parametrize("limit", [0, 101, -1])
def test_other_limits_are_refused(client: httpx2.Client, limit: int) -> None:
    assert_refused(client.get(USERS, params={"limit": limit}), 422, field="limit")


def test_end_users_read_and_change_their_own_but_for_what_is_kept_back(start_server: StartServer) -> None:
    server = start_server(jwt_secret=SECRET, fixed_profile_fields="displayName, photoURL")
    admin = bearer(make_key(f"sqlite:///{server.database}", "admin"))
    ada = bearer(token("ada"))
    with server.client() as client:
        client.put(f"{USERS}/ada", json={"displayName": "Ada"}, headers=admin)
        assert client.get(f"{USERS}/ada", headers=ada).json()["user"]["displayName"] == "Ada"
        changed = client.put(f"{USERS}/ada", json={"timeZone": "Europe/Lisbon"}, headers=ada)
        assert changed.json()["user"]["timeZone"] == "Europe/Lisbon"
        refused = client.put(f"{USERS}/ada", json={"displayName": "Eve", "timeZone": "UTC"}, headers=ada)
        assert "displayName cannot be changed" in assert_refused(refused, 403)["detail"]
        assert client.get(f"{USERS}/ada", headers=admin).json()["user"]["timeZone"] == "Europe/Lisbon"
        for response in (
            client.put(f"{USERS}/bob", json={"timeZone": "UTC"}, headers=ada),
            client.get(f"{USERS}/bob", headers=ada),
            client.get(USERS, headers=ada),
            client.delete(f"{USERS}/ada", headers=ada),
        ):
            assert_refused(response, 403)
        assert_refused(client.get(f"{USERS}/ada"), 401)
