"""The description against the service: valid, whole, and its examples work."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any

import httpx2
import pytest
from litestar.routes import HTTPRoute

from laurels.http.app import build_app
from laurels.http.page_backend import PageHost
from laurels.web.routes import page_routes
from tests.http.answers import EVENT, assert_refused
from tests.http.callers import make_key
from tests.http.conftest import Record, StartServer
from tests.http.server_process import ServerProcess

# The pages, and the description itself.
UNDESCRIBED = {
    "/",
    "/docs",
    "/static/{file_path}",
    "/openapi.json",
    "/openapi",
    "/openapi/openapi.json",
    "/openapi/{path}",
}
# What follows the id in an address that the framework takes to be all id.
ENDS = {
    "/api/progress/events/{userId}": "/{eventId}",
    "/api/progress/awards/{userId}": "/{badgeId}",
    "/api/progress/review/{userId}": "/{year}",
}
NDJSON = {"application/x-ndjson", "application/ndjson", "application/jsonl"}


@pytest.fixture(scope="module")
def description(client: httpx2.Client) -> dict[str, Any]:
    return client.get("/openapi.json").json()


@pytest.mark.parametrize("path", ["/openapi.json", "/openapi/openapi.json"])
def test_anybody_may_ask_for_it_again_and_again_at_little_cost(
    client: httpx2.Client, server: ServerProcess, path: str
) -> None:
    first = client.get(path).content
    before = server.processor_seconds
    assert {client.get(path).content for _ in range(20)} == {first}
    # Made anew each time it took a tenth of a second in which nobody else was answered.
    assert server.processor_seconds - before < 1


def operations(description: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in description["paths"].items():
        for method, operation in item.items():
            yield method, path, operation


def nodes(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
        for member in value.values():
            yield from nodes(member)
    elif isinstance(value, list):
        for item in value:
            yield from nodes(item)


class TestDescription:
    def test_it_is_openapi_3_1(self, description: dict[str, Any]) -> None:
        assert re.fullmatch(r"3\.1\.\d+", description["openapi"])
        assert description["info"].keys() >= {"title", "version"}
        assert description.keys() <= {
            "openapi",
            "info",
            "servers",
            "paths",
            "components",
            "tags",
            "security",
            "jsonSchemaDialect",
        }
        seen: set[str] = set()
        for method, path, operation in operations(description):
            assert method in {"get", "put", "post", "delete", "patch", "head"}
            assert operation["responses"]
            assert operation["summary"]
            assert operation["description"]
            assert operation["operationId"] not in seen
            seen.add(operation["operationId"])
            in_path = {each["name"] for each in operation.get("parameters", []) if each["in"] == "path"}
            assert in_path == set(re.findall(r"{(\w+)}", path))
            for parameter in operation.get("parameters", []):
                assert parameter["schema"]
                assert parameter["description"]
                assert parameter["in"] != "path" or parameter["required"] is True
            for status, response in operation["responses"].items():
                assert re.fullmatch(r"[1-5]\d\d", status)
                assert response["description"]

    def test_every_reference_leads_somewhere(self, description: dict[str, Any]) -> None:
        references = {node["$ref"] for node in nodes(description) if isinstance(node.get("$ref"), str)}
        assert references
        for reference in references:
            found: Any = description
            assert reference.startswith("#/")
            for part in reference[2:].split("/"):
                found = found[part]
            assert found
        used = {reference.rpartition("/")[2] for reference in references}
        assert used == description["components"]["schemas"].keys()

    def test_every_route_of_the_application_is_described(self, description: dict[str, Any]) -> None:
        routes = {
            (method, re.sub(r"_([a-z])", lambda found: found[1].upper(), route.path_format))
            for route in build_app(pages=[page_routes(PageHost())]).routes
            if isinstance(route, HTTPRoute) and not any("host" in handler.opt for handler in route.route_handlers)
            for method in route.methods - {"OPTIONS"}
        }
        # The framework has one address for all that begins like an id, which may contain slashes.
        routes.add(("GET", "/api/progress/users/{userId}/data"))
        routes = {(method, path + ENDS.get(path, "")) for method, path in routes}
        described = {(method.upper(), path) for method, path, _ in operations(description)}
        assert {(method, path) for method, path in routes if path not in UNDESCRIBED} == described

    def test_operations_and_parts_of_addresses_are_named_as_a_person_would(self, description: dict[str, Any]) -> None:
        names = [operation["operationId"] for _, _, operation in operations(description)]
        assert len(names) == len(set(names))
        assert {"recordEvent", "getDashboard", "changeProfile", "getUserData", "publishRulebook"} <= set(names)
        assert all(re.fullmatch(r"[a-z]+([A-Z][a-z]+)*", name) for name in names)
        for _, path, operation in operations(description):
            parts = re.findall(r"{(\w+)}", path)
            assert parts == [each["name"] for each in operation.get("parameters", []) if each["in"] == "path"]
            assert not any("_" in part for part in parts)

    def test_refusals_are_problems_with_an_example(self, description: dict[str, Any]) -> None:
        for method, path, operation in operations(description):
            refusals = {status: each for status, each in operation["responses"].items() if status >= "400"}
            expected: set[str] = set()
            if path.startswith("/api/progress/"):
                expected = {"422"} | ({"404"} if method in ("get", "delete") else {"400", "408", "413", "415"})
            if path.endswith(("/retractions", "/awards", "/repairs", "/spendings")) or "/progress/awards/" in path:
                expected |= {"400", "404", "408", "409", "410", "413", "415"}
            if path.endswith("/event") or method == "put":
                expected |= {"409", "410"}
            if "/stream" in path:
                # One who is not known may come, and is waited for.
                expected = {"422"}
            if path.startswith("/api/rulebook"):
                expected = {"404"} if "{" in path else {"408", "413", "415", "422"} if method == "post" else set()
            if path.startswith("/api/webhooks"):
                expected = {"404"} if "{" in path else set()
                if (method, path) == ("post", "/api/webhooks"):
                    expected |= {"400", "408", "413", "415", "422"}
                elif path.endswith(("/deliveries", "/replay", "/rotate")):
                    expected.add("422")
            if path.startswith("/api/"):
                expected |= {"401", "403", "429", "503"}
            if path == "/health/ready":
                assert set(refusals) == {"422", "503"}
                continue
            # Whoever calls, and however often, is asked about on every route of the API.
            assert set(refusals) == expected, path
            for status, refusal in refusals.items():
                problem = refusal["content"]["application/problem+json"]
                assert problem["schema"] == {"$ref": "#/components/schemas/Problem"}
                example = problem["example"]
                more = {"currency", "balance", "amount"} if "balance" in example["type"] else set[str]()
                assert example.keys() == {"type", "title", "status", "detail", "success", "error"} | more
                assert (example["status"], example["success"]) == (int(status), False)
                assert ("Retry-After" in refusal.get("headers", {})) is (status in ("429", "503"))

    def test_the_bounds_that_it_states_are_those_of_the_service(
        self, description: dict[str, Any], client: httpx2.Client, record: Record, user: str
    ) -> None:
        event = record(user)["event"]["eventId"]
        filled = {"{userId}": user, "{eventId}": event, "{year}": "2026"}
        checked = 0
        for method, path, operation in operations(description):
            if method != "get" or not path.startswith("/api/progress/") or "/stream" in path:
                continue
            address = re.sub(r"{\w+}", lambda found: filled[found[0]], path)
            assert client.get(address).status_code == 200, address
            for parameter in operation["parameters"]:
                name, schema = parameter["name"], parameter["schema"]
                good = [schema[bound] for bound in ("minimum", "maximum") if bound in schema]
                wrong = [each + step for each, step in zip(good, (-1, 1), strict=True)] if good else []
                if name == "format":
                    good, wrong = [each for each in schema["enum"] if each != "pdf"], ["xml"]
                for value in good if parameter["in"] == "query" else ():
                    assert client.get(address, params={name: value}).status_code == 200, (path, name, value)
                    checked += 1
                for value in wrong if parameter["in"] == "query" else ():
                    refused = client.get(address, params={name: value})
                    assert_refused(refused, 422, field=name)
        assert checked >= 9

    @pytest.mark.parametrize("period", ["all", "2026-11", "2026-W47", "2026-11-23"])
    def test_a_period_is_named_as_described(
        self, description: dict[str, Any], client: httpx2.Client, period: str
    ) -> None:
        parameters = description["paths"]["/api/progress/leaderboard"]["get"]["parameters"]
        [schema] = [each["schema"] for each in parameters if each["name"] == "period"]
        [pattern] = [choice["pattern"] for choice in schema["anyOf"] if "pattern" in choice]
        assert re.search(pattern, period)
        assert client.get("/api/progress/leaderboard", params={"period": period}).status_code == 200
        for wrong in (f"{period}x", f"x{period}"):
            assert not re.search(pattern, wrong)
            assert client.get("/api/progress/leaderboard", params={"period": wrong}).status_code == 422

    def test_metadata_may_be_null(self, description: dict[str, Any], client: httpx2.Client, user: str) -> None:
        fields = description["components"]["schemas"]["LearningEvent"]["properties"]
        assert fields["metadata"]["type"] == ["object", "null"]
        sent = {"userId": user, "eventType": "code_run", "metadata": None}
        assert client.post("/api/progress/event", json=sent).status_code == 201

    def test_every_body_has_an_example(self, description: dict[str, Any]) -> None:
        with_body = {
            (method, path)
            for method, path, _ in operations(description)
            if (method in ("post", "put") and not path.endswith(("/rotate", "/replay")))
            or (method == "delete" and path.startswith("/api/progress/awards/"))
        }
        assert len(with_body) == 11
        for method, path, operation in operations(description):
            assert ("requestBody" in operation) is ((method, path) in with_body), (method, path)
            for content in operation.get("requestBody", {}).get("content", {}).values():
                assert content["example"]
                assert content["schema"]


class TestGuide:
    def test_the_first_event_can_be_pasted_into_a_shell(
        self, start_server: StartServer, description: dict[str, Any]
    ) -> None:
        blocks = re.findall(r"```sh\n(.*?)```", description["info"]["description"], re.DOTALL)
        [commands] = [block for block in blocks if "curl" in block]
        server = start_server()
        key = make_key(f"sqlite:///{server.database}", "events:write", "progress:read")
        commands = commands.replace("http://127.0.0.1:8000", server.url).replace("laurels_...", key)
        done = subprocess.run(
            ["sh", "-ec", commands.replace("curl ", "curl -sS -w '\\n%{http_code}\\n' ")],
            capture_output=True,
            text=True,
            check=True,
        )
        first, created, board, found = done.stdout.splitlines()
        assert (created, found) == ("201", "200")
        assert json.loads(first)["event"]["eventId"] == "run-1"
        assert json.loads(board)["user"]["totalPoints"] == json.loads(first)["progress"]["totalPoints"]

    def test_it_says_what_every_caller_has_to_know(self, description: dict[str, Any]) -> None:
        headings = re.findall(r"^### (.+)$", description["info"]["description"], re.MULTILINE)
        assert headings == ["Authenticate", "Your first event", "Send it again safely", "Errors", "Rate limits"]

    def test_every_operation_is_in_one_group_and_every_group_says_what_it_holds(
        self, description: dict[str, Any]
    ) -> None:
        groups = [tag["name"] for tag in description["tags"]]
        assert (groups[0], groups[-1]) == ("events", "health")
        assert all(tag["description"] for tag in description["tags"])
        assert {tuple(operation["tags"]) for _, _, operation in operations(description)} == {(name,) for name in groups}


class TestExamples:
    def test_every_address_of_a_learner_that_is_read_can_be_asked_for_as_it_is(
        self, start_server: StartServer, description: dict[str, Any]
    ) -> None:
        event = description["paths"]["/api/progress/event"]["post"]["requestBody"]["content"]["application/json"]
        asked: set[str] = set()
        with start_server().client() as client:
            client.post("/api/progress/event", json=event["example"])
            for method, path, operation in operations(description):
                filled = {
                    each["name"]: each["example"] for each in operation.get("parameters", []) if "example" in each
                }
                assert not filled or method != "delete"
                if method == "get" and "userId" in filled and "stream" not in path:
                    asked.add(path)
                    assert client.get(path.format(**filled)).status_code == 200, path
        assert len(asked) == 11

    def test_the_event_can_be_retracted_and_a_badge_granted(
        self, start_server: StartServer, description: dict[str, Any]
    ) -> None:
        def example(path: str) -> Any:
            body = description["paths"][path]["post"]["requestBody"]["content"]
            return body["application/json"]["example"]

        with start_server().client() as client:
            for path in ("/api/progress/event", "/api/progress/awards", "/api/progress/retractions"):
                assert client.post(path, json=example(path)).status_code == 201, path

    def test_the_event_gives_the_described_answer_and_can_be_repeated(
        self, start_server: StartServer, description: dict[str, Any]
    ) -> None:
        operation = description["paths"]["/api/progress/event"]["post"]
        body = operation["requestBody"]["content"]["application/json"]["example"]
        with start_server().client() as client:
            first = client.post("/api/progress/event", json=body)
            again = client.post("/api/progress/event", json=body)
        for response in (first, again):
            described = operation["responses"][str(response.status_code)]["content"]["application/json"]["example"]
            # The day of the example is long ago by now, and its streak with it.
            described["progress"]["dailyStreak"] = 0
            assert response.json() == described
        assert (first.status_code, again.status_code) == (201, 200)

    def test_the_batch_is_recorded_in_every_form(self, start_server: StartServer, description: dict[str, Any]) -> None:
        content = description["paths"]["/api/progress/events"]["post"]["requestBody"]["content"]
        assert content.keys() == NDJSON | {"application/json"}
        with start_server().client() as client:
            for number, (name, form) in enumerate(content.items()):
                example = form["example"]
                body = example.encode() if isinstance(example, str) else json.dumps(example).encode()
                response = client.post("/api/progress/events", content=body, headers={"content-type": name})
                assert response.status_code == 200
                assert [result["status"] for result in response.json()["results"]] == [
                    "replayed" if number else "recorded"
                ]

    def test_the_profile_is_set(self, client: httpx2.Client, description: dict[str, Any], user: str) -> None:
        content = description["paths"]["/api/progress/users/{userId}"]["put"]["requestBody"]["content"]
        example = content["application/json"]["example"]
        answer = client.put(f"/api/progress/users/{user}", json=example).json()
        assert example.items() <= answer["user"].items()

    def test_the_csv_has_the_columns_of_the_real_one(
        self, client: httpx2.Client, description: dict[str, Any], user: str
    ) -> None:
        client.put(f"/api/progress/users/{user}", json={})
        real = client.get(f"/api/progress/export/{user}", params={"format": "csv"}).text
        responses = description["paths"]["/api/progress/export/{userId}"]["get"]["responses"]
        assert responses["200"]["content"]["text/csv"]["example"].startswith(real)

    def test_the_schema_of_an_event_names_its_fields(self, description: dict[str, Any]) -> None:
        schemas = description["components"]["schemas"]
        assert schemas["EventView"]["properties"].keys() == EVENT | {"onceKey", "unpaid", "boost", "currencies"}
        assert set(schemas["LearningEvent"]["required"]) == {"userId", "eventType"}
        assert schemas["LearningEvent"]["properties"].keys() == {
            "userId",
            "eventType",
            "metadata",
            "eventId",
            "timestamp",
            "onceKey",
        }


class Assets(HTMLParser):
    """The addresses that a page loads or links to."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [value for name, value in attrs if name in ("src", "href") and value]


class TestDocs:
    def test_the_root_leads_to_the_pages(self, client: httpx2.Client) -> None:
        response = client.get("/")
        assert (response.status_code, response.headers["location"]) == (302, "/leaderboard")

    def test_all_that_the_page_needs_comes_from_here(self, client: httpx2.Client) -> None:
        page = client.get("/docs")
        assert page.headers["content-type"] == "text/html; charset=utf-8"
        assets = Assets()
        assets.feed(page.text)
        assert len(assets.found) >= 4
        for address in assets.found:
            assert re.match(r"/[^/]", address), address
            response = client.get(address)
            assert response.status_code == 200, address
            assert response.content

    def test_neither_page_nor_script_names_another_place(self, client: httpx2.Client) -> None:
        for address in ("/docs", "/static/docs.js"):
            text = client.get(address).text
            assert not re.search(r"(https?:|[\"'(]\s*)//", text), address

    def test_the_script_shows_our_description(self, client: httpx2.Client) -> None:
        script = client.get("/static/docs.js")
        assert "javascript" in script.headers["content-type"]
        assert 'url: "/openapi.json"' in script.text
        assert "validatorUrl: null" in script.text
