"""Every pair of parameters of every route has a meaning or is refused by name; a refusal names all that is wrong."""

from __future__ import annotations

from itertools import combinations
from urllib.parse import parse_qsl

import httpx2
import pytest

from laurels.http.app import build_app
from laurels.http.server.routing import Route, RouteTable
from laurels.http.wire.query_parameters import query_faults
from tests.http.answers import assert_refused
from tests.http.boards import CURSOR
from tests.http.conftest import Record

BOARD = "GET /api/progress/leaderboard"
LIVE_BOARD = "GET /api/progress/leaderboard/stream"
RANK = "GET /api/progress/rank/{user_id}"
EXPORT = "GET /api/progress/export/{user_id}"
REVIEW = "GET /api/progress/review/{user_id}"
PUBLISH = "POST /api/rulebook"
GO = [
    (BOARD, f"timeframe=monthly&period=2026-11&limit=5&language=python&envelope=data&cursor={CURSOR}&sort=points"),
    (BOARD, "timeframe=all-time&period=all&limit=5&language=python&envelope=flat&around=ada&sort=points"),
    # The first two of these people.
    (BOARD, "timeframe=weekly&period=2026-W47&limit=2&language=python&envelope=data&users=ada,bob&sort=points"),
    (BOARD, "timeframe=daily&period=2026-11-23&limit=5&language=python&envelope=data&sort=total"),
    (BOARD, f"timeframe=monthly&period=2026-11&limit=5&currency=coins&envelope=data&cursor={CURSOR}&sort=points"),
    (BOARD, "limit=5&currency=coins&around=ada"),
    (BOARD, "limit=5&currency=coins&users=ada,bob"),
    (RANK, "timeframe=monthly&period=2026-11&language=python"),
    (RANK, "timeframe=monthly&period=2026-11&currency=coins"),
    (LIVE_BOARD, "timeframe=monthly&period=2026-11&limit=5&lastEventId=1&access_token=x"),
    ("GET /api/progress/stream/{user_id}", "lastEventId=1&access_token=x"),
    ("GET /api/progress/dashboard/{user_id}", "since=2026-01-01T00:00:00Z&envelope=data"),
    ("GET /api/progress/activity/{user_id}", "from=2026-01-01&to=2026-01-01"),
    ("GET /api/progress/history/{user_id}", f"cursor={CURSOR}&limit=5"),
    ("GET /api/progress/users", "after=ada&limit=5&q=b"),
    (EXPORT, "format=json&envelope=data"),
    # The plain form is what a table has.
    (EXPORT, "format=csv&envelope=flat"),
    (EXPORT, "format=pdf&lang=de&envelope=flat"),
    (REVIEW, "format=pdf&lang=de"),
    (PUBLISH, "backfill=true&repoint=true&notify=each"),
    (PUBLISH, "backfill=false&notify=none"),
    (PUBLISH, "repoint=1&notify=digest"),
    ("GET /api/webhooks/{endpoint_id}/deliveries", "state=dead&limit=5"),
]
DO_NOT_GO = [
    (BOARD, f"cursor={CURSOR}&around=ada", ["cursor"]),
    (BOARD, f"cursor={CURSOR}&users=ada", ["users"]),
    (BOARD, "around=ada&users=ada", ["users"]),
    (BOARD, f"sort=total&cursor={CURSOR}", ["sort"]),
    (BOARD, "sort=total&around=ada", ["sort"]),
    (BOARD, "sort=total&users=ada", ["sort"]),
    (BOARD, "timeframe=daily&period=2026-11", ["period"]),
    (BOARD, "language=python&currency=coins", ["currency"]),
    (RANK, "language=python&currency=coins", ["currency"]),
    (BOARD, "timeframe=all-time&period=2026-W47", ["period"]),
    (BOARD, "timeframe=daily&period=2026-11&limit=0&sort=total&around=ada", ["limit", "sort", "period"]),
    # Of what is wrong by itself nothing more is said.
    (BOARD, "timeframe=hourly&period=2026-11", ["timeframe"]),
    (BOARD, "timeframe=null&period=2026-11", ["timeframe"]),
    (RANK, "timeframe=NULL&period=2026-11", ["timeframe"]),
    (RANK, "timeframe=weekly&period=2026-11", ["period"]),
    (LIVE_BOARD, "timeframe=weekly&period=all", ["period"]),
    ("GET /api/progress/activity/{user_id}", "from=2026-01-02&to=2026-01-01", ["from"]),
    ("GET /api/progress/activity/{user_id}", "from=2000-01-01&to=2026-01-01&x=1", ["x", "from"]),
    (EXPORT, "format=csv&envelope=data", ["envelope"]),
    (EXPORT, "format=pdf&envelope=data", ["envelope"]),
    (EXPORT, "format=csv&lang=de", ["lang"]),
    (EXPORT, "lang=de", ["lang"]),
    (REVIEW, "lang=de&format=json", ["lang"]),
    (PUBLISH, "notify=each", ["notify"]),
    (PUBLISH, "notify=digest&backfill=false&repoint=0", ["notify"]),
    (PUBLISH, "backfill=false&repoint=true", ["backfill"]),
]


