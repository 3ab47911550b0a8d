"""What a rulebook may say of boosts, what of it is refused, and how it is told."""

from __future__ import annotations

import msgspec
import pytest

from laurels.cli.rulebook.words import boost_words
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
"""
DAYS = "from = 2026-12-01\nuntil = 2026-12-24\n"
ADVENT = f'[boosts.advent]\nfactor = 1.25\n{DAYS}event = ["write", "read"]\ndescription = "More in Advent."\n'


def refusals(text: str) -> list[tuple[str, str]]:
    """The keys that are wrong, and why."""
    with pytest.raises(RulebookError) as caught:
        parse_rulebook(HEAD + text, "house.toml")
    return [(each.key, each.detail) for each in (caught.value, *caught.value.others)]


class TestWhatIsRefused:
    @pytest.mark.parametrize(
        ("table", "key", "says"),
        [
            (f"factor = 1\n{DAYS}", "boosts.x.factor", "Must be more than 1.0."),
            (f"factor = 100.001\n{DAYS}", "boosts.x.factor", "Must be at most 100.0."),
            (f"factor = inf\n{DAYS}", "boosts.x.factor", "Must be at most 100.0."),
            (f"factor = nan\n{DAYS}", "boosts.x.factor", "Must be more than 1.0."),
            (f'factor = "2"\n{DAYS}', "boosts.x.factor", "Must be a number, not text."),
            (f"factor = 1.2345\n{DAYS}", "boosts.x.factor", "Must have at most three decimals, such as 1.25."),
            (DAYS, "boosts.x", "Lacks factor."),
            ("factor = 2\nfrom = 2026-12-01", "boosts.x", "Lacks until."),
            ("factor = 2\nfrom = 2026-12-02\nuntil = 2026-12-01", "boosts.x.until", "Must not be before from."),
            (
                "factor = 2\nfrom = 2026-12-02T18:00:00Z\nuntil = 2026-12-03",
                "boosts.x.from",
                "Must be a date, such as 2026-03-01.",
            ),
            (
                f'factor = 2\n{DAYS}event = "raed"',
                "boosts.x.event",
                "There is no event type 'raed'. Did you mean \"read\"? Known are read, write.",
            ),
            (
                f'factor = 2\n{DAYS}event = ["write", "reed"]',
                "boosts.x.event",
                "There is no event type 'reed'. Did you mean \"read\"? Known are read, write.",
            ),
            (
                f"factor = 2\n{DAYS}where = {{ hour = 3 }}",
                "boosts.x.where",
                "Cannot ask for hour: a boost goes by its days. Write metadata.hour for a field of that name.",
            ),
            (
                f"factor = 2\n{DAYS}where = {{ size = {{ min = inf }} }}",
                "boosts.x.where",
                "Must be a finite number; leave a bound out where there is none.",
            ),
            (
                f"factor = 2\n{DAYS}event = []",
                "boosts.x.event",
                "Names no event type; leave it out where all pay more.",
            ),
            (
                f'factor = 2\n{DAYS}events = "read"',
                "boosts.x.events",
                'Is not a key that is known here. Did you mean "event"? '
                "Known are factor, from, until, event, where, description.",
            ),
        ],
    )
    def test_with_its_key(self, table: str, key: str, says: str) -> None:
        assert refusals(f"[boosts.x]\n{table}") == [(key, says)]

    def test_a_name_that_is_used_twice_with_its_line(self) -> None:
        with pytest.raises(RulebookError, match=r"house\.toml:\d+: Not valid TOML: Cannot declare .*'advent'.* twice"):
            parse_rulebook(HEAD + ADVENT + ADVENT, "house.toml")

    def test_names_that_are_none_and_tables_without_names(self) -> None:
        [(key, says)] = refusals(f'[boosts."New Year"]\nfactor = 2\n{DAYS}')
        assert (key, says.startswith("Must be of lower-case letters")) == ('boosts."New Year"', True)
        unnamed = "Must be tables that have names, such as [boosts.one], not a list."
        assert refusals(f"[[boosts]]\nfactor = 2\n{DAYS}") == [("boosts", unnamed)]

    def test_more_than_a_hundred(self) -> None:
        many = "".join(f"[boosts.b{number}]\nfactor = 2\n{DAYS}" for number in range(101))
        assert refusals(many) == [("boosts", "Must have at most 100 entries.")]

    def test_every_boost_tells_its_own_beside_those_of_other_parts(self) -> None:
        text = (
            f"[boosts.a]\nfactor = 0\n{DAYS}[boosts.b]\nfactor = 2\nfrom = 2026-12-02\nuntil = 2026-12-01\n"
            f'[boosts.c]\nfactor = 1.00001\n{DAYS}[boosts.d]\nfactor = 3\n{DAYS}event = "none"\n'
            '[event_types.ask]\npoints = -1\n[boosts.e]\nfactor = 3\nevent = "ask"\n' + DAYS
        )
        assert [key for key, _ in refusals(text)] == [
            "boosts.a.factor",
            "boosts.b.until",
            "boosts.c.factor",
            "boosts.d.event",
            "event_types.ask.points",
        ]

    def test_a_boost_is_not_blamed_for_event_types_that_are_lacking(self) -> None:
        with pytest.raises(RulebookError) as caught:
            parse_rulebook(f"{HEAD.partition('event_types')[0]}{ADVENT}")
        assert [each.key for each in (caught.value, *caught.value.others)] == ["event_types"]


class TestWhatIsTaken:
    RULES = parse_rulebook(HEAD + ADVENT)

    def test_it_is_read_and_written_again(self) -> None:
        again = Rulebook.of_json(self.RULES.as_json)
        assert (again.data, again.fingerprint) == (self.RULES.data, self.RULES.fingerprint)
        assert again.boosts == self.RULES.boosts
        # The order of the file is none: what is stored has lost it.
        more = f"[boosts.xmas]\nfactor = 3\n{DAYS}"
        assert parse_rulebook(HEAD + ADVENT + more).fingerprint == parse_rulebook(HEAD + more + ADVENT).fingerprint

    def test_a_whole_number_and_thousandths_are_factors(self) -> None:
        for factor in ("2", "100", "1.001", "1.125", "33.333"):
            assert parse_rulebook(HEAD + ADVENT.replace("1.25", factor))

    def test_a_cohort_is_told_in_words(self) -> None:
        asked = ADVENT + 'where = { course = ["bio", "chem"], year = { min = 2 } }\n'
        rules = parse_rulebook(HEAD + asked)
        [boost] = rules.data.boosts.values()
        assert boost_words(boost)[1] == "write, read with course bio or chem, year from 2"
        assert (
            Rulebook.of_json(parse_rulebook(HEAD + asked).as_json).fingerprint
            == parse_rulebook(HEAD + asked).fingerprint
        )

    def test_a_difference_names_the_boost(self) -> None:
        after = parse_rulebook(HEAD + ADVENT.replace("1.25", "1.5").replace("2026-12-24", "2026-12-26")).data
        assert [(each.key, each.was, each.becomes) for each in differences(self.RULES.data, after)] == [
            ("boosts.advent.factor", 1.25, 1.5),
            ("boosts.advent.until", "2026-12-24", "2026-12-26"),
        ]
        [found] = differences(parse_rulebook(HEAD).data, self.RULES.data)
        assert (found.key, found.was) == ("boosts.advent", None)

    def test_in_words(self) -> None:
        boost = self.RULES.data.boosts["advent"]
        assert boost_words(boost) == ("1.25", "write, read", "2026-12-01 to 2026-12-24")
        assert boost_words(msgspec.structs.replace(boost, event=None, factor=2.0))[:2] == ("2", "all")

    def test_the_schema_has_its_bounds(self) -> None:
        parts = msgspec.json.schema(RulebookData)["$defs"]
        assert parts["RulebookData"]["properties"]["boosts"]["additionalProperties"] == {"$ref": "#/$defs/Boost"}
        boost = parts["Boost"]
        assert boost["required"] == ["factor", "from", "until"]
        assert boost["properties"]["from"]["format"] == "date"
        factor = boost["properties"]["factor"]
        assert (factor["exclusiveMinimum"], factor["maximum"]) == (1, 100)
