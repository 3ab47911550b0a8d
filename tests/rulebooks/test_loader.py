"""Whoever writes a rulebook by hand is told which line is wrong and why, and nothing wrong is loaded."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import pytest

from laurels.errors import RulebookError
from laurels.rulebooks.loader import line_of, lines_of, load_rulebook, parse_rulebook

# Everything stands on a line that the tests below name, so each is one line.
GOOD = """\
name = "house"
description = "[[badges]] in a text is no header"

[levels]
kind = "table"
starts = [0, 10, 30]

[boards]
zone = "Europe/Zurich"

# [[badges]]
[event_types.read]
points = 1

[event_types."write"]
points = 2
bonuses = [
  { field = "length", above = 10, points = 1 },
  { field = "length", above = 20, points = 1 },
]

[[badges]]
id = "reader"
name = "Reader"
description = '''
Read
once.'''
icon = "R"
category = "learning"
rarity = "common"
points = 5
criterion = { kind = "count", event = "read", target = 1 }

[[badges]]
id = "writer"
name = "Writer"
description = "Write ten pages as an editor, or for two days in a row."
icon = "W"
category = "coding"
rarity = "rare"
points = 5

[badges.criterion]
kind = "any"
of = [
  { kind = "streak", target = 2 },
  { kind = "sum", event = "write", field = "length", where = { "metadata.role" = "editor" }, target = 10 },
]
"""
READER = 'criterion = { kind = "count", event = "read", target = 1 }'
READER_LINE = 32


def refusal(text: str) -> RulebookError:
    with pytest.raises(RulebookError) as caught:
        parse_rulebook(text, "house.toml")
    return caught.value


def refusal_with(old: str, new: str) -> RulebookError:
    assert GOOD.count(old) == 1
    return refusal(GOOD.replace(old, new))


def refusal_of(criterion: str) -> RulebookError:
    """What is said of a criterion that stands in the place of the reader's."""
    return refusal_with(READER, f"criterion = {{ {criterion} }}")


class TestWhatIsRead:
    def test_a_good_text_is_taken(self) -> None:
        rulebook = parse_rulebook(GOOD)
        assert [badge.id for badge in rulebook.badges] == ["reader", "writer"]
        assert rulebook.board_zone == "Europe/Zurich"

    def test_a_file_is_read_by_its_path(self, tmp_path: Path) -> None:
        path = tmp_path / "house.toml"
        path.write_text(GOOD, "utf-8")
        assert load_rulebook(path).fingerprint == parse_rulebook(GOOD).fingerprint
        assert load_rulebook(str(path)).measures_version == parse_rulebook(GOOD).measures_version

    def test_the_built_in_one_is_the_default(self) -> None:
        assert load_rulebook().fingerprint == load_rulebook("coding").fingerprint

    def test_a_missing_file_names_its_path_and_what_is_built_in(self, tmp_path: Path) -> None:
        with pytest.raises(RulebookError, match=r"absent\.toml: No such file, .* \(coding, school\)"):
            load_rulebook(tmp_path / "absent.toml")

    def test_what_is_no_text_names_its_path(self, tmp_path: Path) -> None:
        (tmp_path / "house.toml").write_bytes(b"name = '\xff'")
        with pytest.raises(RulebookError, match=r"house\.toml: Must be UTF-8 text"):
            load_rulebook(tmp_path / "house.toml")
        with pytest.raises(RulebookError, match="Cannot be read"):
            load_rulebook(tmp_path)

    @pytest.mark.parametrize(
        ("text", "line"), [("name = 'a'\n= 2\n", 2), ("name = 'a'\n\nname = 'b'", 3), ("name = 'a'\n[levels", 2)]
    )
    def test_what_is_not_toml_names_the_line(self, text: str, line: int) -> None:
        error = refusal(text)
        assert error.where == f"house.toml:{line}"
        assert "Not valid TOML" in str(error)


