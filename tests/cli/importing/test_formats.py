"""Inputs that hold no events: each is told what it is, and what to do."""

from __future__ import annotations

import gzip
import io
import json
import os
import re
import tracemalloc
from pathlib import Path
from typing import cast

import pytest

from laurels.cli.importing import formats
from laurels.cli.importing.command import name_of
from laurels.cli.importing.dry_run import DryWorker
from laurels.cli.importing.formats import Format
from laurels.cli.importing.input_lines import InputFailed, open_lines
from laurels.cli.importing.pipeline import ImportPipeline
from laurels.cli.importing.rejects import Rejects
from laurels.cli.importing.source_lines import SourceLines
from laurels.cli.importing.worker_tasks import Share, Taken, read_share
from laurels.cli.terminal import CommandFailed
from laurels.domain.imported_lines import ImportedLines
from laurels.rulebooks.loader import load_rulebook
from tests.cli.conftest import Run


@pytest.mark.parametrize(
    ("content", "form", "told"),
    [
        (b"PK\x03\x04 and so on", "ndjson", "spreadsheet"),
        ("userId".encode("utf-16"), "ndjson", "UTF-16"),
        ("userId,eventType".encode("utf-16-le"), "csv", "UTF-16"),
        ("userId,eventType".encode("utf-16-be"), "csv", "UTF-16"),
        (b"PK\x03\x04 and so on", "csv", "spreadsheet"),
        (b"SQLite format 3\x00 and so on", "ndjson", "SQLite"),
        (b"-- MySQL dump\nINSERT INTO events VALUES (1);\n", "ndjson", "SQL dump"),
        (b"userId,eventType\nada,code_run\n", "ndjson", "--format csv"),
        (b'[{"userId": "ada"', "ndjson", "array but ends before its last bracket"),
        (b'[{"userId": "ada"}, , {"userId": "bob"}]', "ndjson", "array but lacks an element beside a comma"),
        (b'[{"userId": "ada"},]', "ndjson", "array but lacks an element beside a comma"),
        (b'[{"userId": "ada"}}', "ndjson", "array but is none"),
        (b'[{"userId": "ada"}]\n[]', "ndjson", "array but is none"),
        (b"userId,eventTyp\nada,code_run\n", "csv", "Did you mean eventType?"),
        (b"userId,points,eventType\n", "csv", "points"),
        (b"userId\nada\n", "csv", "lacks the column eventType"),
        (b"userId,userId,eventType\n", "csv", "twice"),
        (b"userId;eventType\nada;code_run\n", "csv", "has semicolons between its columns; save it with commas."),
        (b"userId\teventType\nada\tcode_run\n", "csv", "has tabs between its columns"),
        (b"userId,eventType\n\xff\xfe,code_run\n", "csv", "UTF-8"),
    ],
)
async def test_what_holds_no_events_is_said_clearly(tmp_path: Path, content: bytes, form: Format, told: str) -> None:
    given = tmp_path / "given"
    given.write_bytes(content)
    with open_lines(str(given), form) as lines, pytest.raises(InputFailed, match=re.escape(told)) as refused:
        [chunk async for chunk in lines.chunks()]
    assert str(refused.value).startswith(f"{given} ")


@pytest.mark.parametrize("piece", [b"a", b"\n", b'","'], ids=["one cell", "lines in a cell", "cells"])
async def test_a_row_without_an_end_is_not_gathered(tmp_path: Path, piece: bytes) -> None:
    table = tmp_path / "table.csv"
    table.write_bytes(b'userId,eventType\nada,"' + piece * (16_000_000 // len(piece)))
    tracemalloc.start()
    try:
        with open_lines(str(table), "csv") as lines, pytest.raises(InputFailed, match=r"row of more than|field larger"):
            [chunk async for chunk in lines.chunks()]
        assert tracemalloc.get_traced_memory()[1] < 14_000_000
    finally:
        tracemalloc.stop()


def test_of_an_array_no_more_is_read_than_its_next_elements_need() -> None:
    given = io.BytesIO(b"[" + b"0," * 2_000_000)
    elements = formats.lines_of_array(io.BufferedReader(cast("io.RawIOBase", given)))
    assert [next(elements) for _ in range(3)] == [b"0\n"] * 3
    assert given.tell() < 1_000_000


async def test_an_element_without_an_end_is_not_gathered(tmp_path: Path) -> None:
    array = tmp_path / "array.json.gz"
    array.write_bytes(gzip.compress(b"[" + b"a" * 16_000_000, 1))
    tracemalloc.start()
    try:
        with open_lines(str(array)) as lines, pytest.raises(InputFailed, match="element of more than 2 MiB"):
            [chunk async for chunk in lines.chunks()]
        assert tracemalloc.get_traced_memory()[1] < 12_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("size", [5, 64, 1 << 18], ids=lambda size: f"{size} bytes at a time")
def test_the_elements_of_an_array_are_told_apart_however_they_come(tmp_path: Path, size: int) -> None:
    elements: list[object] = [
        {"userId": 'a"],\\', "metadata": {"a": [1, [2, [3, {"b": ["]", "}", {}]}]]]}},
        [],
        {},
        "a\\",
        'b", "c',
        -1.5e3,
        None,
        {"deep": [[[[[["[", {"}": ","}]]]]]]},
    ]
    array = tmp_path / "array.json"
    array.write_text(f" \n[{', '.join(json.dumps(each, indent=1) for each in elements)} ]\n ")
    with array.open("rb") as stream:
        read = list(formats.lines_of_array(stream, piece_size=size))
    assert [json.loads(line) for line in read] == elements


async def test_long_lines_of_an_array_come_in_small_chunks(tmp_path: Path) -> None:
    array = tmp_path / "array.json.gz"
    array.write_bytes(gzip.compress(b"[" + b",".join([b'"' + b"a" * 1_500_000 + b'"'] * 8) + b"]", 1))
    with open_lines(str(array)) as lines:
        chunks = [chunk async for chunk in lines.chunks()]
    assert sum(len(chunk.lines) for chunk in chunks) == 8
    assert max(len(chunk.lines) for chunk in chunks) <= 6


async def test_a_row_goes_by_the_line_where_it_begins(tmp_path: Path) -> None:
    table = tmp_path / "table.csv"
    table.write_text('userId,eventType,metadata.note\nada,code_run,"two\nlines"\n\nbob,code_run,\n')
    with open_lines(str(table), "csv") as lines:
        read = [line for chunk in [chunk async for chunk in lines.chunks()] for line in chunk.lines]
    assert [line.strip().startswith(b"{") for line in read] == [False, True, False, False, True]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"INSERT INTO events VALUES (1);\n", "Nothing was recorded."),
        (gzip.compress(b"one line\n\n")[:-4], "Once the input is mended"),
    ],
    ids=["another program's", "cut off"],
)
async def test_an_input_that_cannot_be_read_on_does_not_say_that_it_can(
    tmp_path: Path, content: bytes, told: str
) -> None:
    given = tmp_path / "given"
    given.write_bytes(content)
    source = SourceLines(None, ImportedLines(), None)
    checking = DryWorker(load_rulebook(), None)
    intake = ImportPipeline([checking], Rejects(None), source=source, on_progress=lambda _: None)
    with open_lines(str(given)) as lines, pytest.raises(CommandFailed, match=re.escape(told)) as stopped:
        await intake.take_in(lines)
    assert "to continue" not in str(stopped.value)