def routes() -> dict[str, Route]:
    found: dict[str, Route] = {}
    for address in RouteTable(build_app()):
        for method, route in address.routes.items():
            if method != "HEAD" and len(route.query or ()) > 1:
                found[f"{method} {address.template}"] = route
    return found


ROUTES = routes()


def faults(route: str, query: str) -> list[str]:
    asked = ROUTES[route]
    assert asked.query is not None
    return [field for field, _ in query_faults(query.encode(), asked.query, asked.together)]


@pytest.mark.parametrize(("route", "query"), GO)
def test_what_goes_together_is_taken(route: str, query: str) -> None:
    assert faults(route, query) == []


@pytest.mark.parametrize(("route", "query", "fields"), DO_NOT_GO)
def test_what_makes_no_sense_together_is_refused_by_name(route: str, query: str, fields: list[str]) -> None:
    assert faults(route, query) == fields


@pytest.mark.parametrize("route", ROUTES)
def test_every_pair_of_parameters_is_in_the_table(route: str) -> None:
    listed = [query for name, query, *_ in [*GO, *DO_NOT_GO] if name == route]
    together = {pair for query in listed for pair in combinations(sorted(dict(parse_qsl(query))), 2)}
    assert set(combinations(sorted(ROUTES[route].query or ()), 2)) - together == set()


def test_a_parameter_that_is_sent_twice_is_refused() -> None:
    assert faults(BOARD, "limit=5&limit=10") == ["limit"]
    assert faults(BOARD, "timeframe=daily&timeframe=daily&limit=0") == ["timeframe", "limit"]


class TestOverHttp:
    def test_a_pair_is_refused_in_a_sentence(self, client: httpx2.Client, record: Record, user: str) -> None:
        record(user)
        asked = client.get(f"/api/progress/export/{user}", params={"format": "csv", "envelope": "data"})
        problem = assert_refused(asked, 422, field="envelope", code=":invalid-query")
        assert problem["detail"] == "envelope: Only JSON comes in an envelope; leave it out with format=csv."
        asked = client.get("/api/progress/leaderboard", params={"timeframe": "all-time", "period": "2026-11"})
        assert assert_refused(asked, 422, field="period")["detail"] == (
            "period: Is not of the timeframe all-time, whose periods have names like all; leave one out."
        )

    def test_a_range_that_begins_after_today_says_what_day_it_is(
        self, client: httpx2.Client, record: Record, user: str
    ) -> None:
        record(user)
        asked = client.get(f"/api/progress/activity/{user}", params={"from": "9999-12-31"})
        assert "Must not be later than today, 20" in assert_refused(asked, 422, field="from")["detail"]


LONG = "x" * 101
EVENT = {"userId": "a", "eventType": "code_run"}


