"""PUT /api/progress/users/:userId."""

from __future__ import annotations

import re
from typing import Any

import httpx2
import pytest

from tests.http.answers import USER, assert_refused
from tests.http.conftest import Record

URL = "/api/progress/users/"


class TestChangeProfile:
    def test_it_answers_with_the_user(self, client: httpx2.Client, user: str) -> None:
        response = client.put(URL + user, json={"displayName": "Ada"})
        assert response.status_code == 200
        answer = response.json()
        assert answer.keys() == {"success", "user"}
        assert answer["user"].keys() == USER | {"preferences", "visibility", "alias", "badgesSeenAt", "pauses", "goals"}
        assert INITIAL.items() <= (answer["user"] | {"displayName": None}).items()
        assert answer["user"]["userId"] == user

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("displayName", "Ada Lovelace"),
            ("displayName", "Å 名前 😀 O'Neil; DROP TABLE ledger"),
            ("displayName", "x" * 100),
            ("photoURL", "https://example.org/ada.png?size=64#face"),
            ("photoURL", "http://localhost:8000/ada.png"),
            ("timeZone", "Europe/London"),
            ("timeZone", "America/Argentina/Buenos_Aires"),
            ("timeZone", "UTC"),
            ("preferences", {"theme": "dark", "nested": {"n": [1, 2.5, None, True]}}),
            ("preferences", {}),
        ],
    )
    def test_each_field_is_set_alone_and_stays(
        self, client: httpx2.Client, record: Record, user: str, field: str, value: Any
    ) -> None:
        before = client.put(URL + user, json={}).json()["user"]
        answer = client.put(URL + user, json={field: value}).json()
        assert answer["user"] == before | {field: value} | ({"hasName": True} if field == "displayName" else {})
        assert client.put(URL + user, json={}).json() == answer
        if field != "preferences":
            record(user)
            assert client.get(f"/api/progress/dashboard/{user}").json()["user"][field] == value

    def test_null_clears_a_name_and_a_photo(self, client: httpx2.Client, user: str) -> None:
        client.put(URL + user, json={"displayName": "Ada", "photoURL": "https://example.org/a.png"})
        client.put(URL + user, json={"displayName": None})
        cleared = client.put(URL + user, json={"photoURL": None}).json()["user"]
        assert (cleared["hasName"], cleared["photoURL"]) == (False, None)
        assert re.fullmatch(r"Learner [2-9A-Z]{4}", cleared["displayName"])

    def test_preferences_are_replaced_as_a_whole(self, client: httpx2.Client, user: str) -> None:
        client.put(URL + user, json={"preferences": {"theme": "dark", "font": 12}})
        replaced = client.put(URL + user, json={"preferences": {"theme": "light"}}).json()["user"]
        assert replaced["preferences"] == {"theme": "light"}

    def test_an_unknown_learner_comes_into_being(self, client: httpx2.Client, user: str) -> None:
        client.put(URL + user, json={"displayName": "Ada"})
        dashboard = client.get(f"/api/progress/dashboard/{user}").json()
        assert dashboard["totalEvents"] == 0
        assert dashboard["user"]["displayName"] == "Ada"
        assert dashboard["user"]["lastActiveAt"] is None

    def test_a_name_is_seen_on_the_dashboard_at_once(self, client: httpx2.Client, record: Record, user: str) -> None:
        record(user)
        client.put(URL + user, json={"displayName": "Ada"})
        assert client.get(f"/api/progress/dashboard/{user}").json()["user"]["displayName"] == "Ada"

    @pytest.mark.parametrize(
        ("change", "field"),
        [
            ({"displayName": 5}, "displayName"),
            ({"displayName": ""}, "displayName"),
            ({"displayName": "x" * 101}, "displayName"),
            ({"displayName": "a\nb"}, "displayName"),
            ({"displayName": "user\u202egnp.exe"}, "displayName"),
            ({"displayName": ["Ada"]}, "displayName"),
            ({"photoURL": "javascript:alert(1)"}, "photoURL"),
            ({"photoURL": "data:image/png;base64,AAAA"}, "photoURL"),
            ({"photoURL": "//example.org/a.png"}, "photoURL"),
            ({"photoURL": "https://"}, "photoURL"),
            ({"photoURL": "http://[x"}, "photoURL"),
            ({"photoURL": "https://example.org/" + "x" * 2_048}, "photoURL"),
            ({"photoURL": "https://example.org/a b"}, "photoURL"),
            ({"photoURL": 5}, "photoURL"),
            ({"timeZone": None}, "timeZone"),
            ({"timeZone": ""}, "timeZone"),
            ({"timeZone": "Mars/Olympus"}, "timeZone"),
            ({"timeZone": "europe/london"}, "timeZone"),
            ({"timeZone": "+02:00"}, "timeZone"),
            ({"timeZone": "localtime"}, "timeZone"),
            ({"timeZone": "posixrules"}, "timeZone"),
            ({"timeZone": "Factory"}, "timeZone"),
            ({"timeZone": "../../etc/passwd"}, "timeZone"),
            ({"timeZone": "/etc/localtime"}, "timeZone"),
            ({"timeZone": "UTC\0"}, "timeZone"),
            ({"timeZone": 2}, "timeZone"),
            ({"preferences": None}, "preferences"),
            ({"preferences": []}, "preferences"),
            ({"preferences": {"x": "y" * 17_000}}, "preferences"),
            ({"preferences": {"\0": 1}}, "preferences"),
            ({"totalPoints": 1_000_000}, "totalPoints"),
            ({"badges": ["mentor"]}, "badges"),
            ({"userId": "other"}, "userId"),
            ({"displayName": "Ada", "nickname": "A"}, "nickname"),
            ([], "body"),
        ],
    )
    def test_a_wrong_or_unknown_field_is_refused_and_changes_nothing(
        self, client: httpx2.Client, user: str, change: Any, field: str
    ) -> None:
        before = client.put(URL + user, json={"displayName": "Before", "preferences": {"a": 1}}).json()
        assert_refused(client.put(URL + user, json=change), 422, field=field, code=":invalid-profile")
        assert client.put(URL + user, json={}).json() == before

    @pytest.mark.parametrize("body", [b"", b"{", b"displayName=Ada", b'{"displayName":"\\ud800"}', b"\xff"])
    def test_what_is_no_json_is_refused(self, client: httpx2.Client, user: str, body: bytes) -> None:
        headers = {"content-type": "application/json"}
        assert_refused(client.put(URL + user, content=body, headers=headers), 400)
        assert_refused(client.get(f"/api/progress/dashboard/{user}"), 404)

    def test_deep_nesting_is_refused(self, client: httpx2.Client, user: str) -> None:
        for depth in (17, 5_000):
            body = '{"preferences":' + '{"a":' * depth + "1" + "}" * depth + "}"
            response = client.put(URL + user, content=body, headers={"content-type": "application/json"})
            assert_refused(response, 422, code=":invalid-profile")


INITIAL = {
    "displayName": None,
    "photoURL": None,
    "totalPoints": 0,
    "level": 1,
    "badges": [],
    "lastActiveAt": None,
    "timeZone": "UTC",
    "preferences": {},
}
