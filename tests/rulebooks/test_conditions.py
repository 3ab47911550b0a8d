"""What a badge may say beside its criterion, and what of it is refused: days, badges held first, tiers, languages."""

from __future__ import annotations

from datetime import date

import pytest

from laurels.domain.rules.badge_texts import language_for, texts_of
from laurels.domain.rules.differences import differences
from laurels.domain.rules.rulebook import Rulebook
from laurels.errors import RulebookError
from laurels.rulebooks.loader import load_rulebook, parse_rulebook

HEAD = """\
name = "house"
levels = { kind = "quadratic", step = 10 }
event_types.read = { points = 1 }
"""
BADGE = """
[[badges]]
id = "ID"
name = "Reader"
description = "Read {target} times."
icon = "R"
category = "learning"
rarity = "common"
points = 5
criterion = { kind = "count", event = "read", target = 2 }
"""
ANY = 'kind = "any", of = [{ kind = "streak", target = 2 }]'
WEEKDAYS = 'kind = "distinct", field = "weekday", target = 2'


def badge(badge_id: str, more: str = "", *, criterion: str | None = None) -> str:
    text = BADGE.replace("ID", badge_id)
    if criterion is not None:
        text = text.replace('{ kind = "count", event = "read", target = 2 }', f"{{ {criterion} }}")
    return f"{text}{more}\n"


def refusal(text: str) -> RulebookError:
    with pytest.raises(RulebookError) as caught:
        parse_rulebook(HEAD + text, "house.toml")
    return caught.value


class TestTiers:
    TIERS = """tiers = [
  { id = "silver", name = "Silver", target = 5, points = 10, rarity = "rare" },
  { id = "gold", name = "Gold", target = 9, points = 20, icon = "G", description = "All {target}." },
]
descriptions = { de = "Lies {target}-mal." }"""

    def test_each_is_a_badge_of_its_own_and_the_lowest_keeps_the_id(self) -> None:
        rules = parse_rulebook(HEAD + badge("reader", self.TIERS))
        assert [
            (each.id, each.name, each.description, each.icon, each.rarity, each.points, each.criterion.target)  # type: ignore[union-attr]
            for each in rules.badges
        ] == [
            ("reader", "Reader", "Read 2 times.", "R", "common", 5, 2),
            ("reader_silver", "Silver", "Read 5 times.", "R", "rare", 10, 5),
            ("reader_gold", "Gold", "All 9.", "G", "common", 20, 9),
        ]
        assert rules.families["reader_gold"] == ("reader", "reader_silver", "reader_gold")
        # Gold has words of its own: those of the badge would say something else.
        assert [texts_of(each, "de")[1] for each in rules.badges] == ["Lies 2-mal.", "Lies 5-mal.", "All 9."]

    def test_they_share_one_measure(self) -> None:
        with_tiers = parse_rulebook(HEAD + badge("reader", self.TIERS))
        assert len({requirement.measure.index for requirement in with_tiers.requirements}) == 1  # type: ignore[attr-defined]

    def test_a_rulebook_goes_through_json_whole(self) -> None:
        rules = parse_rulebook(HEAD + badge("reader", self.TIERS + "\nfrom = 2026-01-01\nhidden = true"))
        again = Rulebook.of_json(rules.as_json)
        assert (again.data, again.fingerprint, again.measures_version) == (
            rules.data,
            rules.fingerprint,
            rules.measures_version,
        )

    @pytest.mark.parametrize(
        ("text", "key", "reason"),
        [
            (badge("a", TIERS.replace("target = 9", "target = 5")), "badges[0].tiers[1].target", "tier below, 5"),
            (
                badge("a", TIERS, criterion=ANY),
                "badges[0].tiers",
                "one target",
            ),
            (badge("a", TIERS).replace('"Read {target} times."', '"Read."'), "badges[0].tiers[0]", "description"),
            (badge("a", TIERS.replace("Lies {target}-mal", "Lies")), "badges[0].descriptions.de", "{target}"),
            (badge("a", TIERS) + badge("a_gold"), "badges[1].id", "'a_gold' is used twice"),
            (badge("a" * 60, TIERS), "badges[0].tiers[0].id", "at most 64 characters"),
            (
                badge("a", TIERS, criterion=WEEKDAYS),
                "badges[0].tiers[1].target",
                "at most 7",
            ),
            (badge("a", TIERS.replace("points = 10", "points = -1")), "badges[0].tiers[0].points", "at least 0"),
        ],
    )
    def test_what_cannot_stand_is_named(self, text: str, key: str, reason: str) -> None:
        error = refusal(text)
        assert error.key == key
        assert reason in error.detail

    def test_a_difference_names_the_tier(self) -> None:
        before = parse_rulebook(HEAD + badge("reader", self.TIERS)).data
        after = parse_rulebook(HEAD + badge("reader", self.TIERS.replace("target = 9", "target = 8"))).data
        [found] = differences(before, after)
        assert (found.key, found.was, found.becomes) == ("badges.reader.tiers.gold.target", 9, 8)


