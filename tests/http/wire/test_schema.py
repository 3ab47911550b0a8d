"""The service answers as its description says, whatever is sent: requests made from the description itself."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import httpx2
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from hypothesis.errors import FlakyStrategyDefinition
from schemathesis.specs.openapi.checks import (
    allow_header_conformance,
    ignored_auth,
    negative_data_rejection,
    unsupported_method,
)

from laurels.http.app import build_app
from laurels.http.wire.openapi.description import complete
from tests.http.callers import SECRET, bearer, make_key
from tests.http.server_process import ServerProcess

DESCRIPTION = json.loads(json.dumps(complete(build_app().openapi_schema.to_schema()), default=str))


def made(*, covers: bool) -> Any:
    """The description with all checks there are. `covers`: also with a request for each bound of each field."""
    # Streams have no end to wait for; they have tests of their own.
    schema = schemathesis.openapi.from_dict(DESCRIPTION).exclude(path_regex="/stream")
    schema.config.phases.coverage.enabled = covers
    checks = schema.config.checks
    checks.update(excluded_check_names=[])
    # What no schema can say is refused with 422 all the same: which types of events the rulebook has, which characters
    # are to be seen in an id, what cannot be combined. Nor may a learner be written to who was deleted.
    checks.positive_data_acceptance.expected_statuses = [
        *checks.positive_data_acceptance.expected_statuses,
        "410",
        "422",
    ]
    # More events than a batch may have.
    checks.negative_data_rejection.expected_statuses = [*checks.negative_data_rejection.expected_statuses, "413"]
    return schema


SCHEMA, WHOLE = made(covers=False), made(covers=True)
# Examples for each route, in the ordinary run and in the long one.
FEW, MANY = 5, int(os.environ.get("SCHEMA_EXAMPLES", "1000"))
LINES = ("application/x-ndjson", "application/ndjson", "application/jsonl")
ORDINARY = {
    "deadline": None,
    "derandomize": True,
    "suppress_health_check": [HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
}


@schemathesis.serializer(*LINES, "application/toml")
def text(_context: Any, value: Any) -> bytes:
    """What the description calls text and no more."""
    return value if isinstance(value, bytes) else str(value).encode()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server whose ledger must agree at the end."""
    # The limit of callers without a key would answer before the check of their key does.
    process = ServerProcess(
        tmp_path_factory.mktemp("schema"), jwt_secret=SECRET, key_rate="0", address_rate="0", failure_rate="1000000"
    )
    process.start()
    yield process
    process.stop()
    assert "unexpected fault" not in process.log, process.log


@pytest.fixture(scope="module")
def admin(server: ServerProcess) -> dict[str, str]:
    """The header of a key for everything."""
    return bearer(make_key(f"sqlite:///{server.database}", "admin"))


@pytest.fixture(scope="module")
def session() -> Iterator[requests.Session]:
    """Keeps its connection: to open one for each request takes longer than the answer."""
    with requests.Session() as opened:
        yield opened


def is_unsent(value: Any) -> bool:
    """Whether nothing of a parameter's value stands in the address."""
    return value is None or (isinstance(value, list | tuple | dict) and all(map(is_unsent, value)))


def not_for(case: Any) -> list[Any]:
    """The checks that a request is no matter of."""
    # Each event has a result of its own, so one that is wrong does not spoil the batch.
    # And what was made wrong by a parameter without a value is right as it is sent.
    is_right = case.operation.path == "/api/progress/events" or any(map(is_unsent, (case.query or {}).values()))
    excluded: list[Any] = [negative_data_rejection] if is_right else []
    # With other methods it is the address of the learner whose id ends so.
    return (
        [*excluded, unsupported_method, allow_header_conformance] if case.operation.path.endswith("/data") else excluded
    )


@SCHEMA.parametrize()
@settings(max_examples=FEW, **ORDINARY)
def test_every_route_answers_as_described(case: Any, server: ServerProcess, admin: dict[str, str]) -> None:
    response = case.call(base_url=server.url, headers=admin)
    case.validate_response(response, headers=admin, excluded_checks=not_for(case))


@pytest.mark.long
@pytest.mark.timeout(1_800)
@WHOLE.parametrize()
@settings(max_examples=MANY, **ORDINARY)
def test_every_route_answers_as_described_to_a_thousand(
    case: Any, server: ServerProcess, admin: dict[str, str], session: requests.Session
) -> None:
    response = case.call(base_url=server.url, headers=admin, session=session)
    # That a key is needed is asked with two more requests for each. The few of the ordinary run are enough for that.
    case.validate_response(response, headers=admin, excluded_checks=[*not_for(case), ignored_auth])


@pytest.mark.long
@pytest.mark.timeout(3_600)
def test_requests_that_follow_from_answers_are_answered_as_described(
    server: ServerProcess, admin: dict[str, str]
) -> None:
    sent = rounds = 0

    class Sequences(WHOLE.as_state_machine()):
        """Requests one after the other, each made of what the ones before brought."""

        def get_call_kwargs(self, case: Any) -> dict[str, Any]:
            nonlocal sent
            del case
            sent += 1
            return {"base_url": server.url, "headers": admin}

        def validate_response(self, response: Any, case: Any, additional_checks: Any = None, **more: Any) -> None:
            # What calls it with the key would do so, too, where it is to be called without.
            del additional_checks, more
            case.validate_response(
                response,
                headers=admin,
                excluded_checks=not_for(case),
                transport_kwargs={"base_url": server.url},
                recorder=self.recorder,
            )

    few = settings(
        max_examples=10,
        stateful_step_count=8,
        database=None,
        phases=[Phase.generate],
        **{**ORDINARY, "derandomize": False},
    )
    while sent < 5 * MANY and rounds < MANY:
        rounds += 1
        # The same requests are answered otherwise once they have been sent, and Hypothesis ends there: on with others.
        with suppress(FlakyStrategyDefinition):
            Sequences.run(settings=few)
    assert sent >= 5 * MANY


def test_a_stream_without_the_right_is_refused_as_described(server: ServerProcess, admin: dict[str, str]) -> None:
    del admin
    with httpx2.Client(base_url=server.url, trust_env=False) as client:
        refused = client.get("/api/progress/stream/ada")
    assert refused.status_code == 401
    described = DESCRIPTION["paths"]["/api/progress/stream/{userId}"]["get"]
    assert "401" in described["responses"]
    assert described["security"] == [{"bearer": []}]