class TestAllMistakes:
    def test_each_badge_and_table_tells_its_own_in_the_order_of_the_file(self) -> None:
        text = GOOD.replace("points = 1\n\n", "points = -1\n\n").replace('id = "reader"', 'id = "a/b"')
        text = text.replace('rarity = "rare"', 'rarity = "odd"')
        error = refusal(f"colour = 1\n{text}")
        found = [error, *error.others]
        assert [each.key for each in found] == ["colour", "event_types.read.points", "badges[0].id", "badges[1].rarity"]
        lines = [int(each.where.rpartition(":")[2]) for each in found]
        assert lines == sorted(lines)
        assert str(error).splitlines() == [f"{each.where}: {each.key}: {each.detail}" for each in found]

    def test_a_part_tells_all_of_its_own_beside_what_makes_no_sense_elsewhere(self) -> None:
        text = GOOD.replace('kind = "table"', 'kind = "tabel"').replace('rarity = "rare"', 'rarity = "raer"\nhue = 1')
        text = text.replace(READER, 'criterion = { kind = "count", event = "reed", target = 1 }')
        error = refusal(text)
        found = {each.key: each.detail for each in (error, *error.others)}
        assert list(found) == ["levels.kind", "badges[0].criterion", "badges[1].rarity", "badges[1].hue"]
        assert 'Did you mean "table"? Known are quadratic, table.' in found["levels.kind"]
        assert found["badges[1].rarity"].endswith('Did you mean "rare"?')
        assert "Known are id, name, description" in found["badges[1].hue"]

    def test_a_badge_that_counts_others_is_not_blamed_for_their_mistakes(self) -> None:
        text = GOOD.replace('rarity = "rare"', 'rarity = "odd"')
        text = text.replace(READER, 'criterion = { kind = "badges", target = 1 }')
        error = refusal(text)
        assert [each.key for each in (error, *error.others)] == ["badges[1].rarity"]

    def test_what_makes_no_sense_is_told_of_every_badge(self) -> None:
        text = GOOD.replace('id = "writer"', 'id = "reader"').replace("Europe/Zurich", "Europe/Atlantis")
        error = refusal(text)
        assert [each.key for each in (error, *error.others)] == ["boards.zone", "badges[1].id"]