class TestDays:
    def test_they_are_dates_and_both_count(self) -> None:
        rules = parse_rulebook(HEAD + badge("spring", "from = 2026-03-01\nuntil = 2026-03-01"))
        assert (rules.badges[0].from_day, rules.badges[0].until_day) == (date(2026, 3, 1), date(2026, 3, 1))
        assert rules.fingerprint != parse_rulebook(HEAD + badge("spring")).fingerprint

    @pytest.mark.parametrize(
        ("more", "criterion", "key", "reason"),
        [
            ("from = 2026-03-02\nuntil = 2026-03-01", None, "badges[0].until", "before from"),
            ('from = "soon"', None, "badges[0].from", "a date, such as 2026-03-01"),
            ("from = 2026-03-01", 'kind = "streak", target = 2', "badges[0].criterion.kind", "between from and until"),
            (
                "until = 2026-03-01",
                'kind = "all", of = [{ kind = "count", target = 1 }, { kind = "points", target = 2 }]',
                "badges[0].criterion.of[1].kind",
                "between from and until",
            ),
            (
                "from = 2026-03-02\nuntil = 2026-03-05",
                'kind = "distinct", field = "day", target = 5',
                "badges[0].criterion",
                "at most 4 values",
            ),
            (
                "from = 2026-03-02\nuntil = 2026-03-05",
                'kind = "count", where = { weekday = 7 }, target = 1',
                "badges[0].criterion",
                "no day between",
            ),
        ],
    )
    def test_what_cannot_stand_is_named(self, more: str, criterion: str | None, key: str, reason: str) -> None:
        error = refusal(badge("spring", more, criterion=criterion))
        assert error.key == key
        assert reason in error.detail


class TestRequired:
    def test_a_later_badge_and_a_tier_may_be_asked_for(self) -> None:
        assert parse_rulebook(HEAD + badge("a", 'requires = ["b_gold"]') + badge("b", TestTiers.TIERS)).dependents == {
            "b_gold": [0]
        }

    @pytest.mark.parametrize(
        ("text", "key", "reason"),
        [
            (badge("a", 'requires = ["c"]'), "badges[0].requires[0]", "no badge 'c'"),
            (badge("a", 'requires = ["a"]'), "badges[0].requires", "Can never be met"),
            (badge("a", 'requires = ["b"]') + badge("b", 'requires = ["a"]'), "badges[0].requires", "Can never be met"),
        ],
    )
    def test_what_cannot_stand_is_named(self, text: str, key: str, reason: str) -> None:
        error = refusal(text)
        assert error.key == key
        assert reason in error.detail

    def test_a_badge_that_asks_for_a_wrong_one_is_not_told_as_well(self) -> None:
        error = refusal(badge("a").replace("points = 5", "points = -5") + badge("b", 'requires = ["a"]'))
        assert [each.key for each in (error, *error.others)] == ["badges[0].points"]


class TestLanguages:
    RULES = parse_rulebook(
        HEAD + badge("a", 'names = { de = "Leser", "pt-BR" = "Leitor" }\ndescriptions = { fr = "Lis." }')
    )

    @pytest.mark.parametrize(
        ("accepted", "expected"),
        [
            ("", None),
            ("*", None),
            ("de", "de"),
            ("de-CH", "de"),
            ("DE-ch;q=0.5, it", "de"),
            ("pt", "pt-BR"),
            ("pt-BR;q=0.9, fr;q=0.8", "pt-BR"),
            ("fr;q=0.8, pt-BR;q=0.9", "pt-BR"),
            ("en, de;q=0.9", None),
            ("en-GB, de;q=0.9", None),
            ("it, de;q=0", None),
            ("it, de;q=x", None),
            ("it", None),
            ("x" * 5_000, None),
        ],
    )
    def test_the_language_is_what_the_reader_prefers(self, accepted: str, expected: str | None) -> None:
        assert language_for(self.RULES, accepted) == expected

    def test_a_text_that_is_missing_is_that_of_the_rulebook(self) -> None:
        [only] = self.RULES.badges
        assert texts_of(only, "de") == ("Leser", only.description)
        assert texts_of(only, "fr") == (only.name, "Lis.")

    def test_texts_decide_nothing(self) -> None:
        plain = parse_rulebook(HEAD + badge("a"))
        assert plain.fingerprint == self.RULES.fingerprint
        assert plain.measures_version == self.RULES.measures_version
        assert plain.digest != self.RULES.digest

    def test_a_wrong_language_is_named(self) -> None:
        error = refusal(badge("a", 'names = { German = "Leser" }'))
        assert (error.key, error.detail) == ("badges[0].names.German", "Must be a language, such as de or pt-BR.")
        assert refusal(badge("a").replace("name =", "nam =")).key == "badges[0].nam"

    def test_every_badge_of_the_school_speaks_german(self) -> None:
        for each in load_rulebook("school").badges:
            name, description = texts_of(each, "de")
            assert name == each.names["de"]
            assert description != each.description
            assert "{" not in name + description + each.description
