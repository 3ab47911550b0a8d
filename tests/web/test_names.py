"""A page calls people by the name that they gave, cut to what fits, or by one that says nothing of their id."""

from __future__ import annotations

import pytest
from msgspec import Struct

from laurels.application.queries.placeholder_names import PlaceholderNames
from laurels.web.display_names import LONGEST, initial_of, shown_name
from laurels.web.locale import language

ENGLISH, GERMAN = language("en"), language("de")


class Person(Struct):
    display_name: str
    has_name: bool = True


class TestShownName:
    def test_a_name_that_was_given_is_shown_as_it_is(self) -> None:
        assert shown_name(Person("  Ada Lovelace\n"), GERMAN) == "Ada Lovelace"
        assert shown_name(Person("Learner ABCD"), GERMAN) == "Learner ABCD"

    def test_it_is_cut_to_a_length_that_no_page_breaks_on(self) -> None:
        assert shown_name(Person("x" * LONGEST), ENGLISH) == "x" * LONGEST
        cut = shown_name(Person("x" * (LONGEST + 1)), ENGLISH)
        assert (len(cut), cut[-2:]) == (LONGEST, "x…")

    def test_one_that_was_made_is_in_the_language_of_the_page(self) -> None:
        made = Person(PlaceholderNames().of("ada"), has_name=False)
        assert shown_name(made, ENGLISH) == made.display_name
        german, code = shown_name(made, GERMAN).rsplit(" ", 1)
        assert code == made.display_name.rsplit(" ", 1)[1]
        assert german not in ("", "Learner")

    def test_the_word_of_an_operator_stays_as_it_is(self) -> None:
        made = Person(PlaceholderNames("Étudiant de Lyon").of("ada"), has_name=False)
        assert shown_name(made, GERMAN) == made.display_name


class TestInitial:
    @pytest.mark.parametrize(
        ("name", "initial"),
        [("ada", "A"), ("  ada", "A"), ("(ada)", "A"), ("élan", "É"), ("7up", "7"), ("جمال", "ج"), ("😀 ada", "A")],
    )
    def test_it_is_the_first_letter_or_digit(self, name: str, initial: str) -> None:
        assert initial_of(Person(name), ENGLISH) == initial

    @pytest.mark.parametrize("name", ["", "   ", "😀", "---"])
    def test_a_name_without_any_has_a_star(self, name: str) -> None:
        assert initial_of(Person(name), ENGLISH) == "★"
