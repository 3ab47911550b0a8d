"""The service against the description that is kept of it: what breaks a client is done on purpose or not at all."""

from __future__ import annotations

import json
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import msgspec
import pytest

from laurels.http.app import build_app
from laurels.http.wire.openapi.description import complete
from tests.http.wire.openapi_changes import breaking_changes

KEPT = Path(__file__).parents[3] / "clients" / "openapi.json"


@pytest.fixture(scope="module")
def kept() -> dict[str, Any]:
    return json.loads(KEPT.read_text("utf-8"))


def test_nothing_that_a_client_relies_on_has_changed(kept: dict[str, Any]) -> None:
    now = msgspec.json.decode(msgspec.json.encode(complete(build_app().openapi_schema.to_schema())))
    # Where it is meant: docs/versioning.md says what to do.
    assert breaking_changes(kept, now) == []


def operation(document: dict[str, Any], method: str, path: str) -> dict[str, Any]:
    return document["paths"][f"/api/progress/{path}"][method]


def schema(document: dict[str, Any], name: str) -> dict[str, Any]:
    return document["components"]["schemas"][name]


def remove_around(new: dict[str, Any]) -> None:
    board = operation(new, "get", "leaderboard")
    board["parameters"] = [each for each in board["parameters"] if each["name"] != "around"]


BREAKING: dict[str, Callable[[dict[str, Any]], object]] = {
    "DELETE /api/progress/users/{userId} is gone": lambda new: new["paths"]["/api/progress/users/{userId}"].pop(
        "delete"
    ),
    "GET /api/progress/leaderboard: the parameter around is gone": remove_around,
    "GET /api/progress/leaderboard: the parameter period is required now": lambda new: next(
        each for each in operation(new, "get", "leaderboard")["parameters"] if each["name"] == "period"
    ).update(required=True),
    "POST /api/progress/event: body.onceKey is required now": lambda new: schema(new, "LearningEvent")[
        "required"
    ].append("onceKey"),
    "GET /api/progress/rank/{userId}: 200.percentile is gone": lambda new: schema(new, "Rank")["properties"].pop(
        "percentile"
    ),
    "GET /api/progress/rank/{userId}: 200.of has another type (string)": lambda new: schema(new, "Rank")[
        "properties"
    ].update(of={"type": "string"}),
    "GET /api/progress/rank/{userId}: 200.of is not always there any more": lambda new: schema(new, "Rank")[
        "required"
    ].remove("of"),
}


@pytest.mark.parametrize("change", BREAKING)
def test_what_breaks_is_found(kept: dict[str, Any], change: str) -> None:
    new = deepcopy(kept)
    BREAKING[change](new)
    assert change in breaking_changes(kept, new)


def test_what_is_added_breaks_nothing(kept: dict[str, Any]) -> None:
    new = deepcopy(kept)
    new["paths"]["/api/more"] = new["paths"]["/api/badges"]
    schema(new, "Rank")["properties"]["more"] = {"type": "string"}
    schema(new, "Rank")["required"].append("more")
    schema(new, "LearningEvent")["properties"]["more"] = {"type": "string"}
    assert breaking_changes(kept, new) == []
    assert breaking_changes(kept, kept) == []