class TestPathQueryAndBody:
    """What is wrong with them is named in one refusal."""

    @pytest.mark.parametrize(
        ("method", "path", "body", "fields"),
        [
            ("GET", f"/api/progress/history/{LONG}?limit=0", None, ["userId", "limit"]),
            ("GET", "/api/progress/dashboard/%FF?since=x", None, ["userId", "since"]),
            ("GET", f"/api/progress/review/{LONG}/20x6?format=doc", None, ["userId", "year", "format"]),
            ("GET", "/api/progress/review/ada/1800?lang=de", None, ["year", "lang"]),
            ("GET", f"/api/progress/events/{LONG}/{LONG}?x=1", None, ["userId", "eventId", "x"]),
            ("GET", f"/api/progress/users/{'x' * 100}/data?x=1", None, ["x"]),
            ("PUT", f"/api/progress/users/{LONG}", {"timeZone": "Mars"}, ["userId", "timeZone"]),
            ("PUT", "/api/progress/users/ada?x=1", {"alais": 1, "photoURL": "ftp://x"}, ["x", "alais", "photoURL"]),
            ("PUT", f"/api/progress/users/{LONG}?x=1", {"displayName": "Ada"}, ["userId", "x"]),
            ("PUT", "/api/progress/users/ada?x=1", b"{", ["x", "body"]),
            ("DELETE", f"/api/progress/awards/{LONG}/first_run?x=1", {"reason": ""}, ["userId", "x", "reason"]),
            ("POST", "/api/progress/event?dryRun=1", {"userId": ""}, ["dryRun", "userId", "eventType"]),
            ("POST", "/api/progress/event?envelope=x", EVENT, ["envelope"]),
            ("POST", "/api/progress/event?x=1", {**EVENT, "eventId": " a"}, ["x", "eventId"]),
            ("POST", "/api/webhooks?x=1", {"url": "nope", "types": ["badge"]}, ["x", "url", "types"]),
        ],
    )  # fmt: skip
    def test_all_of_it_at_once(
        self, client: httpx2.Client, method: str, path: str, body: object, fields: list[str]
    ) -> None:
        sent = {"content": body} if isinstance(body, bytes) else {} if body is None else {"json": body}
        response = client.request(method, path, **sent)  # pyright: ignore[reportArgumentType]  a body of either kind
        problem = assert_refused(response, 422)
        assert [error["field"] for error in problem["errors"]] == fields

    def test_a_path_by_itself_is_refused_as_ever(self, client: httpx2.Client) -> None:
        response = client.put(f"/api/progress/users/{LONG}", json={"displayName": "Ada"})
        assert_refused(response, 422, field="userId", code=":invalid-profile")
        assert_refused(client.get(f"/api/progress/dashboard/{LONG}"), 404)

    def test_a_rulebook_and_its_query(self, client: httpx2.Client) -> None:
        toml = {"Content-Type": "application/toml"}
        response = client.post("/api/rulebook?notify=each", content=b"name = 5", headers=toml)
        assert {error["field"] for error in assert_refused(response, 422)["errors"]} >= {"notify", "name"}

    def test_a_badge_that_there_is_not_is_named_beside_the_rest(self, client: httpx2.Client) -> None:
        wrong = {"userId": "ada", "badgeId": "nope", "reason": " "}
        problem = assert_refused(client.post("/api/progress/awards", json=wrong), 422)
        assert [error["field"] for error in problem["errors"]] == ["badgeId", "reason"]
        alone = {**wrong, "reason": "by hand"}
        assert_refused(client.post("/api/progress/awards", json=alone), 404, code=":unknown-badge")

    def test_a_body_that_nobody_may_send_is_not_looked_at(self, client: httpx2.Client) -> None:
        response = client.put(
            "/api/progress/users/ada?x=1", json={"timeZone": "Mars"}, headers={"Authorization": "Bearer nonsense"}
        )
        assert_refused(response, 401)
