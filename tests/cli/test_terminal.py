"""What is printed holds nothing that a terminal would obey, whoever wrote it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from laurels.cli.importing.rejects import open_rejects
from laurels.cli.terminal import complain, note, say, show_table

# Clears the screen, sets the title, the same by a C1 character, turns the direction around; and half a character.
HOSTILE = "a\x1b[2J\x1b]0;title\x07\x9b2J\x7f\r\u202eb\ud800"
SPELLED = r"a\u001b[2J\u001b]0;title\u0007\u009b2J\u007f\u000d\u202eb\ud800"


def test_lines_and_tables_spell_it_out(capsys: pytest.CaptureFixture[str]) -> None:
    say(HOSTILE)
    note(HOSTILE)
    show_table(HOSTILE, ["what"], [[HOSTILE]], numbers=[])
    out, err = capsys.readouterr()
    assert out.split("\n") == [SPELLED, SPELLED, "  what", f"  {SPELLED}", "", ""]
    assert err == SPELLED + "\n"


def test_complaints_and_reasons_are_one_such_line(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    one_line = SPELLED.replace(r"\u000d", " ")
    complain(HOSTILE)
    with open_rejects(tmp_path / "bad", source="-", database=None) as rejects:
        rejects.add(3, b"wrong\n", HOSTILE)
    assert capsys.readouterr().err == f"{one_line}\nline 3: {one_line}\n"
    assert (tmp_path / "bad.reasons").read_text() == f"1 (line 3): {one_line}\n"


def test_text_of_every_script_and_json_stay_what_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    text = "Zoë\tमीरा \u200fשירה👩\u200d👧\nlast"
    say(text)
    say(json.dumps("\x9b\u202e", ensure_ascii=False))
    first, _, last = capsys.readouterr().out.rstrip("\n").rpartition("\n")
    assert (first, json.loads(last)) == (text, "\x9b\u202e")
