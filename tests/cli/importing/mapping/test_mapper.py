"""Rows to events: whatever the columns, their order and their values, each row is recorded, there already, rejected, or
passed over, and no row is two of these."""

from __future__ import annotations

import asyncio
import csv
import io
import json
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from laurels.cli.importing.mapping.loader import Mapping, load_mapping, parse_mapping
from laurels.cli.importing.mapping.mapping_file import TimeSource
from laurels.cli.importing.mapping.timestamps import instant_reader
from laurels.domain.periods import iso, to_ms
from tests.cli.importing.mapping.imports import Imported, checked

MAPPING = """
[input]
format = "csv"
delimiter = "{delimiter}"
nothing = ["NULL"]
[userId]
column = "who"
[eventType]
column = "what"
values = {{ run = "code_run", help = "ai_explain" }}
unmapped = "{unmapped}"
[eventId]
column = "number"
[timestamp]
column = "when"
format = "%d.%m.%Y %H:%M"
zone = "Europe/Berlin"
[metadata.codeLength]
column = "size"
type = "whole"
optional = true
[[pass_over]]
reason = "a test"
column = "who"
pattern = "^test"
"""


class Row(NamedTuple):
    """Cells of a row, and whether each can be taken."""

    who: tuple[str, bool]
    what: tuple[str, bool]
    when: tuple[str, bool]
    size: tuple[str, bool]


WHO = [("ada", True), (" bob ", True), ("test-1", True), ("", False), ("NULL", False), ("a\0b", False), ("=1+1", True)]
WHAT = [("run", True), ("help", True), ("look", False), ("code_run", False), ("", False)]
WHEN = [
    ("01.03.2026 10:00", True),
    ("2026-03-01", False),
    ("", False),
    ("32.01.2026 10:00", False),
    ("1.1.1969 9:00", False),
]
SIZE = [("", True), ("120", True), ("12,5", False), ("many", False), ("9" * 16, False)]
ROWS = st.lists(st.builds(Row, *(st.sampled_from(each) for each in (WHO, WHAT, WHEN, SIZE))), max_size=12)


@given(
    rows=ROWS,
    order=st.permutations(["who", "what", "when", "size", "number", "more, and; more"]),
    delimiter=st.sampled_from([",", ";", "|", "\t"]),
    unmapped=st.sampled_from(["reject", "pass over"]),
    more=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\n\0"), max_size=20),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_row_of_a_table_is_lost(
    tmp_path: Path, rows: list[Row], order: list[str], delimiter: str, unmapped: str, more: str
) -> None:
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter, lineterminator="\n")
    writer.writerow(order)
    for number, row in enumerate(rows):
        # The last row repeats the one before it, id and all.
        cells = {name: value for name, (value, _) in row._asdict().items()}
        writer.writerow([{**cells, "number": str(number), "more, and; more": more}[name] for name in order])
    table = tmp_path / "table.csv"
    table.write_text(text.getvalue(), "utf-8", newline="")
    mapping = parse_mapping(MAPPING.format(delimiter=delimiter.replace("\t", "\\t"), unmapped=unmapped), "mine.toml")
    done = asyncio.run(checked(table, mapping))

    is_test = [row.who[0].startswith("test") for row in rows]
    left_out = [test or (unmapped == "pass over" and not row.what[1]) for row, test in zip(rows, is_test, strict=True)]
    good = [all(can for _, can in row) for row in rows]
    recorded = sum(can and not out for can, out in zip(good, left_out, strict=True))
    assert done.counts == (recorded, 0, len(rows) - recorded - sum(left_out), sum(left_out))
    assert done.tally.rows == len(rows)
    assert done.tally.passed_over["a test"] == sum(is_test)
    unknown = sum(not row.what[1] and not test for row, test in zip(rows, is_test, strict=True))
    assert done.tally.unmapped.total() == unknown
    # Each reject is said by its line.
    assert len(done.reasons) == len(done.rejected)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**18), 10**18) | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
OBJECTS = st.fixed_dictionaries(
    {},
    optional={
        "id": st.text(max_size=5) | JSON,
        "type": st.sampled_from(["PushEvent", "PullRequestEvent", "WatchEvent"]) | JSON,
        "actor": st.fixed_dictionaries({"login": st.sampled_from(["u-17", "x[bot]"]) | JSON}) | JSON,
        "created_at": st.sampled_from(["2026-03-02T09:30:00Z", "2026-03-02 09:30"]) | JSON,
        "repo": JSON,
        "payload": JSON,
    },
)


@given(st.lists(OBJECTS | JSON, max_size=8))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_object_of_json_is_lost(tmp_path: Path, objects: list[Any]) -> None:
    file = tmp_path / "events.ndjson"
    file.write_text("".join(json.dumps(each) + "\n" for each in objects))
    # One that begins with a bracket would be an array of all of them.
    if objects and isinstance(objects[0], list):
        file.write_text(json.dumps(objects))
    done = asyncio.run(checked(file, load_mapping("github-events")))
    assert sum(done.counts) == done.tally.rows == len(objects)


TABLE = 'who;what;number;when;size\nada;run;1;01.03.2026 10:00;"12"\n'


