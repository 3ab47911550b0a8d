"""Whatever comes from outside, parsers answer with a value or with an error of ours, and in time."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from laurels.application.live.messages import place_of
from laurels.application.queries.cursors import Cursors
from laurels.domain.events import LearningEvent, check_event
from laurels.domain.keys import prefix_of
from laurels.domain.periods import parse_day, parse_period
from laurels.errors import InvalidEvent, InvalidInput, InvalidProfile, LaurelsError
from laurels.http.auth.identity import is_this_machine
from laurels.http.auth.tokens import TokenRules, Tokens
from laurels.http.wire.bodies import decode, user_id_in, user_ids_in
from laurels.http.wire.http_error import HttpError
from laurels.http.wire.schemas import ProfileChange
from laurels.rulebooks.loader import load_rulebook, parse_rulebook
from laurels.settings import read_settings
from laurels.storage.older_mongodb.documents import Unusable, event_of, user_of
from tests.examples import share_of

RUNS = settings(
    max_examples=share_of(250), deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
EVENT_TYPES = load_rulebook("coding").event_types

SEEDS = [
    b'{"userId":"ada","eventType":"code_run","eventId":"e","timestamp":"2026-01-15T09:30:00+01:00",'
    b'"metadata":{"language":"python","codeLength":240,"sessionDuration":95,"deep":[[{"a":null}]]},"onceKey":"k"}',
    b'{"displayName":"Ada","photoURL":"https://learn.example/a.png","timeZone":"Europe/London",'
    b'"preferences":{"theme":"dark"},"visibility":"alias","alias":"A"}',
]
RULEBOOK = """
name = "small"
[event_types.run]
points = 5
max_per_day = 3
[levels]
kind = "quadratic"
step = 50
[[badges]]
id = "first"
name = "First"
description = "d"
icon = "i"
category = "coding"
rarity = "common"
points = 10
criterion = { kind = "count", event = "run", target = 1 }
"""


def mutated(seeds: list[bytes]) -> st.SearchStrategy[bytes]:
    """A valid text of which some pieces were replaced, doubled or cut out."""

    @st.composite
    def draw_one(draw: st.DrawFn) -> bytes:
        text = bytearray(draw(st.sampled_from(seeds)))
        for _ in range(draw(st.integers(1, 4))):
            at = draw(st.integers(0, max(0, len(text) - 1)))
            length = draw(st.integers(0, 8))
            piece = draw(
                st.one_of(
                    st.binary(max_size=8),
                    st.sampled_from(
                        [b'"', b"{", b"}", b"[" * 200, b"1e999", b"-0", b"NaN", b"\\ud800", b"\xff", b"\0"]
                    ),
                )
            )
            text[at : at + length] = piece
        return bytes(text)

    return st.one_of(st.binary(max_size=200), draw_one())


JSONS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=12), inner, max_size=3),
    max_leaves=8,
)


@RUNS
@given(mutated(SEEDS))
def test_bodies(body: bytes) -> None:
    for kind, error in ((LearningEvent, InvalidEvent), (ProfileChange, InvalidProfile)):
        with suppress(InvalidInput, HttpError):
            decoded: Any = decode(body, kind, error)
            if isinstance(decoded, LearningEvent):
                check_event(decoded, EVENT_TYPES, now=1_800_000_000_000, earliest=0)


@RUNS
@given(st.dictionaries(st.sampled_from(["userId", "eventType", "eventId", "metadata", "timestamp", "onceKey"]), JSONS))
def test_events_of_any_shape(event: dict[str, Any]) -> None:
    body = json.dumps(event).encode()
    with suppress(InvalidInput, HttpError):
        decoded = decode(body, LearningEvent, InvalidEvent)
        check_event(decoded, EVENT_TYPES, now=1_800_000_000_000, earliest=0)


@RUNS
@given(mutated([RULEBOOK.encode()]))
def test_rulebooks(text: bytes) -> None:
    with suppress(LaurelsError):
        parse_rulebook(text.decode("utf-8", "replace"))


def test_the_rulebook_that_is_mutated_is_one() -> None:
    assert parse_rulebook(RULEBOOK).badges


class Secrets:
    """Of one key."""

    async def keys(self, name: str, fresh: bytes) -> list[bytes]:
        del name, fresh
        return [b"k" * 32]

    async def rotate(self, name: str, fresh: bytes) -> None:
        raise NotImplementedError


CURSORS = Cursors(Secrets())
CURSOR = asyncio.run(CURSORS.seal("board all", b"text"))
TEXTS: list[tuple[Callable[[str], object], list[str]]] = [
    (parse_period, ["all", "2026-11", "2026-W47", "2026-11-23"]),
    (lambda text: parse_day(text, "from"), ["2026-11-23"]),
    (lambda text: asyncio.run(CURSORS.open("board all", text)), [CURSOR]),
    (place_of, ["41", "41.1"]),
    (user_ids_in, ["ada,bob%2C,%ff", "%E2%82%AC"]),
    (prefix_of, ["lrl_0123456789ab_" + "0" * 40]),
]


@pytest.mark.parametrize(("parse", "seeds"), TEXTS, ids=lambda each: getattr(each, "__name__", ""))
def test_texts(parse: Callable[[str], object], seeds: list[str]) -> None:
    @RUNS
    @given(
        st.one_of(st.text(max_size=60), mutated([seed.encode() for seed in seeds]).map(lambda b: b.decode("latin-1")))
    )
    def run(text: str) -> None:
        with suppress(LaurelsError):
            parse(text)

    run()


@RUNS
@given(st.binary(max_size=60))
def test_paths(tail: bytes) -> None:
    scope: Any = {"raw_path": b"/api/progress/dashboard/" + tail}
    with suppress(LaurelsError):
        assert user_id_in(scope, "/dashboard/")


@RUNS
@given(st.lists(st.tuples(st.sampled_from([b"host", b"origin", b"forwarded"]), st.binary(max_size=30)), max_size=4))
def test_headers_that_tell_where_a_request_comes_from(headers: list[tuple[bytes, bytes]]) -> None:
    scope: Any = {"client": ("127.0.0.1", 1), "http_version": "1.1", "headers": headers}
    assert is_this_machine(scope) in (True, False)
    scope["client"] = ("192.0.2.1", 1)
    assert not is_this_machine(scope)


@RUNS
@given(mutated([b"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhZGEiLCJleHAiOjk5OTk5OTk5OTl9.c2ln"]))
def test_tokens(text: bytes) -> None:
    checking = Tokens(TokenRules(secret="a secret of at least thirty-two bytes"))
    assert asyncio.run(checking.check(text.decode("latin-1"))) is None


@RUNS
@given(
    st.dictionaries(
        st.sampled_from(
            ["LAURELS_STORE", "LAURELS_PUBLIC", "LAURELS_KEY_RATE", "LAURELS_TRUSTED_PROXIES", "LAURELS_X"]
        ),
        st.text(max_size=20),
    )
)
def test_settings(environment: dict[str, str]) -> None:
    with suppress(LaurelsError):
        read_settings(environment)


@RUNS
@given(
    st.dictionaries(
        st.sampled_from(["_id", "userId", "eventType", "points", "timestamp", "metadata", "badges", "totalPoints"]),
        JSONS,
    )
)
def test_documents_of_older_databases(document: dict[str, Any]) -> None:
    for parse in (event_of, lambda each: user_of(each, 1_800_000_000_000)):
        with suppress(Unusable):
            parse(document)