class TestWrongShape:
    """Each case: what is changed, the line and the key that are named, and a part of the reason."""

    @pytest.mark.parametrize(
        ("old", "new", "line", "key", "reason"),
        [
            ('name = "house"', 'nam = "house"', 1, "nam", "not a key"),
            ('name = "house"', 'name = "My House"', 1, "name", "lower-case"),
            ('kind = "table"', 'kind = "cubic"', 5, "levels.kind", "not a kind"),
            ("[0, 10, 30]", '[0, "10", 30]', 6, "levels.starts[1]", "whole number"),
            ('zone = "Europe/Zurich"', "zone = 1", 9, "boards.zone", "Must be text"),
            ("points = 1\n\n", "points = -1\n\n", 13, "event_types.read.points", "at least 0"),
            ("points = 1\n\n", "point = 1\n\n", 13, "event_types.read.point", "not a key"),
            ("points = 1\n\n", "\n", 12, "event_types.read", "Lacks points"),
            ("points = 1\n\n", "points = 1\nmax_per_day = -1\n", 14, "event_types.read.max_per_day", "at least 1"),
            ("points = 1\n\n", "points = 1\nmax_per_day = 0\n", 14, "event_types.read.max_per_day", "at least 1"),
            (
                "points = 1\n\n",
                "points = 1\nmax_points_per_day = 0\n",
                14,
                "event_types.read.max_points_per_day",
                "at least 1",
            ),
            ("points = 1\n\n", "points = 1\ncooldown = 86401\n", 14, "event_types.read.cooldown", "at most 86400"),
            ("points = 1\n\n", "points = 1\ncooldown = 1.5\n", 14, "event_types.read.cooldown", "whole number"),
            ("points = 1\n\n", "points = 1\ndaily_limit = 1\n", 14, "event_types.read.daily_limit", "not a key"),
            ("[event_types.read]", "[event_types.Read]", 12, "event_types.Read", "lower-case"),
            ('."write"', '."write it"', 15, 'event_types."write it"', "lower-case"),
            ("above = 20,", "", 19, "event_types.write.bonuses[1]", "Lacks above"),
            ("above = 20", 'above = "x"', 19, "event_types.write.bonuses[1].above", "Must be a number"),
            # What JSON cannot hold would be published and read by nobody.
            ("above = 20", "above = inf", 19, "event_types.write.bonuses[1].above", "finite"),
            ("above = 20", "above = nan", 19, "event_types.write.bonuses[1].above", "finite"),
            ('= "editor"', "= -inf", 47, "badges[1].criterion.of[1].where", "finite"),
            ('= "editor"', "= { max = inf }", 47, "badges[1].criterion.of[1].where", "finite"),
            ('= "editor"', f"= [1, {10**30}]", 47, "badges[1].criterion.of[1].where", "whole number from"),
            ('id = "reader"', 'id = "a/b"', 23, "badges[0].id", "lower-case"),
            ('icon = "R"\n', "", 22, "badges[0]", "Lacks icon"),
            ('rarity = "rare"', 'rarity = "odd"', 40, "badges[1].rarity", "Must be one of common"),
            ('kind = "any"', 'kind = "some"', 44, "badges[1].criterion.kind", "not a kind"),
            ("target = 2 }", "target = 0 }", 46, "badges[1].criterion.of[0].target", "at least 1"),
            ("target = 2 }", "goal = 2 }", 46, "badges[1].criterion.of[0].goal", "not a key"),
            (
                '= "editor"',
                "= { top = 1 }",
                47,
                'badges[1].criterion.of[1].where."metadata.role".top',
                "not a key",
            ),
        ],
    )
    def test_it_names_file_line_and_key(self, old: str, new: str, line: int, key: str, reason: str) -> None:
        error = refusal_with(old, new)
        assert (error.where, error.key) == (f"house.toml:{line}", key)
        assert reason in error.detail
        assert str(error).splitlines()[0] == f"house.toml:{line}: {key}: {error.detail}"

    def test_a_missing_table_is_named(self) -> None:
        error = refusal('name = "bare"\n')
        assert error.where == "house.toml:1"
        assert "Lacks" in error.detail


class TestNoSense:
    def test_a_badge_id_stands_only_once(self) -> None:
        error = refusal_with('id = "writer"', 'id = "reader"')
        assert (error.where, error.key) == ("house.toml:35", "badges[1].id")
        assert "'reader' is used twice" in error.detail

    def test_the_zone_of_the_boards_exists(self) -> None:
        error = refusal_with("Europe/Zurich", "Europe/Atlantis")
        assert (error.where, error.key) == ("house.toml:9", "boards.zone")

    @pytest.mark.parametrize("starts", ["[1, 10]", "[0, 10, 10]", "[0, 20, 10]"])
    def test_a_table_of_levels_begins_with_zero_and_rises(self, starts: str) -> None:
        error = refusal_with("[0, 10, 30]", starts)
        assert (error.where, error.key) == ("house.toml:6", "levels.starts")

    def test_no_badge_asks_for_a_level_past_the_last(self) -> None:
        assert parse_rulebook(GOOD.replace(READER, 'criterion = { kind = "level", target = 3 }'))
        error = refusal_of('kind = "level", target = 4')
        assert (error.where, error.key) == (f"house.toml:{READER_LINE}", "badges[0].criterion.target")
        nested = refusal_with('kind = "streak", target = 2', 'kind = "level", target = 4')
        assert (nested.where, nested.key) == ("house.toml:46", "badges[1].criterion.of[0].target")