def mapping(**changes: str) -> Mapping:
    """The mapping of TABLE, with parts of its text replaced."""
    text = MAPPING.format(delimiter=";", unmapped="reject")
    for old, new in changes.items():
        text = text.replace(f"[{old}]\n", new)
    return parse_mapping(text, "mine.toml")


async def events(tmp_path: Path, content: str | bytes, given: Mapping) -> Imported:
    file = tmp_path / "file"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return await checked(file, given)


async def test_an_instant_without_an_offset_is_of_the_zone_of_the_mapping(tmp_path: Path) -> None:
    # In summer and in winter.
    lines = TABLE + "ada;run;2;01.07.2025 10:00;\n"
    done = await events(tmp_path, lines, mapping())
    found = [json.loads(sample.event)["timestamp"] for sample in done.tally.samples]
    assert found == ["2026-03-01T09:00:00Z", "2025-07-01T08:00:00Z"]


@pytest.mark.parametrize(
    ("time", "text", "expected"),
    [
        (TimeSource(column="a", format="seconds"), "1772442900", "2026-03-02T09:15:00.000Z"),
        (TimeSource(column="a", format="seconds"), "1772442900.25", "2026-03-02T09:15:00.250Z"),
        (TimeSource(column="a", format="milliseconds"), "1772442900007", "2026-03-02T09:15:00.007Z"),
        (TimeSource(column="a"), "2026-03-02T10:15:00+01:00", "2026-03-02T09:15:00.000Z"),
        (TimeSource(column="a", zone="America/New_York"), "2026-03-02 04:15", "2026-03-02T09:15:00.000Z"),
        (
            TimeSource(column="a", format="%d/%m/%y, %H:%M:%S", zone="UTC"),
            "2/03/26, 09:15:00",
            "2026-03-02T09:15:00.000Z",
        ),
        (TimeSource(column="a", format=["%Y", "%d %b %Y"], zone="UTC"), "2 Mar 2026", "2026-03-02T00:00:00.000Z"),
        # Of an hour that comes twice the first is meant.
        (TimeSource(column="a", zone="Europe/Berlin"), "2025-10-26T02:30", "2025-10-26T00:30:00.000Z"),
    ],
)
def test_instants_are_read_in_the_format_that_is_named(time: TimeSource, text: str, expected: str) -> None:
    assert iso(to_ms(instant_reader(time)(text))) == expected


async def test_without_an_id_a_row_goes_by_its_line(tmp_path: Path) -> None:
    given = mapping(eventId="[metadata.number]\n")
    done = await events(tmp_path, TABLE + TABLE.splitlines()[1] + "\n", given)
    assert done.counts == (2, 0, 0, 0)
    assert "eventId" not in json.loads(done.tally.samples[0].event)


async def test_ids_may_be_joined_hashed_and_have_a_prefix(tmp_path: Path) -> None:
    given = mapping(eventId='[eventId]\ncolumns = ["who", "number"]\nprefix = "x:"\n[metadata.id]\n')
    done = await events(tmp_path, TABLE, given)
    assert json.loads(done.tally.samples[0].event)["eventId"] == "x:ada-1"
    given = mapping(eventId='[eventId]\ncolumns = ["who", "when"]\nhashed = true\n[metadata.id]\n')
    done = await events(tmp_path, TABLE, given)
    assert len(json.loads(done.tally.samples[0].event)["eventId"]) == 32


async def test_rules_look_at_several_columns_and_the_first_that_fits_counts(tmp_path: Path) -> None:
    rules = (
        '[eventType]\nrules = [{ event = "login", when = { what = "run", size = ["12", "13"] } }, '
        '{ event = "ai_debug", matches = { what = "^(run|help)$" } }]\n'
    )
    lines = TABLE + "ada;run;2;01.03.2026 10:01;14\nada;look;3;01.03.2026 10:02;\n"
    done = await events(tmp_path, lines, mapping(eventType=rules))
    assert [json.loads(sample.event)["eventType"] for sample in done.tally.samples] == ["login", "ai_debug"]
    assert done.counts == (2, 0, 1, 0)
    assert dict(done.tally.unmapped) == {"look": 1}


async def test_an_array_within_a_document_is_found_by_its_path(tmp_path: Path) -> None:
    text = """
    [input]
    format = "json"
    rows = "data.events"
    [userId]
    column = "user.id"
    [eventType]
    column = "type"
    [timestamp]
    column = "at"
    format = "milliseconds"
    [metadata.tags]
    column = "tags"
    """
    event = {"user": {"id": 17}, "type": "code_run", "at": 1772442900007, "tags": ["a", {"b": None}]}
    document = {"events": [0], "data": {"a": [{"events": [1]}], "b": '"events":[', "events": [event]}, "more": "x"}
    given = parse_mapping(text, "mine.toml")
    done = await events(tmp_path, json.dumps(document), given)
    assert done.counts == (1, 0, 0, 0)
    assert json.loads(done.tally.samples[0].event) == {
        "eventType": "code_run",
        "userId": "17",
        "timestamp": "2026-03-02T09:15:00.007000Z",
        "metadata": {"tags": ["a", {"b": None}]},
    }
