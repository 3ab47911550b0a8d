"""JSON that is kept as it comes is an object of a bounded size and depth, and holds nothing that JSON has not."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from laurels.errors import InvalidEvent, InvalidInput, InvalidProfile
from laurels.json_values import MAX_BYTES, MAX_DEPTH, check_json

TEXTS = st.sampled_from(["", "a", "é", "e\u0301", "😀", "a\0", '"\\'])
KEYS = st.sampled_from(["", "a", "é", "😀", '"'])
PLAIN = st.none() | st.booleans() | st.integers() | st.sampled_from([0.0, -0.5, 1e308, 5e-324]) | TEXTS
JSON = PLAIN | st.lists(PLAIN, max_size=2) | st.dictionaries(KEYS, PLAIN | st.lists(PLAIN, max_size=1), max_size=2)


def nested(levels: int, *, of: str = "list") -> Any:
    """A list, or an object, of so many levels."""
    value: Any = 1
    for _ in range(levels):
        value = [value] if of == "list" else {"a": value}
    return value


def fault(value: Any, field: str = "metadata", error: type[InvalidInput] = InvalidEvent) -> tuple[str, str]:
    """The field and the sentence with which a value is refused."""
    with pytest.raises(error) as refused:
        check_json(value, field, error)
    return refused.value.field, refused.value.detail


@given(st.dictionaries(KEYS, JSON, max_size=3))
def test_what_json_has_is_taken_whatever_it_says(value: dict[str, Any]) -> None:
    check_json(value, "metadata", InvalidEvent)


def test_an_object_of_exactly_the_most_bytes_is_taken_and_one_more_is_not() -> None:
    room = MAX_BYTES - len(b'{"a":""}')
    check_json({"a": "x" * room}, "metadata", InvalidEvent)
    assert fault({"a": "x" * (room + 1)}) == ("metadata", "Must not exceed 16384 bytes of JSON.")


def test_size_is_that_of_the_bytes_and_not_of_the_characters() -> None:
    assert fault({"a": "é" * (MAX_BYTES // 2)}) == ("metadata", "Must not exceed 16384 bytes of JSON.")
    check_json({"a": "é" * (MAX_BYTES // 2 - 4)}, "metadata", InvalidEvent)


@pytest.mark.parametrize("of", ["list", "object"])
def test_the_deepest_level_is_taken_and_the_one_below_it_is_not(of: str) -> None:
    # The object itself is the first level.
    check_json({"a": nested(MAX_DEPTH - 1, of=of)}, "metadata", InvalidEvent)
    field, detail = fault({"plain": 1, "a": nested(MAX_DEPTH, of=of)})
    assert (field, detail) == ("metadata.a", "Must not be nested deeper than 16 levels.")


def test_nothing_is_so_deep_that_it_is_a_fault_of_ours() -> None:
    assert fault({"a": nested(2_000)})[1] == "Must not be nested deeper than 16 levels."
    ring: list[Any] = []
    ring.append(ring)
    assert fault({"a": ring})[1] == "Must not be nested deeper than 16 levels."


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
def test_numbers_are_finite_however_deep_they_stand(number: float) -> None:
    assert fault({"a": number}) == ("metadata.a", "Must be a finite number.")
    assert fault({"ok": 1, "a": [{"b": [number]}]}) == ("metadata.a", "Must be a finite number.")


@pytest.mark.parametrize("value", [datetime(2026, 1, 15, tzinfo=UTC), b"bytes", (1, 2), {1, 2}, object(), 1 + 2j])
def test_what_only_python_has_is_refused_with_what_to_do(value: object) -> None:
    field, detail = fault({"a": [value]})
    assert field == "metadata.a"
    assert detail.endswith("Write others as text.")


def test_keys_are_text_without_nul_on_every_level() -> None:
    assert fault({1: "a"}) == ("metadata", "Must have text as keys, not a number.")
    assert fault({"a": [{None: 1}]}) == ("metadata.a", "Must have text as keys, not null.")
    assert fault({"a\0": 1}) == ("metadata", "Must not have a NUL character in a key.")
    assert fault({"a": {"b": {"\0": 1}}}) == ("metadata.a", "Must not have a NUL character in a key.")
    check_json({"": "a value may hold \0"}, "metadata", InvalidEvent)


@pytest.mark.parametrize("value", [{"a": "\ud800"}, {"\udfff": 1}, {"a": [["\ud83d"]]}])
def test_text_is_valid_unicode(value: dict[str, Any]) -> None:
    assert fault(value) == ("metadata", "Must be a JSON object of valid Unicode text and finite numbers.")


def test_the_error_is_the_one_that_was_asked_for_and_names_the_field() -> None:
    assert fault({"a": float("nan")}, "preferences", InvalidProfile)[0] == "preferences.a"


def test_a_number_of_any_length_is_taken_as_json_writes_it() -> None:
    check_json({"a": 10**300, "b": -(2**63) - 1}, "metadata", InvalidEvent)
