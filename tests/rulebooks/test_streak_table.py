"""What a rulebook may say of streaks, what of it is refused, and how it is told."""

from __future__ import annotations

from datetime import date

import pytest

from laurels.cli.rulebook.words import earned_by, streak_words
from laurels.domain.rules.differences import differences
from laurels.domain.rules.rulebook import Rulebook
from laurels.errors import RulebookError
from laurels.rulebooks.loader import load_rulebook, parse_rulebook
from laurels.web.criteria_words import words_of
from laurels.web.locale import language

HEAD = 'name = "house"\nlevels = { kind = "quadratic", step = 10 }\nevent_types.read = { points = 1 }\n\n[streak]\n'
WEEKS = """\
per = "week"
days = 3
minimum = { events = 2, points = 10 }
grace = 3
freezes = { initial = 1, every = 10, cap = 3 }
pauses = [{ from = 2026-12-21, until = 2027-01-06, name = "Christmas" }]
"""
BADGE = """
[[badges]]
id = "steady"
name = "Steady"
description = "Keep at it."
icon = "S"
category = "streak"
rarity = "common"
points = 5
criterion = { kind = "streak", target = 4 }
"""


class TestWhatIsRefused:
    @pytest.mark.parametrize(
        ("table", "key", "says"),
        [
            ('per = "month"', "streak.per", "Must be one of day, week."),
            ("days = 3", "streak.days", 'write per = "week" with it'),
            ('per = "week"\ndays = 8', "streak.days", "at most 7"),
            ("minimum = { events = 0 }", "streak.minimum.events", "at least 1"),
            ("minimum = { event = 1 }", "streak.minimum.event", "not a key that is known"),
            ("grace = 13", "streak.grace", "at most 12"),
            ("freezes = { every = 3 }", "streak.freezes.every", "Needs a cap"),
            ("freezes = { cap = 3 }", "streak.freezes.cap", "write every with it"),
            ("freezes = { initial = 3, every = 2, cap = 1 }", "streak.freezes.cap", "at least initial, which is 3"),
            ("pauses = [{ from = 2026-01-01 }]", "streak.pauses[0]", "Lacks until."),
            ("pauses = [{ from = 2026-01-02, until = 2026-01-01 }]", "streak.pauses[0].until", "not be before from"),
            ("pauses = [{ from = 2026-01-01, until = 2027-01-02 }]", "streak.pauses[0].until", "at most 365 days"),
            ("repair = { within = 3 }", "streak.repair", "Lacks price."),
            ("repair = { within = 31, price = 5 }", "streak.repair.within", "at most 30"),
            ("repair = { within = 3, price = 0 }", "streak.repair.price", "at least 1"),
        ],
    )
    def test_with_its_line_and_key(self, table: str, key: str, says: str) -> None:
        with pytest.raises(RulebookError) as caught:
            parse_rulebook(HEAD + table + "\n", "house.toml")
        assert caught.value.key == key
        assert says in caught.value.detail
        assert str(caught.value).startswith(f"house.toml:{6 + table.count(chr(10))}: ")

    def test_a_streak_of_days_that_nothing_pays(self) -> None:
        text = HEAD.replace("points = 1", "points = 0") + "minimum = { points = 1 }\n" + BADGE
        with pytest.raises(RulebookError, match="no event type pays any"):
            parse_rulebook(text)


class TestWhatItSays:
    RULES = parse_rulebook(HEAD + WEEKS + BADGE)

    def test_it_is_read_and_written_again(self) -> None:
        assert self.RULES.data.streak is not None
        assert self.RULES.data.streak.pauses[0].until_day == date(2027, 1, 6)
        again = Rulebook.of_json(self.RULES.as_json)
        assert again.data == self.RULES.data
        assert (again.fingerprint, again.measures_version) == (self.RULES.fingerprint, self.RULES.measures_version)

    def test_another_table_makes_other_decisions_and_other_snapshots(self) -> None:
        other = parse_rulebook(HEAD + WEEKS.replace("days = 3", "days = 4") + BADGE)
        assert other.fingerprint != self.RULES.fingerprint
        assert other.measures_version != self.RULES.measures_version
        assert [(each.key, each.was, each.becomes) for each in differences(self.RULES.data, other.data)] == [
            ("streak.days", 3, 4)
        ]

    def test_a_repair_in_words_and_in_a_diff(self) -> None:
        other = parse_rulebook(HEAD + "repair = { within = 3, price = 50 }\n" + WEEKS + BADGE)
        assert other.data.streak is not None
        assert streak_words(other.data.streak)[-1] == ("repair", "for 50 points, until 3 days after")
        assert [(each.key, each.becomes) for each in differences(self.RULES.data, other.data)] == [
            ("streak.repair", {"within": 3, "price": 50})
        ]

    def test_in_words(self) -> None:
        assert self.RULES.data.streak is not None
        assert streak_words(self.RULES.data.streak) == [
            ("per", "week, of 3 days"),
            ("minimum", "2 events and 10 points a day"),
            ("grace", "3 hours after midnight"),
            ("freezes", "1 from the start, one more every 10, at most 3"),
            ("pause", "2026-12-21 to 2027-01-06 Christmas"),
        ]
        [badge] = self.RULES.badges
        assert earned_by(badge, self.RULES.streak_unit) == "a streak of 4 weeks"
        assert words_of(badge.criterion, language("de"), self.RULES.streak_unit) == ["4 Wochen in Folge"]


def test_of_the_built_in_rulebooks_the_school_has_rules_for_streaks() -> None:
    assert load_rulebook("coding").streak is None
    school = load_rulebook("school").streak
    assert school is not None
    assert school.has_freezes
