"""Rules are data: the code names no event type and no badge of any rulebook."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import laurels
from laurels.rulebooks.loader import BUILT_IN, load_rulebook

SOURCE = Path(laurels.__file__).parent
# They show what a caller sends: examples in the description of the service, the demo's made-up learners, and the small
# rulebook for tests, one of whose badges is called as one here.
EXAMPLES = {
    "http/wire/openapi/examples.py",
    "cli/demo/learners.py",
    "testing/builders.py",
}
# Words of the code's own that a rulebook also uses.
WORDS = {"points", "streak", "exercises", "pages", "here", "login", "helper"}


def texts_in_code() -> dict[str, set[str]]:
    """Every text that stands alone in the code, and the files that it stands in."""
    found: dict[str, set[str]] = {}
    for path in SOURCE.rglob("*.py"):
        name = path.relative_to(SOURCE).as_posix()
        if name not in EXAMPLES:
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                if isinstance(node, ast.Constant) and isinstance(node.value, str):
                    found.setdefault(node.value, set()).add(name)
    return found


@pytest.mark.parametrize("name", BUILT_IN)
def test_the_code_names_nothing_of_a_rulebook(name: str) -> None:
    rules = load_rulebook(name)
    texts = texts_in_code()
    assert "eventType" in texts
    named = {*rules.event_types, *(badge.id for badge in rules.badges)} - WORDS
    assert len(named) > 35
    assert {each: texts[each] for each in sorted(named & texts.keys())} == {}


def test_no_two_rulebooks_share_an_event_type() -> None:
    first, second = (set(load_rulebook(name).event_types) for name in BUILT_IN)
    assert not first & second