class TestUnreachable:
    @pytest.mark.parametrize(
        ("criterion", "reason"),
        [
            ('kind = "count", event = "reed", target = 1', "event type 'reed' is not declared"),
            ('kind = "count", event = ["read", "reed"], target = 1', "event type 'reed' is not declared"),
            ('kind = "count", event = [], target = 1', "the list of event types is empty"),
            ('kind = "count", where = { role = [] }, target = 1', "the list of values for 'role' is empty"),
            ('kind = "count", where = { n = { min = 2, max = 1 } }, target = 1', "the range for 'n' is empty"),
            ('kind = "count", where = { n = {} }, target = 1', "has neither min nor max"),
            ('kind = "count", where = { hour = 24 }, target = 1', "'hour' runs from 0 to 23"),
            ('kind = "count", where = { hour = true }, target = 1', "'hour' runs from 0 to 23"),
            ('kind = "count", where = { weekday = 0 }, target = 1', "'weekday' runs from 1 to 7"),
            ('kind = "count", where = { weekday = [0, 8] }, target = 1', "'weekday' runs from 1 to 7"),
            ('kind = "count", where = { weekday = { min = 7.5 } }, target = 1', "'weekday' runs from 1 to 7"),
            ('kind = "count", where = { day = 5 }, target = 1', "'day' cannot stand in a condition"),
            ('kind = "sum", field = "hour", target = 1', "'hour' is no amount to add up"),
            ('kind = "sum", field = "n", where = { n = "x" }, target = 1', "lets no positive number through"),
            ('kind = "sum", field = "n", where = { n = { max = 0 } }, target = 1', "lets no positive number through"),
            ('kind = "distinct", field = "hour", target = 25', "at most 24 values"),
            ('kind = "distinct", field = "weekday", where = { weekday = [6, 7] }, target = 3', "at most 2 values"),
            ('kind = "distinct", field = "weekday", per = "day", target = 2', "at most 1 values"),
            ('kind = "distinct", field = "day", per = "day", target = 2', "at most 1 values"),
            ('kind = "distinct", field = "day", per = "week", target = 8', "at most 7 values"),
            ('kind = "distinct", field = "day", per = "month", target = 32', "at most 31 values"),
            ('kind = "distinct", field = "week", per = "month", target = 7', "at most 6 values"),
            ('kind = "distinct", field = "month", per = "week", target = 3', "at most 2 values"),
            ('kind = "distinct", field = "month", per = "month", target = 2', "at most 1 values"),
            ('kind = "distinct", field = "n", where = { n = ["a", "b"] }, target = 3', "at most 2 values"),
            ('kind = "distinct", field = "n", where = { n = "a" }, target = 2', "at most 1 values"),
            ('kind = "level", target = 1', "everyone begins at this level"),
            ('kind = "badges", target = 2', "more badges"),
            ('kind = "badges", category = "social", target = 1', "more badges"),
            ('kind = "badges", category = "coding", rarity = "common", target = 1', "more badges"),
        ],
    )
    def test_what_no_events_could_meet_is_refused(self, criterion: str, reason: str) -> None:
        error = refusal_of(criterion)
        assert (error.where, error.key) == (f"house.toml:{READER_LINE}", "badges[0].criterion")
        assert error.detail.startswith("Can never be met: ")
        assert reason in error.detail

    @pytest.mark.parametrize(
        "criterion",
        [
            'kind = "count", event = ["read", "write"], target = 1',
            'kind = "count", where = { hour = 23, weekday = { max = 1 } }, target = 1',
            'kind = "sum", field = "n", where = { n = { max = 0.5 } }, target = 1',
            'kind = "distinct", field = "hour", target = 24',
            'kind = "distinct", field = "hour", per = "day", target = 24',
            'kind = "distinct", field = "weekday", per = "week", target = 7',
            'kind = "distinct", field = "day", per = "month", target = 31',
            'kind = "distinct", field = "week", per = "month", target = 6',
            'kind = "distinct", field = "month", per = "week", target = 2',
            'kind = "distinct", field = "day", target = 1000',
            'kind = "level", target = 2',
            'kind = "badges", target = 1',
            'kind = "badges", category = "coding", rarity = "rare", target = 1',
        ],
    )
    def test_what_lies_just_within_reach_is_taken(self, criterion: str) -> None:
        assert parse_rulebook(GOOD.replace(READER, f"criterion = {{ {criterion} }}"))

    def test_a_part_that_cannot_be_met_is_named_itself(self) -> None:
        error = refusal_with('event = "write"', 'event = "wriet"')
        assert (error.where, error.key) == ("house.toml:47", "badges[1].criterion.of[1]")

    def test_two_badges_cannot_wait_for_each_other(self) -> None:
        waiting = GOOD.replace(READER, 'criterion = { kind = "badges", category = "coding", target = 1 }')
        waiting = waiting[: waiting.index("[badges.criterion]")]
        error = refusal(waiting + 'criterion = { kind = "badges", category = "learning", target = 1 }\n')
        assert (error.where, error.key) == (f"house.toml:{READER_LINE}", "badges[0].criterion")

    def test_points_that_nothing_pays_are_out_of_reach(self) -> None:
        text = GOOD.replace("points = 1 }", "points = 0 }").replace("points = 1\n", "points = 0\n")
        text = text.replace("points = 2\n", "points = 0\n").replace('kind = "count", event = "read"', 'kind = "points"')
        # The other badge pays 5, and only those.
        assert parse_rulebook(text.replace('"points", target = 1', '"points", target = 5'))
        error = refusal(text.replace('"points", target = 1', '"points", target = 6'))
        assert (error.where, error.key) == (f"house.toml:{READER_LINE}", "badges[0].criterion")
        assert "no badge pays points" in refusal(text.replace("points = 5\n", "points = 0\n")).detail


