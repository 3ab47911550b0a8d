"""Every route against every kind of caller: the table is made from the router, so a route without a rule fails."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import pytest
from litestar import Litestar, get

from laurels.domain.keys import SCOPES
from laurels.http.app import build_app
from laurels.http.auth.access import Access
from laurels.http.page_backend import PageHost
from laurels.http.server.routing import RouteTable
from laurels.web.routes import page_routes
from tests.changed_rulebook import CODING
from tests.http.callers import SECRET, bearer, make_key, revoke, token
from tests.http.server_process import ServerProcess

APP = build_app(pages=[page_routes(PageHost())])
EVENT = {"userId": "ada", "eventType": "code_run"}
# Who is deleted, again and again.
GONE = "gone"
# Asks for nothing that happens here, so nothing is sent.
WEBHOOK = {"url": "https://hooks.example/", "types": ["user.deleted"]}
HOOKS: dict[str, str] = {}
JOBS: dict[str, str] = {}
COINS = '[currencies.coins]\nname = "Coins"\nevents = { code_run = 1000 }\n'
RULEBOOK = (CODING + COINS + "\n[streak]\nrepair = { within = 30, price = 1 }\n").encode()
# A day that Ada missed, after one on which she learned.
MISSED = datetime.now(UTC) - timedelta(days=2)


def rules(app: Litestar) -> dict[tuple[str, str], Access]:
    """Method and path of every route, with its rule."""
    found: dict[tuple[str, str], Access] = {}
    for route in app.routes:
        handlers: list[Any] = getattr(route, "route_handlers", [])
        for handler in handlers:
            for method in sorted(getattr(handler, "http_methods", ())):
                # Pages are open to all and look at each viewer themselves; tests/web holds them to it.
                if method != "OPTIONS" and "host" not in handler.opt:
                    found[method, route.path] = handler.opt["access"]
    return found


RULES = rules(APP)
ROUTES = sorted(RULES)


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server with keys, tokens and somebody in it."""
    process = ServerProcess(
        tmp_path_factory.mktemp("guarded"),
        jwt_secret=SECRET,
        public="none",
        stream_heartbeat_ms="100",
        failure_rate="0",
        address_rate="0",
    )
    process.start()
    yield process
    process.stop()
    assert "unexpected fault" not in process.log, process.log


@pytest.fixture(scope="module")
def store(guarded: ServerProcess) -> str:
    """Its store."""
    return f"sqlite:///{guarded.database}"


@pytest.fixture(scope="module")
def admin(store: str) -> str:
    """A key for everything."""
    return make_key(store, "admin")


@pytest.fixture(scope="module")
def keys(store: str) -> dict[str, str]:
    """A key for each scope."""
    return {scope: make_key(store, scope) for scope in SCOPES}


@pytest.fixture(scope="module")
def client(guarded: ServerProcess, admin: str) -> Iterator[httpx2.Client]:
    """A client without credentials, when `ada` has an event."""
    with guarded.client() as client:
        for user in ("ada", GONE):
            event = {**EVENT, "userId": user}
            assert client.post("/api/progress/event", json=event, headers=bearer(admin)).status_code == 201
        before = {**EVENT, "timestamp": (MISSED - timedelta(days=1)).isoformat()}
        assert client.post("/api/progress/event", json=before, headers=bearer(admin)).status_code == 201
        mistaken = {**EVENT, "eventId": "mistaken"}
        assert client.post("/api/progress/event", json=mistaken, headers=bearer(admin)).status_code == 201
        award = {"userId": "ada", "badgeId": "mentor", "reason": "by hand"}
        assert client.post("/api/progress/awards", json=award, headers=bearer(admin)).status_code == 201
        hooks = [client.post("/api/webhooks", json=WEBHOOK, headers=bearer(admin)).json() for _ in range(2)]
        HOOKS.update(zip(("kept", "ended"), (hook["webhook"]["id"] for hook in hooks), strict=True))
        toml = {**bearer(admin), "Content-Type": "application/toml"}
        made = client.post("/api/rulebook", params={"backfill": "true"}, content=RULEBOOK, headers=toml)
        JOBS["made"] = made.json()["job"]["jobId"]
        earned = {**EVENT, "eventId": "earned"}
        assert client.post("/api/progress/event", json=earned, headers=bearer(admin)).status_code == 201
        yield client


