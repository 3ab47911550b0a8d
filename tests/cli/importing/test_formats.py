"""Inputs that hold no events: each is told what it is, and what to do."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from laurels.cli.importing.event_lines import InputFailed, open_lines
from laurels.cli.importing.formats import Format


@pytest.mark.parametrize(
    ("content", "form", "told"),
    [
        (b"PK\x03\x04 and so on", "ndjson", "spreadsheet"),
        ("userId".encode("utf-16"), "ndjson", "UTF-16"),
        (b"-- MySQL dump\nINSERT INTO events VALUES (1);\n", "ndjson", "SQL dump"),
        (b"userId,eventType\nada,code_run\n", "ndjson", "--format csv"),
        (b'[{"userId": "ada"', "ndjson", "array"),
        (b"userId,eventTyp\nada,code_run\n", "csv", "Did you mean eventType?"),
        (b"userId,points,eventType\n", "csv", "points"),
        (b"userId\nada\n", "csv", "lacks the column eventType"),
        (b"userId,userId,eventType\n", "csv", "twice"),
        (b"userId,eventType\n\xff\xfe,code_run\n", "csv", "UTF-8"),
    ],
)
async def test_what_holds_no_events_is_said_clearly(tmp_path: Path, content: bytes, form: Format, told: str) -> None:
    given = tmp_path / "given"
    given.write_bytes(content)
    with open_lines(str(given), form) as lines, pytest.raises(InputFailed, match=re.escape(told)) as refused:
        [chunk async for chunk in lines.chunks()]
    assert str(refused.value).startswith(f"{given} ")