class TestLineOf:
    @pytest.mark.parametrize(
        ("key", "line"),
        [
            ("", 1),
            ("no_such_key", 1),
            ("levels.starts", 6),
            ("event_types.write.bonuses[1].above", 19),
            ("badges[0].description", 25),
            ("badges[1]", 34),
            ("badges[1].criterion", 43),
            ("badges[1].criterion.of[1].field", 47),
            ("badges[1].no_such_key", 34),
        ],
    )
    def test_it_finds_the_key_or_what_encloses_it(self, key: str, line: int) -> None:
        assert line_of(lines_of(GOOD), key) == line

    def test_the_text_may_end_its_lines_as_it_likes(self) -> None:
        assert line_of(lines_of(GOOD.replace("\n", "\r\n")), "badges[1].criterion.of[1]") == 47
        assert line_of(lines_of("a = 1\nb.c = 1.5"), "b.c") == 2

    def test_every_key_of_the_built_in_rulebook_is_found(self) -> None:
        text = files("laurels.rulebooks").joinpath("coding.toml").read_text("utf-8")
        lines = lines_of(text)
        for number, badge in enumerate(load_rulebook().badges):
            line = text.splitlines()[line_of(lines, f"badges[{number}].id") - 1]
            assert line == f'id = "{badge.id}"'


@pytest.mark.parametrize(
    "text",
    [
        "[" + ".".join(["a"] * 200_000) + "]",
        " . ".join(["'a b'"] * 100_000) + " = 1",
        "a = " + "[" * 100_000,
        "a = " + "9" * 100_000,
    ],
    ids=["a key of many parts", "quoted parts", "nested lists", "a long number"],
)
@pytest.mark.timeout(20)
def test_what_would_take_the_parser_minutes_or_its_stack_is_refused(text: str) -> None:
    with pytest.raises(RulebookError):
        parse_rulebook(text)
