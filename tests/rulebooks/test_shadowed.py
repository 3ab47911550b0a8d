"""Criteria that decide nothing are warned of, each with its line and key; the built-in rulebooks have none."""

from __future__ import annotations

from pathlib import Path

import pytest

from laurels.rulebooks.loader import BUILT_IN, check_rulebook

HEAD = """name = "tests"
levels = { kind = "quadratic", step = 50 }
[event_types.run]
points = 5
"""
RUNS = '{{ kind = "count", event = "run", target = {} }}'


def badge(badge_id: str, criterion: str, more: str = "") -> str:
    shown = 'description = "x"\nicon = "x"\ncategory = "coding"\nrarity = "common"\npoints = 1\n'
    return f'[[badges]]\nid = "{badge_id}"\nname = "{badge_id}"\n{shown}{more}criterion = {criterion}\n'


def warnings(tmp_path: Path, *badges: str) -> list[str]:
    file = tmp_path / "book.toml"
    file.write_text(HEAD + "".join(badges))
    return [each.removeprefix(f"{file}:") for each in check_rulebook(file)[1]]


def test_two_badges_with_the_same_criterion(tmp_path: Path) -> None:
    found = warnings(tmp_path, badge("one", RUNS.format(1)), badge("two", RUNS.format(2)), badge("uno", RUNS.format(1)))
    assert found == ["31: badges[2].criterion: Is the same as that of the badge 'one': learners earn both at once."]
    assert not warnings(tmp_path, badge("one", RUNS.format(1)), badge("uno", RUNS.format(1), 'requires = ["one"]\n'))


@pytest.mark.parametrize(
    ("kind", "targets", "superfluous"),
    [
        ("all", (3, 10), "of[0]: Decides nothing: of[1] asks for the same, and for at least as much."),
        ("any", (3, 10), "of[1]: Decides nothing: of[0] asks for the same, and for no more."),
        ("any", (4, 4), "of[1]: Decides nothing: of[0] asks for the same, and for no more."),
    ],
)
def test_a_part_that_another_one_makes_superfluous(
    tmp_path: Path, kind: str, targets: tuple[int, int], superfluous: str
) -> None:
    parts = ", ".join(RUNS.format(target) for target in targets)
    [found] = warnings(tmp_path, badge("both", f'{{ kind = "{kind}", of = [{parts}] }}'))
    assert found.endswith(superfluous)


@pytest.mark.parametrize("name", BUILT_IN)
def test_the_built_in_rulebooks_have_none(name: str) -> None:
    assert not check_rulebook(name)[1]