def ask(client: httpx2.Client, route: tuple[str, str], credentials: str | None, user: str = "ada") -> int:
    """The status of a sensible request; of a stream only its head is read."""
    method, path = route
    if path.startswith("/api/progress/review/"):
        user = f"{user}/2026"
    elif path.startswith("/api/progress/events/"):
        user = f"{user}/mistaken"
    path = (
        path.replace("{user_id:path}", user)
        .replace("{file_path:path}", "docs.js")
        .replace("{path:str}", "openapi.json")
        .replace("{endpoint_id:str}", HOOKS["ended" if method == "DELETE" else "kept"])
    )
    if route == ("GET", "/api/progress/users/{user_id:path}"):
        path += "/data"
    if method == "DELETE" and path.endswith(user):
        path = path.removesuffix(user) + GONE
    headers = {} if credentials is None else bearer(credentials)
    if path.startswith("/api/rulebook"):
        toml = {**headers, "Content-Type": "application/toml"}
        path = path.replace("{job_id:str}", JOBS["made"])
        content = RULEBOOK if method == "POST" else None
        with client.stream(method, path, content=content, headers=toml) as answer:
            return answer.status_code
    body: Any = {"POST": EVENT, "PUT": {"displayName": "Ada"}}.get(method)
    if path.endswith("/events"):
        body = [EVENT]
    if path == "/api/webhooks" and method == "POST":
        body = WEBHOOK
    if path.startswith("/api/progress/awards"):
        body = {"userId": "ada", "badgeId": "mentor", "reason": "by hand"}
    if path == "/api/progress/retractions":
        body = {"userId": "ada", "eventId": "mistaken", "reason": "by mistake"}
    if path == "/api/progress/spendings":
        body = {"userId": "ada", "currency": "coins", "amount": 1, "reason": "a hat", "spendingId": "hat"}
    if path == "/api/progress/repairs":
        body = {"userId": "ada", "day": f"{MISSED:%Y-%m-%d}"}
    if path.startswith("/api/progress/awards/"):
        path, body = f"/api/progress/awards/{user}/mentor", {"reason": "by hand"}
    with client.stream(method, path, json=body, headers=headers) as answer:
        return answer.status_code


def test_there_is_something_to_check() -> None:
    assert len(ROUTES) >= 15
    assert {("POST", "/api/progress/event"), ("GET", "/api/progress/dashboard/{user_id:path}")} <= RULES.keys()


def test_a_route_without_a_rule_keeps_the_application_from_starting() -> None:
    @get("/api/forgotten")
    async def forgotten() -> None:
        """Nobody said who may."""

    with pytest.raises(TypeError, match="/api/forgotten: states no access rule"):
        RouteTable(build_app(routes=[forgotten]))


@pytest.mark.parametrize("route", ROUTES, ids=" ".join)
class TestEveryRoute:
    """Who is let in, and who is not."""

    def test_without_a_key(self, client: httpx2.Client, route: tuple[str, str]) -> None:
        status = ask(client, route, None)
        assert (status == 401) is not RULES[route].is_open, status

    def test_with_a_key_of_each_scope(
        self, client: httpx2.Client, keys: dict[str, str], route: tuple[str, str]
    ) -> None:
        rule = RULES[route]
        for scope, key in keys.items():
            status = ask(client, route, key)
            may = rule.is_open or scope in (rule.scope, "admin")
            assert status < 400 if may else status == 403, (scope, status)

    def test_with_a_token_of_the_user(self, client: httpx2.Client, route: tuple[str, str]) -> None:
        rule = RULES[route]
        status = ask(client, route, token("ada"))
        may = rule.is_open or rule.own is not None or rule.shown is not None or rule.own_in_body
        assert status < 400 if may else status == 403, status

    def test_with_a_token_of_another_user(self, client: httpx2.Client, route: tuple[str, str]) -> None:
        rule = RULES[route]
        may = rule.is_open or rule.shown is not None
        status = ask(client, route, token("bob"))
        assert status < 400 if may else status == 403, status
        # Whether there is such a user makes no difference.
        if "{user_id" in route[1]:
            assert ask(client, route, token("bob"), user="nobody") == 403

    @pytest.mark.parametrize(
        "credentials",
        ["expired", "revoked", "invented", "of another platform", "unsigned", "without an end", "of no string"],
    )
    def test_with_what_does_not_count(
        self, client: httpx2.Client, dead: dict[str, str], route: tuple[str, str], credentials: str
    ) -> None:
        # Whether it lives is told to everybody.
        expected = 200 if route[1].startswith("/health/") else 401
        assert ask(client, route, dead[credentials]) == expected


