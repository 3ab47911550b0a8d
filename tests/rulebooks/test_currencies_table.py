"""What a rulebook may say of currencies, what of it is refused, and how it is told."""

from __future__ import annotations

import msgspec
import pytest

from laurels.cli.rulebook.words import currency_words
from laurels.domain.rules.differences import differences
from laurels.domain.rules.rulebook import Rulebook
from laurels.domain.rules.rulebook_data import RulebookData
from laurels.errors import RulebookError
from laurels.rulebooks.loader import parse_rulebook

HEAD = """\
name = "house"
levels = { kind = "quadratic", step = 10 }
event_types.read = { points = 1 }
event_types.write = { points = 3 }
[[badges]]
id = "reader"
name = "Reader"
description = "Read."
icon = "R"
category = "learning"
rarity = "common"
points = 7
criterion = { kind = "count", event = "read", target = 1 }
"""
COINS = """
[currencies.coins]
name = "Coins"
names = { de = "Münzen" }
events = { read = 1, write = 5 }
badges = { reader = 20 }
levels = { kind = "table", starts = [0, 10] }
"""


def refusals(text: str) -> list[tuple[str, str]]:
    """The keys that are wrong, and why."""
    with pytest.raises(RulebookError) as caught:
        parse_rulebook(HEAD + text, "house.toml")
    return [(each.key, each.detail) for each in (caught.value, *caught.value.others)]


class TestWhatIsRefused:
    @pytest.mark.parametrize(
        ("table", "key", "says"),
        [
            ("events = { read = 1 }", "currencies.x", "Lacks name."),
            ('name = "X"', "currencies.x", "Nothing gives it; say under events or badges what does, and how much."),
            (
                'name = "X"\nevents = { raed = 1 }',
                "currencies.x.events",
                "There is no event type 'raed'. Did you mean \"read\"? Known are read, write.",
            ),
            (
                'name = "X"\nbadges = { raeder = 1 }',
                "currencies.x.badges",
                "There is no badge 'raeder'. Did you mean \"reader\"? Known are reader.",
            ),
            ('name = "X"\nevents = { read = 0 }', "currencies.x.events.read", "Must be at least 1."),
            ('name = "X"\nevents = { read = 1.5 }', "currencies.x.events.read", "Must be a whole number."),
            (
                'name = "X"\nevents = { read = 1 }\nlevels = { kind = "table", starts = [1, 2] }',
                "currencies.x.levels.starts",
                "Must begin with 0 and rise from level to level.",
            ),
            (
                'name = "X"\nevent = { read = 1 }',
                "currencies.x.event",
                'Is not a key that is known here. Did you mean "events"? '
                "Known are name, events, badges, levels, board, description, names.",
            ),
        ],
    )
    def test_with_its_key(self, table: str, key: str, says: str) -> None:
        assert refusals(f"[currencies.x]\n{table}") == [(key, says)]

    def test_every_currency_tells_its_own_beside_those_of_other_parts(self) -> None:
        text = (
            '[currencies.a]\nname = "A"\nevents = { none = 1 }\n[currencies.b]\nname = "B"\n'
            '[event_types.ask]\npoints = -1\n[currencies.c]\nname = "C"\nevents = { ask = 1 }\n' + COINS
        )
        assert [key for key, _ in refusals(text)] == ["currencies.a.events", "currencies.b", "event_types.ask.points"]

    def test_every_currency_names_its_line_whatever_is_wrong_with_it(self) -> None:
        text = (
            '[currencies.a]\nname = "A"\nbadges = { raeder = 1 }\n[currencies.b]\nname = "B"\nevents = { read = 0 }\n'
        )
        with pytest.raises(RulebookError) as caught:
            parse_rulebook(HEAD + text, "house.toml")
        first = HEAD.count("\n") + 1
        assert [(each.key, int(each.line)) for each in (caught.value, *caught.value.others)] == [
            ("currencies.a.badges", first + 2),
            ("currencies.b.events.read", first + 5),
        ]

    def test_a_currency_is_not_blamed_for_event_types_and_badges_that_are_lacking(self) -> None:
        with pytest.raises(RulebookError) as caught:
            parse_rulebook(HEAD.replace('icon = "R"\n', "") + COINS)
        assert [each.key for each in (caught.value, *caught.value.others)] == ["badges[0]"]
        with pytest.raises(RulebookError) as caught:
            parse_rulebook(
                HEAD.replace("event_types.read = { points = 1 }\nevent_types.write = { points = 3 }\n", "") + COINS
            )
        assert "currencies" not in str(caught.value)

    def test_more_than_twenty(self) -> None:
        many = "".join(f'[currencies.c{number}]\nname = "C"\nevents = {{ read = 1 }}\n' for number in range(21))
        assert refusals(many) == [("currencies", "Must have at most 20 entries.")]


class TestWhatIsTaken:
    RULES = parse_rulebook(HEAD + COINS)

    def test_it_is_read_and_written_again(self) -> None:
        again = Rulebook.of_json(self.RULES.as_json)
        assert (again.data, again.fingerprint) == (self.RULES.data, self.RULES.fingerprint)
        assert again.event_currencies == {"read": (("coins", 1),), "write": (("coins", 5),)}

    def test_it_changes_decisions_but_no_snapshots(self) -> None:
        plain = parse_rulebook(HEAD)
        assert plain.fingerprint != self.RULES.fingerprint
        assert plain.measures_version == self.RULES.measures_version
        for other in (COINS.replace("write = 5", "write = 6"), COINS.replace("reader = 20", "reader = 21")):
            assert parse_rulebook(HEAD + other).fingerprint != self.RULES.fingerprint
        # Names and levels decide nothing.
        for same in (COINS.replace('"Coins"', '"Gold"'), COINS.replace("[0, 10]", "[0, 20]")):
            assert parse_rulebook(HEAD + same).fingerprint == self.RULES.fingerprint

    def test_it_is_shown_in_words_and_in_its_languages(self) -> None:
        coins = self.RULES.currencies["coins"]
        assert currency_words(coins) == ("Coins", "read 1, write 5, badge reader 20", "yes", "no")
        assert [coins.name_in(each) for each in (None, "de", "fr")] == ["Coins", "Münzen", "Coins"]
        assert self.RULES.languages == {"de"}

    def test_a_difference_names_the_key(self) -> None:
        found = differences(self.RULES.data, parse_rulebook(HEAD + COINS.replace("write = 5", "write = 6")).data)
        assert [(each.key, each.was, each.becomes) for each in found] == [("currencies.coins.events.write", 5, 6)]
        [found] = differences(parse_rulebook(HEAD).data, self.RULES.data)
        assert (found.key, found.was) == ("currencies.coins", None)

    def test_the_schema_has_its_bounds(self) -> None:
        parts = msgspec.json.schema(RulebookData)["$defs"]
        assert parts["RulebookData"]["properties"]["currencies"]["additionalProperties"] == {"$ref": "#/$defs/Currency"}
        assert parts["Currency"]["properties"]["events"]["additionalProperties"]["minimum"] == 1