async def test_refused_lines_that_are_short_are_not_gathered_either(tmp_path: Path) -> None:
    given = tmp_path / "given"
    given.write_bytes(b"0\n" * 200)
    told: list[int] = []
    source = SourceLines(None, ImportedLines(), None)
    intake = ImportPipeline(
        [DryWorker(load_rulebook(), None)],
        Rejects(None),
        source=source,
        on_progress=lambda intake: told.append(intake.rejects.count),
        # A short line takes as much memory as a longer one.
        refused_together=10_000,
    )
    with open_lines(str(given)) as lines:
        await intake.take_in(lines)
    assert 200 in told


def test_what_comes_through_a_pipe_has_no_name(tmp_path: Path) -> None:
    file, pipe = tmp_path / "events.ndjson.gz", tmp_path / "pipe"
    file.write_bytes(b"")
    os.mkfifo(pipe)
    assert name_of(str(file)) == "events.ndjson"
    reading = os.open(file, os.O_RDONLY)
    for through in ("-", str(pipe), f"/dev/fd/{reading}", "/dev/stdin"):
        assert name_of(through) is None
    os.close(reading)


@pytest.mark.parametrize("line", ["{", '{"userId": "ada"', '"userId": "ada",', "not json", "{} {}"])
def test_a_line_that_is_no_json_is_refused_in_a_sentence(line: str) -> None:
    event = b'{"userId": "ada", "eventType": "code_run", "eventId": "1"}'
    share = Share(None, [1, 2], [event, line.encode()])
    taken = Taken()
    read_share(share, taken, load_rulebook(), now=2_000_000_000_000)
    assert taken.refused == [(2, "Is not valid JSON: a line holds one whole event and nothing else.")]


async def test_who_is_to_name_a_source_is_not_told_to_repeat_the_command(tmp_path: Path) -> None:
    given = tmp_path / "given.ndjson"
    given.write_text('{"userId": "ada", "eventType": "code_run"}\n')
    source = SourceLines(None, ImportedLines(), None)
    intake = ImportPipeline(
        [DryWorker(load_rulebook(), None)], Rejects(None), source=source, on_progress=lambda _: None
    )
    with open_lines(str(given)) as lines, pytest.raises(CommandFailed, match="--source NAME") as stopped:
        await intake.take_in(lines)
    assert str(stopped.value).endswith("Stopped; 0 events were recorded, 0 were already there.")


@pytest.mark.parametrize(
    ("content", "options"),
    [
        ("a,b\n1,2\n", ["--from", "table"]),
        ("id;user;activity;time\n", ["--from", "table"]),
        ("userId;eventType\nada;code_run\n", ["--format", "csv"]),
        ("userId,eventType\nada,code_run\n", []),
        ("who,what\nada,code_run\n", []),
        (
            "user,id,activity,time\nada,1,ran a program,2026-03-02 09:15:00\n",
            ["--from", "table", "--rulebook", "school"],
        ),
    ],
)
def test_what_is_refused_leaves_no_database_behind(run: Run, tmp_path: Path, content: str, options: list[str]) -> None:
    (tmp_path / "history").write_text(content, "utf-8")
    done = run("import", tmp_path / "history", *options, "--store", f"sqlite:///{tmp_path}/new.db")
    assert (done.code, done.out) == (2, "")
    assert not (tmp_path / "new.db").exists()
