"""A criterion is said in words, so that a learner knows what to do: one sentence for each part."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from laurels.domain.rules.badges.criteria import Criterion
from laurels.rulebooks.loader import BUILT_IN, load_rulebook
from laurels.web.criteria_words import words_of
from laurels.web.locale import available, language

ENGLISH = language("en")


def words(criterion: dict[str, Any], **more: Any) -> list[str]:
    return words_of(msgspec.convert(criterion, Criterion), ENGLISH, **more)


@pytest.mark.parametrize(
    ("criterion", "sentence"),
    [
        ({"kind": "points", "target": 1}, "1 point in all"),
        ({"kind": "points", "target": 1_000}, "1,000 points in all"),
        ({"kind": "level", "target": 5}, "level 5"),
        ({"kind": "streak", "target": 1}, "1 day in a row"),
        ({"kind": "span", "target": 30}, "30 days since the first one"),
        ({"kind": "badges", "target": 1}, "1 badge"),
        ({"kind": "badges", "target": 3, "rarity": "rare"}, "3 badges (rare)"),
        ({"kind": "badges", "target": 3, "category": "social"}, "3 badges (social)"),
        ({"kind": "count", "target": 1}, "1 × any event"),
        ({"kind": "count", "event": "code_run", "target": 10}, "10 × code run"),
        ({"kind": "count", "event": ["code_run", "talk"], "target": 2}, "2 × code run or talk"),
        ({"kind": "distinct", "field": "language_used", "target": 3}, "3 different language used"),
        ({"kind": "sum", "field": "minutes", "target": 1_500}, "minutes of 1,500 in sum"),
        ({"kind": "count", "per": "week", "target": 2}, "2 × any event within one week"),
        ({"kind": "count", "where": {"n": {"min": 5}}, "target": 1}, "1 × any event, n ≥ 5"),
        ({"kind": "count", "where": {"n": {"min": 0.5, "max": 9}}, "target": 1}, "1 × any event, n ≥ 0.5 ≤ 9"),
        ({"kind": "count", "where": {"n": ["a", 1]}, "target": 1}, "1 × any event, n a/1"),
        ({"kind": "count", "where": {"n": "a"}, "per": "day", "target": 1}, "1 × any event, n = a within one day"),
    ],
)
def test_a_leaf_is_one_sentence(criterion: dict[str, Any], sentence: str) -> None:
    assert words(criterion) == [sentence]


def test_streaks_of_weeks_are_counted_in_weeks() -> None:
    assert words({"kind": "streak", "target": 3}, unit="week") == ["3 weeks in a row"]
    nested = {"kind": "all", "of": [{"kind": "any", "of": [{"kind": "streak", "target": 1}]}]}
    assert words(nested, unit="week") == ["1 week in a row"]


def test_parts_have_a_sentence_each_and_alternatives_share_one() -> None:
    points, level = {"kind": "points", "target": 5}, {"kind": "level", "target": 2}
    either = {"kind": "any", "of": [points, level]}
    assert words({"kind": "all", "of": [points, level]}) == ["5 points in all", "level 2"]
    assert words(either) == ["5 points in all or level 2"]
    assert words({"kind": "all", "of": [level, either]}) == ["level 2", "5 points in all or level 2"]


@pytest.mark.parametrize("code", available())
def test_every_badge_of_every_rulebook_is_said_in_every_language(code: str) -> None:
    for name in BUILT_IN:
        for badge in load_rulebook(name).badges:
            said = words_of(badge.criterion, language(code))
            assert all(said), badge.id
            assert "{" not in "".join(said), badge.id
