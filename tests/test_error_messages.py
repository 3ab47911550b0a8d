"""Every message of every error, as it stands in the source: a plain sentence that ends, and speaks of no types.

They are read from the source, so messages that no other test provokes are checked, too. `TestCounts` is about numbers.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import pytest

import laurels
from laurels.plurals import counted

SOURCE = Path(laurels.__file__).parent
# Roots of what a caller, an operator or a user of the library reads. Built-in exceptions are for our own mistakes.
ROOTS = {"LaurelsError", "HTTPException", "CommandFailed", "NotEvents", "InputFailed", "Unusable", "UnusableCell"}
# What makes errors without being one: a variable that holds a class of the tree, and functions that fill one in.
MAKERS = {"error", "_too_many", "_refusal", "Check"}
# A hole in a message; where one ends it, what fills it ends it.
HOLE = "\N{WHITE SQUARE}"
# Not "mapping", which is a file of ours: laurels import --from.
TYPE_NAMES = r"int|str|float|bool|dict|tuple|NoneType|None|Struct|msgspec|strings?|integers?|booleans?"
FORBIDDEN = {
    "a type of Python": re.compile(rf"(?<![\w./:-])({TYPE_NAMES})(?![\w(])"),
    "a decoder's words": re.compile(r"(?i)expected `|invalid literal|__\w+__|object at 0x|errno|traceback"),
    "what is wrong, and not what is right": re.compile(r"(Is not an? \w+|Is not valid|Is invalid|Is wrong)\.$"),
}


class Message(NamedTuple):
    where: str
    text: str


def text_of(node: ast.expr) -> str | None:
    """The text of a literal, with HOLE for what is filled in; None where it is no literal."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else None
    if isinstance(node, ast.JoinedStr):
        return "".join(text_of(part) or HOLE for part in node.values)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        left, right = text_of(node.left), text_of(node.right)
        return None if left is None and right is None else (left or HOLE) + (right or HOLE)
    return None


def trees() -> Iterator[tuple[str, ast.Module]]:
    for path in sorted(SOURCE.rglob("*.py")):
        yield path.relative_to(SOURCE).as_posix(), ast.parse(path.read_text("utf-8"))


def errors_of(modules: dict[str, ast.Module]) -> set[str]:
    """The names of all error classes below ROOTS."""
    classes = [node for tree in modules.values() for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    known = set(ROOTS)
    while found := {each.name for each in classes if known & {ast.unparse(base) for base in each.bases}} - known:
        known |= found
    return known


def made_by(function: ast.expr) -> str:
    """The name of what is called; none for a logger's method."""
    name = ast.unparse(function)
    return "" if name.startswith("logger.") else name.rpartition(".")[2]


def messages() -> list[Message]:
    """Every sentence that an error is made with: an argument with a space in it."""
    modules = dict(trees())
    makers = errors_of(modules) | MAKERS
    found: list[Message] = []
    for where, tree in modules.items():
        for node in ast.walk(tree):
            if not isinstance(node, ast.Call) or made_by(node.func) not in makers:
                continue
            # The first of a check is what it looked at.
            first = 1 if made_by(node.func) == "Check" else 0
            for argument in [*node.args[first:], *(keyword.value for keyword in node.keywords)]:
                text = text_of(argument)
                if text is not None and " " in text:
                    found.append(Message(f"{where}:{node.lineno}", text))
    return found


MESSAGES = messages()


def plurals_by_hand(text: ast.JoinedStr) -> Iterator[str]:
    """Where a number that may be one stands before a plural: not a constant, nor a sum with its sign."""
    things = (
        r" (events|users|badges|points|learners|messages|keys|webhooks|entries|days|seconds|streams|documents)\b(?!/)"
    )
    for number, after in pairwise(text.values):
        if isinstance(number, ast.FormattedValue) and re.match(things, text_of(after) or ""):
            name = ast.unparse(number.value)
            signed = number.format_spec is not None and "+" in ast.unparse(number.format_spec)
            if not name.strip("_").isupper() and not signed:
                yield name + (text_of(after) or "")


class TestMessages:
    def test_they_are_found(self) -> None:
        assert len(MESSAGES) > 200
        texts = {each.text for each in MESSAGES}
        assert "The store is away; try again in a moment." in texts
        assert f"The body may have at most {HOLE} bytes." in texts

    def test_each_is_a_sentence_that_ends(self) -> None:
        # What `doctor` advises may be a command, to be copied as it stands.
        ended = re.compile(rf"[.?]$|{HOLE}$|^(To serve: )?(pip|chmod) ")
        assert [each for each in MESSAGES if not ended.search(each.text)] == []

    @pytest.mark.parametrize("what", FORBIDDEN)
    def test_none_speaks_of(self, what: str) -> None:
        assert [each for each in MESSAGES if FORBIDDEN[what].search(each.text)] == []

    @pytest.mark.parametrize(
        ("text", "what"),
        [
            ("Expected `int`, got `str`.", "a decoder's words"),
            ("invalid literal for a number.", "a decoder's words"),
            ("Must be a dict.", "a type of Python"),
            ("Must be `str`.", "a type of Python"),
            ("Must not be None.", "a type of Python"),
            ("Is not an address.", "what is wrong, and not what is right"),
        ],
    )
    def test_a_bad_one_would_be_found(self, text: str, what: str) -> None:
        assert FORBIDDEN[what].search(text)


class TestCounts:
    def test_one_is_one(self) -> None:
        assert [counted(number, "event") for number in (0, 1, 2, 1_200)] == [
            "0 events",
            "1 event",
            "2 events",
            "1,200 events",
        ]

    def test_what_agrees_with_the_number_goes_along(self) -> None:
        assert counted(1, "event waits", "events wait") == "1 event waits"
        assert counted(3, "entry", "entries") == "3 entries"

    def test_a_part_is_no_one(self) -> None:
        assert [counted(number, "second") for number in (1.0, 0.5, 30.0)] == ["1 second", "0.5 seconds", "30 seconds"]

    def test_no_number_stands_before_a_plural_by_hand(self) -> None:
        found: list[Message] = []
        for where, tree in trees():
            # Pages have the plurals of their languages; what an audit finds is many of something.
            if where.startswith("web/") or where == "domain/audit.py":
                continue
            for node in ast.walk(tree):
                if isinstance(node, ast.JoinedStr):
                    found += [Message(f"{where}:{node.lineno}", text) for text in plurals_by_hand(node)]
        assert found == []

    def test_one_by_hand_would_be_found(self) -> None:
        [statement] = ast.parse("f'{count:,} events wait, at most {MOST} days, {sum:+} points'").body
        assert isinstance(statement, ast.Expr)
        assert isinstance(statement.value, ast.JoinedStr)
        assert list(plurals_by_hand(statement.value)) == ["count events wait, at most "]
