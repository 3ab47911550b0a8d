"""Lines come back by learner, whether memory holds them or files do."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from laurels.cli.importing.sorting import LEAST, PORTION, Line, LinesByLearner, Portion
from laurels.cli.terminal import CommandFailed

_USERS = st.sampled_from(["", "ada", "bob", "zoë", "ä"])


def _taken(lines: Sequence[Line], *, memory: int, at_once: int = 7) -> list[Portion]:
    gathered = LinesByLearner(memory=memory)
    assert gathered.is_empty
    for start in range(0, len(lines), at_once):
        gathered.add(lines[start : start + at_once])
    assert gathered.is_empty is not bool(lines)
    portions = list(gathered.take())
    assert gathered.is_empty
    assert list(gathered.take()) == []
    return portions


@given(st.lists(_USERS, max_size=60), st.sampled_from([0, 2_000, 6_000, 1 << 20]))
def test_each_learners_lines_are_together_and_in_order(users: list[str], memory: int) -> None:
    lines = [(user, number, f"{user} {number}".encode()) for number, user in enumerate(users, 1)]
    portions = _taken(lines, memory=memory)
    found = [each for portion in portions for each in zip(portion.numbers, portion.lines, strict=True)]
    assert found == [(number, line) for _, number, line in sorted(lines)]


@pytest.mark.parametrize("memory", [1_000, 1 << 30])
def test_only_a_learner_with_very_many_lines_is_divided(memory: int) -> None:
    owners = ["ada"] * (PORTION - 1) + ["bob"] * 10 + ["cem"] * (4 * PORTION + 5) + ["dan"]
    lines = [(user, number, b"x") for number, user in enumerate(owners, 1)]
    portions = _taken(lines, memory=memory, at_once=500)
    assert [len(portion.lines) for portion in portions] == [PORTION + 9, 2 * PORTION, 2 * PORTION, 6]
    assert [portion.goes_on for portion in portions] == [False, False, True, True]


def test_a_folder_that_takes_no_files_is_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", "/nowhere/at/all")
    gathered = LinesByLearner(memory=0)
    with pytest.raises(CommandFailed, match="TMPDIR"):
        gathered.add([("ada", 1, b"{}\n")])


def test_short_lines_count_as_what_they_take_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", "/nowhere/at/all")
    gathered = LinesByLearner(memory=10 * LEAST)
    gathered.add([("", number, b"0\n") for number in range(10)])
    with pytest.raises(CommandFailed, match="TMPDIR"):
        gathered.add([("", 10, b"0\n")])
