"""A learner without a name gets the same placeholder everywhere, and it reveals nothing of the id."""

from __future__ import annotations

import re

import pytest

from laurels.application.queries.placeholder_names import UNNAMED, PlaceholderNames


@pytest.mark.parametrize("user_id", ["ada", "ada@example.org", "", "é😀", "\ud800", "x" * 10_000])
def test_every_id_has_a_name_of_the_word_and_four_signs(user_id: str) -> None:
    assert re.fullmatch(rf"{UNNAMED} [2-9A-HJ-NP-Z]{{4}}", PlaceholderNames().of(user_id))


def test_the_name_is_the_same_everywhere_and_for_ever() -> None:
    # Learners know themselves by it: it must not change with a version.
    assert PlaceholderNames().of("ada") == PlaceholderNames().of("ada") == "Learner DGVC"


def test_an_operator_may_choose_the_word() -> None:
    assert PlaceholderNames("Étudiant").of("ada") == PlaceholderNames().of("ada").replace("Learner", "Étudiant")


def test_ids_that_look_alike_have_names_that_do_not() -> None:
    names = {PlaceholderNames().of(f"ada{number}") for number in range(100)}
    assert len(names) > 90


def test_nothing_in_it_can_be_taken_for_something_else() -> None:
    signs = {sign for number in range(500) for sign in PlaceholderNames().of(f"ada{number}").split()[1]}
    assert len(signs) == 32
    assert not signs & set("01IO")
