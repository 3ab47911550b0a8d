"""A mapping that is wrong: every mistake at once, by its line and key, with what is meant where that is near."""

from __future__ import annotations

from pathlib import Path

import pytest

from laurels.cli.importing.mapping.loader import load_mapping, parse_mapping, text_of_kind
from laurels.cli.terminal import CommandFailed, MistakesFound
from laurels.rulebooks.loader import load_rulebook

GOOD = """[input]
format = "csv"
[userId]
column = "user"
[eventType]
column = "what"
[timestamp]
column = "at"
"""
ONE_GROUP = "Must have one group in brackets, the part that is taken; (?:...) groups without taking."


def mistakes(text: str) -> list[str]:
    with pytest.raises(MistakesFound) as found:
        parse_mapping(text, "mine.toml")
    return str(found.value).splitlines()


def test_all_mistakes_of_shape_are_named_at_once_with_the_nearest_names() -> None:
    text = """[input]
format = "cvs"
delimeter = ";"
[userID]
column = "user"
[eventType]
column = 5
unmapped = "skip"
[timestamp]
column = "at"
zone = 1
[metadata.score]
colum = "score"
type = "whole number"
"""
    found = mistakes(text)
    assert found == sorted(found, key=lambda line: int(line.split(":")[1]))
    for told in (
        'mine.toml:2: input.format: Must be one of csv, ndjson, json. Did you mean "csv"?',
        'mine.toml:3: input.delimeter: Is not a key that is known here. Did you mean "delimiter"?',
        'mine.toml:4: userID: Is not a key that is known here. Did you mean "userId"?',
        "mine.toml:7: eventType.column: Must be text, not a number.",
        "mine.toml:8: eventType.unmapped: Must be one of ",
        "mine.toml:11: timestamp.zone: Must be text, not a number.",
        'mine.toml:13: metadata.score.colum: Is not a key that is known here. Did you mean "column"?',
        "mine.toml:14: metadata.score.type: Must be one of ",
    ):
        assert any(line.startswith(told) for line in found), (told, found)


def test_all_mistakes_of_sense_are_named_at_once() -> None:
    text = """[input]
format = "csv"
columns = ["user", "what", "at", "user"]
rows = "a"
[userId]
column = "usr"
value = "x"
[eventType]
values = { a = "b" }
[timestamp]
column = "at"
format = ["%d.%m. %H:%M", "%Q", "%d %d %Y", "today", "%Y"]
zone = "Berlin"
[eventId]
column = "at"
patterns = ["(a", "(a)(b)", "a"]
[[pass_over]]
reason = "why"
column = "what"
values = ["a"]
empty = true
"""
    assert [line.removeprefix("mine.toml:") for line in mistakes(text)] == [
        '3: input.columns: Names "user" twice; rename one.',
        '4: input.rows: Must be the path of keys to the array, such as "data.events", '
        'with format = "json" and only there.',
        "5: userId: Must have exactly one of column, columns, first_of and value.",
        '5: userId: Reads the column "usr", which input.columns lacks. Did you mean "user"?',
        "8: eventType: Must have a column, rules, or a value that all rows have.",
        "9: eventType.values: Needs the column whose values these are.",
        "12: timestamp.format[0]: Says no year (%Y or %y), so a time in it may be of any.",
        "12: timestamp.format[1]: Has a sign after % that strptime does not know: 'Q' is a bad directive in format "
        "'%Q'.",
        "12: timestamp.format[2]: Names one part of a date twice.",
        '12: timestamp.format[3]: Must be "iso", "seconds", "milliseconds", or a format such as "%d.%m.%Y %H:%M".',
        "13: timestamp.zone: Must be the name of an IANA time zone, such as Europe/Lisbon.",
        "16: eventId.patterns[0]: Must be a regular expression of Python: missing ), unterminated subpattern at "
        "position 0.",
        f"16: eventId.patterns[1]: {ONE_GROUP}",
        f"16: eventId.patterns[2]: {ONE_GROUP}",
        "17: pass_over[0]: Must have exactly one of values, pattern and empty = true.",
    ]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (('column = "at"', 'column = "at"\nformat = "%d.%m.%Y"'), "7: timestamp: Lacks zone"),
        (('column = "at"', 'value = "soon"'), "8: timestamp.value: Must be an ISO 8601 time"),
        (('"csv"', '"json"'), "1: input.rows: Must be the path"),
        (('"csv"', '"ndjson"\nencoding = "utf-16"'), '3: input.encoding: Is for format = "csv"'),
        (('"csv"', '"csv"\ndelimiter = "\\""'), "3: input.delimiter: Must be a character such as"),
        (('column = "what"', 'column = "what"\nvalue = "login"'), "7: eventType.value: Is the type of all rows"),
        (('column = "what"', 'rules = [{ event = "login" }]'), "6: eventType.rules[0]: Must have when or matches"),
        (('column = "at"', 'column = "at"\n[eventId]\nvalue = "1"'), "10: eventId.value: Would be the id of every"),
        (('column = "user"', 'value = "u-17"\nhashed = true'), "3: userId: Has a value that is always the same"),
        (("[userId]", "[userId"), "3: Not valid TOML"),
        (('[userId]\ncolumn = "user"\n', ""), "1: userId: Lacks userId."),
    ],
)
def test_a_mistake_is_told_by_its_line_and_key(change: tuple[str, str], told: str) -> None:
    [found] = mistakes(GOOD.replace(*change))
    assert found.startswith(f"mine.toml:{told}")


def test_event_types_that_the_rulebook_does_not_declare_are_found_before_any_row_is() -> None:
    text = text_of_kind("table").replace('"code_run"', '"code_rum"').replace('"login"', '"sign_in"')
    mapping = parse_mapping(text, "mine.toml")
    with pytest.raises(MistakesFound) as found:
        mapping.check_types(load_rulebook().event_types)
    first, second, known = str(found.value).splitlines()
    assert first.endswith(
        'eventType.values."ran a program": Gives "code_rum", an event type that the rulebook does not declare. '
        'Did you mean "code_run"?'
    )
    assert 'eventType.values."signed in": Gives "sign_in"' in second
    assert known.startswith("The rulebook declares ai_debug, ")


def test_a_mapping_that_is_not_there_says_which_are(tmp_path: Path) -> None:
    with pytest.raises(CommandFailed, match=r'no kind of that name\. Did you mean "moodle-log"'):
        load_mapping("moodel-log")
    with pytest.raises(CommandFailed, match="cannot be read"):
        load_mapping(str(tmp_path))
    binary = tmp_path / "mine.toml"
    binary.write_bytes(b"\xff\xfe")
    with pytest.raises(CommandFailed, match="UTF-8"):
        load_mapping(str(binary))
    binary.write_bytes(b"#" * (2 << 20))
    with pytest.raises(CommandFailed, match="longer than 1 MiB"):
        load_mapping(str(binary))
