"""All that keeps a document from being a rulebook is found at once, and nothing else is called a mistake."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from laurels.domain.rules.rulebook_data import RulebookData
from laurels.rulebooks.toml_validation import dotted, shape_mistakes

GOOD: dict[str, Any] = {
    "name": "small",
    "levels": {"kind": "quadratic", "step": 50},
    "event_types": {"run": {"points": 5, "bonuses": [{"field": "n", "above": 1, "points": 2}]}},
    "badges": [
        {
            "id": "first",
            "name": "First",
            "description": "d",
            "icon": "i",
            "category": "coding",
            "rarity": "common",
            "points": 10,
            "criterion": {"kind": "count", "event": "run", "where": {"n": {"min": 2}}, "target": 1},
            "names": {"de": "Anfang"},
        }
    ],
}
Path = tuple[str | int, ...]


def paths(value: Any, path: Path = ()) -> list[Path]:
    """Every place of a document."""
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(found for key, member in members for found in paths(member, (*path, key)))]


def with_value(path: Path, value: Any) -> Any:
    """The good document with another value at one place; `...` takes it away."""
    if not path:
        return value
    document = deepcopy(GOOD)
    place: Any = document
    for key in path[:-1]:
        place = place[key]
    if value is ...:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    return document


def mistakes(document: object) -> dict[str, str]:
    return dict(shape_mistakes(document))


def is_taken(document: object) -> bool:
    try:
        msgspec.convert(document, RulebookData)
    except msgspec.ValidationError:
        return False
    return True


def test_a_good_document_has_none() -> None:
    assert is_taken(GOOD)
    assert mistakes(GOOD) == {}


@given(
    st.sampled_from(paths(GOOD)[1:]),
    st.sampled_from([..., None, True, 0, -1, 10**18, 1.5, "", "x", "X Y", "coding", [], ["x"], {}, {"kind": "points"}]),
)
def test_there_is_a_mistake_exactly_where_the_decoder_refuses(path: Path, value: Any) -> None:
    document = with_value(path, value)
    assert bool(mistakes(document)) is not is_taken(document)


@pytest.mark.parametrize("document", [None, [], "text", 5, {}])
def test_what_is_no_rulebook_at_all_is_a_mistake(document: object) -> None:
    assert mistakes(document)


@pytest.mark.parametrize(
    ("path", "value", "key", "detail"),
    [
        (("levels",), ..., "levels", "Lacks levels."),
        (("levels", "kind"), ..., "levels", "Lacks kind, which is one of"),
        (("levels", "kind"), "quadratik", "levels.kind", 'Did you mean "quadratic"?'),
        (("event_types",), [], "event_types", "Must be tables that have names, such as [event_types.one], not a list."),
        (("event_types", "run", "points"), "5", "event_types.run.points", "Must be a whole number, not text."),
        (("event_types", "run", "point"), 5, "event_types.run.point", 'Did you mean "points"?'),
        (("event_types", "Big Run"), {"points": 5}, 'event_types."Big Run"', "Must be of lower-case letters"),
        (("badges", 0, "rarity"), "comon", "badges[0].rarity", 'Did you mean "common"?'),
        (("badges", 0, "from"), "May", "badges[0].from", "Must be a date, such as 2026-03-01."),
        (("badges", 0, "names", "german"), "Anfang", "badges[0].names.german", "Must be a language"),
        (("badges", 0, "criterion"), 5, "badges[0].criterion", "Must be a table, not a number."),
        (("badges", 0, "criterion", "target"), 0, "badges[0].criterion.target", "Must be at least 1."),
        (("badges", 0), "first", "badges[0]", "Must be a table, not text."),
    ],
)
def test_each_is_named_by_its_key_and_says_what_is_expected(path: Path, value: Any, key: str, detail: str) -> None:
    found = mistakes(with_value(path, value))
    assert list(found) == [key]
    assert detail in found[key]


def test_all_are_found_at_once() -> None:
    document = with_value(("levels", "step"), "fifty")
    document["badges"] = [*document["badges"], {"id": "Second"}, 5]
    found = mistakes(document)
    assert {"levels.step", "badges[1].id", "badges[2]"} <= found.keys()


def test_what_is_there_under_another_spelling_is_not_lacking() -> None:
    document = with_value(("badges", 0, "criterion", "target"), ...)
    document["badges"][0]["criterion"]["targt"] = 1
    assert list(mistakes(document)) == ["badges[0].criterion.targt"]


@pytest.mark.parametrize(
    ("key", "name", "expected"),
    [("", "a", "a"), ("a", "b-c_1", "a.b-c_1"), ("a", "b c", 'a."b c"'), ("a", "", 'a.""'), ("", 'é"', '"é\\""')],
)
def test_a_key_is_written_as_toml_writes_it(key: str, name: str, expected: str) -> None:
    assert dotted(key, name) == expected
