"""The service answers as its description says, whatever is sent: requests made from the description itself."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from laurels.http.app import build_app
from laurels.http.wire.openapi import complete
from tests.http.callers import SECRET, bearer, make_key
from tests.http.server_process import ServerProcess

DESCRIPTION = json.loads(json.dumps(complete(build_app().openapi_schema.to_schema()), default=str))
# Streams have no end to wait for; they have tests of their own.
SCHEMA = schemathesis.openapi.from_dict(DESCRIPTION).exclude(path_regex="/stream")
CHECKS = (not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance)


@schemathesis.serializer("application/x-ndjson", "application/ndjson", "application/jsonl")
def lines(_context: Any, value: Any) -> bytes:
    """What is sent as lines: the description says no more than that it is text."""
    return value if isinstance(value, bytes) else str(value).encode()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server whose ledger must agree at the end."""
    process = ServerProcess(tmp_path_factory.mktemp("schema"), jwt_secret=SECRET, key_rate="0")
    process.start()
    yield process
    process.stop()
    assert "unexpected fault" not in process.log, process.log


@pytest.fixture(scope="module")
def admin(server: ServerProcess) -> dict[str, str]:
    """The header of a key for everything."""
    return bearer(make_key(f"sqlite:///{server.database}", "admin"))


@SCHEMA.parametrize()
@settings(
    max_examples=20,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
)
def test_every_route_answers_as_described(case: Any, server: ServerProcess, admin: dict[str, str]) -> None:
    response = case.call(base_url=server.url, headers=admin)
    case.validate_response(response, checks=CHECKS)


def test_a_stream_without_the_right_is_refused_as_described(server: ServerProcess, admin: dict[str, str]) -> None:
    del admin
    with httpx2.Client(base_url=server.url, trust_env=False) as client:
        refused = client.get("/api/progress/stream/ada")
    assert refused.status_code == 401
    described = DESCRIPTION["paths"]["/api/progress/stream/{userId}"]["get"]
    assert "401" in described["responses"]
    assert described["security"] == [{"bearer": []}]