@pytest.fixture(scope="module")
def dead(store: str) -> dict[str, str]:
    """Keys and tokens that do not count."""
    revoked = make_key(store, "admin")
    revoke(store, revoked)
    expired = make_key(store, "admin", expires_at=time.time_ns() // 1_000_000 + 100)
    time.sleep(0.2)
    return {
        "expired": expired,
        "revoked": revoked,
        "invented": "lrl_0123456789ab_" + "0" * 40,
        "of another platform": token("ada", secret="another secret, of thirty-two bytes and more"),
        # {"alg":"none"} and {"sub":"ada","exp":9999999999}
        "unsigned": "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZGEiLCJleHAiOjk5OTk5OTk5OTl9.",
        "without an end": token("ada", exp=None),
        "of no string": token(7),
    }


def test_a_token_that_expired_does_not_count(client: httpx2.Client) -> None:
    route = ("GET", "/api/progress/dashboard/{user_id:path}")
    assert ask(client, route, token("ada", seconds=-3_600)) == 401
    assert ask(client, route, token("ada", seconds=60)) == 200


@pytest.mark.parametrize("given", ["Basic YWRhOmFkYQ==", "Bearer", "bearer", "lrl_0123456789ab_x"])
def test_other_ways_to_name_oneself_are_refused(client: httpx2.Client, given: str) -> None:
    answer = client.get("/api/badges", headers={"authorization": given})
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")


def test_whose_path_it_is_cannot_be_disguised(client: httpx2.Client) -> None:
    mine = bearer(token("bob"))
    for path in (
        "/api/progress/dashboard/ada",
        "/api/progress/dashboard/%61da",
        "/api/progress/dashboard//ada",
        "/api/progress/dashboard/bob/../ada",
        "/api/progress/dashboard/ada?user_id=bob",
        "/api/progress/dashboard/dashboard/bob/dashboard/ada",
        "/api/progress/export/ada?format=csv",
    ):
        answer = client.get(path, headers=mine)
        assert answer.status_code in (403, 404), (path, answer.text)
        assert "totalPoints" not in answer.text


def test_what_stands_around_somebody_is_for_who_may_read_them(client: httpx2.Client, admin: str) -> None:
    url = "/api/progress/leaderboard?around=ada"
    assert client.get(url).status_code == 401
    assert client.get(url, headers=bearer(token("bob"))).status_code == 403
    for whose in (admin, token("ada")):
        assert client.get(url, headers=bearer(whose)).status_code == 200


def test_a_board_of_friends_is_for_keys_and_for_end_users(client: httpx2.Client, admin: str) -> None:
    url = "/api/progress/leaderboard?users=ada,bob"
    assert client.get(url).status_code == 401
    for whose in (admin, token("ada"), token("carla")):
        assert client.get(url, headers=bearer(whose)).status_code == 200


def test_a_page_opens_its_users_stream_with_a_query(client: httpx2.Client) -> None:
    for whose, status in (("ada", 200), ("bob", 403)):
        with client.stream("GET", f"/api/progress/stream/ada?access_token={token(whose)}") as answer:
            assert answer.status_code == status
    assert client.get(f"/api/progress/dashboard/ada?access_token={token('ada')}").status_code == 401


def test_a_query_names_nobody_where_there_is_no_stream(client: httpx2.Client, store: str) -> None:
    key = make_key(store, "admin")
    # Paths with the word in them, a learner of that name.
    for path in ("dashboard/stream", "dashboard/stream/ada", "export/a/stream/b"):
        assert client.get(f"/api/progress/{path}?access_token={key}").status_code == 401, path


def test_a_stream_ends_with_the_right_to_it(client: httpx2.Client, store: str) -> None:
    key = make_key(store, "progress:read")
    with client.stream("GET", "/api/progress/stream/ada", headers=bearer(key)) as answer:
        pieces = answer.iter_text()
        assert any("event: progress" in piece for piece in pieces)
        revoke(store, key)
        rest = "".join(pieces)
    assert rest.endswith("event: bye\ndata: {}\n\n")


def test_a_stream_that_began_without_a_key_ends_with_the_first_one(start_server: Any) -> None:
    server = start_server(stream_heartbeat_ms="200")
    with server.client() as client, client.stream("GET", "/api/progress/stream/ada") as answer:
        pieces = answer.iter_text()
        assert any("event: progress" in piece for piece in pieces)
        key = make_key(f"sqlite:///{server.database}", "events:write")
        event = {"userId": "ada", "eventType": "code_run"}
        assert client.post("/api/progress/event", json=event, headers=bearer(key)).status_code == 201
        rest = "".join(pieces)
    assert rest.endswith("event: bye\ndata: {}\n\n")
    assert "event: event" not in rest


def test_a_revoked_key_is_refused_at_once_by_every_process(start_server: Any, tmp_path_factory: Any) -> None:
    server = start_server(workers=2, failure_rate="0")
    store = f"sqlite:///{server.database}"
    for _ in range(3):
        key = make_key(store, "progress:read")
        with server.client() as client:
            headers = {**bearer(key), "connection": "close"}
            assert {client.get("/api/badges", headers=headers).status_code for _ in range(20)} == {200}
            revoke(store, key)
            assert {client.get("/api/badges", headers=headers).status_code for _ in range(20)} == {401}


def test_last_use_is_noted(client: httpx2.Client, guarded: ServerProcess, store: str) -> None:
    import sqlite3

    key = make_key(store, "progress:read")
    assert client.get("/api/badges", headers=bearer(key)).status_code == 200
    deadline = time.monotonic() + 30
    noted = None
    while noted is None and time.monotonic() < deadline:
        with sqlite3.connect(guarded.database) as connection:
            [(noted,)] = connection.execute("SELECT last_used_at FROM keys WHERE prefix = ?", [key.split("_")[1]])
        time.sleep(0.02)
    assert noted is not None


class TestRecording:
    """What end users may record, and how far back."""

    def test_end_users_record_nothing_unless_it_is_allowed(self, client: httpx2.Client) -> None:
        assert ask(client, ("POST", "/api/progress/event"), token("ada")) == 403

    def test_where_it_is_allowed_they_record_their_own(self, start_server: Any) -> None:
        server = start_server(jwt_secret=SECRET, users_record_events="true")
        with server.client() as client:
            mine = bearer(token("ada"))
            assert client.post("/api/progress/event", json=EVENT, headers=mine).status_code == 201
            assert client.post("/api/progress/events", json=[EVENT], headers=mine).status_code == 200
            other = {**EVENT, "userId": "bob"}
            assert client.post("/api/progress/event", json=other, headers=mine).status_code == 403
            # All or nothing: no line of it is recorded.
            assert client.post("/api/progress/events", json=[EVENT, other], headers=mine).status_code == 403
            body = client.get("/api/progress/dashboard/ada", headers=mine).json()
            assert body["totalEvents"] == 2

    def test_the_past_is_for_those_who_may(self, client: httpx2.Client, keys: dict[str, str], store: str) -> None:
        both = make_key(store, "events:write", "events:backdate")
        for days, key, status in (
            (6, keys["events:write"], 201),
            (8, keys["events:write"], 422),
            (8, both, 201),
            (4_000, both, 201),
            (8, keys["admin"], 201),
        ):
            at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - days * 86_400))
            event = {**EVENT, "userId": "late", "timestamp": at}
            answer = client.post("/api/progress/event", json=event, headers=bearer(key))
            assert answer.status_code == status, answer.text
            batch = client.post("/api/progress/events", json=[event], headers=bearer(key)).json()
            assert batch["recorded"] == (status == 201)
