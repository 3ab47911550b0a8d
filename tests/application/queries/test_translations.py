"""Texts of badges and currencies are translated wherever in an answer they stand, and nothing else is."""

from __future__ import annotations

from typing import Any

import msgspec

from laurels.application.queries.translations import translated
from laurels.application.queries.views import (
    BadgeDefinitionView,
    BadgeStateView,
    BadgeView,
    NextBadge,
)
from laurels.bootstrap import open_service
from laurels.domain.rules.rulebook import Rulebook
from laurels.testing.builders import small_rulebook

GERMAN: dict[str, dict[str, Any]] = {
    "first": {"names": {"de": "Anfang"}, "descriptions": {"de": "Der erste Lauf."}},
    "third": {"names": {"de": "Drei"}},
}
TEXTS: dict[str, Any] = {"icon": "*", "category": "milestone", "rarity": "common", "points": 10}


def rulebook_of(**changes: Any) -> Rulebook:
    """The small rulebook with some texts in German."""
    badges = msgspec.to_builtins(small_rulebook().data)["badges"]
    return small_rulebook(badges=[{**badge, **GERMAN.get(badge["id"], {})} for badge in badges], **changes)


def held(badge_id: str) -> BadgeView:
    name, description = badge_id.title(), f"The badge {badge_id}."
    return BadgeView(badge_id=badge_id, name=name, description=description, earned_at="2026-03-14T12:00:00Z", **TEXTS)


def open_badge(badge_id: str, **fields: Any) -> BadgeStateView:
    return BadgeStateView(
        badge_id=badge_id,
        name=badge_id.title(),
        description=f"The badge {badge_id}.",
        earned=False,
        earned_at=None,
        current=0,
        target=1,
        fraction=0.0,
        held=None,
        **TEXTS,
        **fields,
    )


class TestBadges:
    def test_name_and_description_are_those_of_the_language(self) -> None:
        shown = translated(held("first"), rulebook_of(), "de")
        assert (shown.name, shown.description) == ("Anfang", "Der erste Lauf.")

    def test_a_text_that_there_is_not_stays_in_the_rulebooks_own_language(self) -> None:
        shown = translated(held("third"), rulebook_of(), "de")
        assert (shown.name, shown.description) == ("Drei", "The badge third.")
        assert translated(held("century"), rulebook_of(), "de") == held("century")
        assert translated(held("first"), rulebook_of(), "fr") == held("first")

    def test_in_no_language_the_answer_is_the_very_same(self) -> None:
        shown = held("first")
        assert translated(shown, rulebook_of(), None) is shown

    def test_a_badge_that_the_rulebook_has_no_more_stays_as_it_was(self) -> None:
        assert translated(held("gone"), rulebook_of(), "de") == held("gone")

    def test_a_hidden_badge_gives_no_name_away(self) -> None:
        hidden = open_badge("first", hidden=True)
        assert translated(hidden, rulebook_of(), "de") == hidden
        assert translated(open_badge("first"), rulebook_of(), "de").name == "Anfang"

    def test_one_that_is_near_has_a_name_alone(self) -> None:
        assert translated(NextBadge("first", "First", 1, 2, 0.5), rulebook_of(), "de").name == "Anfang"

    def test_a_definition_keeps_its_criterion(self) -> None:
        rulebook = rulebook_of()
        badge = rulebook.badges[0]
        definition = BadgeDefinitionView(
            badge_id="first", name="First", description="d", criterion=badge.criterion, held=None, **TEXTS
        )
        shown = translated(definition, rulebook, "de")
        assert (shown.name, shown.criterion) == ("Anfang", badge.criterion)


async def test_they_are_found_however_deep_they_stand_in_an_answer(store_url: str) -> None:
    rulebook = rulebook_of(currencies={"coins": {"name": "Coins", "names": {"de": "Taler"}, "events": {"run": 2}}})
    async with open_service(store_url, rulebook=rulebook, projection_interval=3_600) as laurels:
        await laurels.record("ada", "run")
        dashboard = await laurels.learners.dashboard("ada")
    shown = translated(dashboard, rulebook, "de")
    kept = translated(dashboard, rulebook_of(), "de")
    assert dashboard.currencies
    assert shown.currencies
    assert kept.currencies
    assert [badge.name for badge in shown.badges] == ["Anfang"]
    assert "Drei" in [badge.name for badge in shown.next_badges]
    assert shown.currencies["coins"].name == "Taler"
    # What is no text of a badge or currency is as it was, and so is the answer that was handed in.
    assert (shown.user, shown.currencies["coins"].balance) == (dashboard.user, 2)
    assert ([badge.name for badge in dashboard.badges], dashboard.currencies["coins"].name) == (["First"], "Coins")
    # A currency that the rulebook has no more keeps its name.
    assert kept.currencies["coins"].name == "Coins"
