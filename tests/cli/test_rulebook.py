"""`laurels rulebook`: what a rulebook says, and which line of it is wrong."""

from __future__ import annotations

import json
from pathlib import Path

from laurels import load_rulebook
from tests.cli.conftest import Run

SMALL = """
name = "small"
levels = { kind = "table", starts = [0, 10, 50] }
[event_types.read]
points = 3
bonuses = [{ field = "pages", above = 10, points = 2 }]
[[badges]]
id = "reader"
name = "Reader"
description = "Read ten times at night, or every day of a week."
icon = "R"
category = "learning"
rarity = "rare"
points = 5
criterion = { kind = "any", of = [
    { kind = "count", event = "read", where = { hour = { min = 0, max = 4 } }, target = 10 },
    { kind = "streak", target = 7 },
] }
"""
ADVENT = """
[boosts.advent]
factor = 1.5
from = 2026-12-01
until = 2026-12-24
"""


class TestCheck:
    def test_a_sound_rulebook_is_one_line(self, run: Run, tmp_path: Path) -> None:
        (tmp_path / "small.toml").write_text(SMALL)
        done = run("rulebook", "check", "small.toml")
        assert (done.code, done.out, done.err) == (0, "small.toml: OK, 1 event type, 1 badge\n", "")
        (tmp_path / "small.toml").write_text(SMALL + ADVENT)
        assert run("rulebook", "check", "small.toml").out == "small.toml: OK, 1 event type, 1 badge, 1 boost\n"

    def test_the_built_in_one_is_sound(self, run: Run) -> None:
        rulebook = load_rulebook("coding")
        expected = f"coding: OK, {len(rulebook.event_types)} event types, {len(rulebook.badges)} badges\n"
        assert run("rulebook", "check", "coding").out == expected

    def test_an_error_names_file_line_and_key(self, run: Run, tmp_path: Path) -> None:
        wrong = SMALL.replace("points = 5", "points = -5")
        (tmp_path / "small.toml").write_text(wrong)
        done = run("rulebook", "check", "small.toml")
        line = wrong.splitlines().index("points = -5") + 1
        assert (done.code, done.out, len(done.err.splitlines())) == (2, "", 1)
        assert done.err.startswith(f"small.toml:{line}: badges[0].points: ")

    def test_every_mistake_has_a_line(self, run: Run, tmp_path: Path) -> None:
        wrong = SMALL.replace("points = 5", "points = -5").replace("points = 3", "points = -3")
        (tmp_path / "small.toml").write_text(wrong)
        told = run("rulebook", "check", "small.toml").err.splitlines()
        assert [line.split(": ")[1] for line in told] == ["event_types.read.points", "badges[0].points"]

    def test_a_file_that_is_no_rulebook(self, run: Run, tmp_path: Path) -> None:
        (tmp_path / "bytes.toml").write_bytes(b"\xff\xfe\x00")
        (tmp_path / "text.toml").write_text("This is no TOML.")
        for source in ("bytes.toml", "text.toml", "nowhere.toml", tmp_path):
            done = run("rulebook", "check", source)
            assert (done.code, done.out, len(done.err.splitlines())) == (2, "", 1)


class TestSchema:
    def test_it_describes_every_part_with_its_values(self, run: Run) -> None:
        schema = json.loads(run("rulebook", "schema").out)
        parts = schema["$defs"]
        assert not any("\n" in each.get("description", "") for each in parts.values())
        assert schema["$ref"] == "#/$defs/RulebookData"
        document = json.loads(run("rulebook", "show", "coding", "--json").out)
        assert document.keys() <= parts["RulebookData"]["properties"].keys()
        badge = parts["Badge"]
        assert document["badges"][0].keys() <= badge["properties"].keys()
        assert "legendary" in badge["properties"]["rarity"]["enum"]
        assert badge["additionalProperties"] is False


class TestShow:
    def test_it_tells_what_pays_and_what_badges_ask_for(self, run: Run, tmp_path: Path) -> None:
        (tmp_path / "small.toml").write_text(SMALL + ADVENT)
        done = run("rulebook", "show", "small.toml")
        assert (done.code, done.err) == (0, "")
        assert "Event types of small" in done.out
        assert "+2 when pages > 10" in done.out
        assert "1.5  all          2026-12-01 to 2026-12-24" in done.out
        assert ["3", "50"] in [line.split() for line in done.out.splitlines()]
        assert "10 read with hour from 0 to 4 or a streak of 7 days" in done.out

    def test_the_default_is_the_rulebook_of_the_environment(self, run: Run, tmp_path: Path) -> None:
        assert "Event types of coding" in run("rulebook", "show").out
        (tmp_path / "small.toml").write_text(SMALL)
        assert "Event types of small" in run("rulebook", "show", env={"LAURELS_RULEBOOK": "small.toml"}).out

    def test_every_badge_of_the_built_in_one_is_shown(self, run: Run) -> None:
        shown = run("rulebook", "show", "coding").out
        for badge in load_rulebook("coding").badges:
            assert f"  {badge.id} " in shown

    def test_json_is_the_rulebook_itself(self, run: Run, tmp_path: Path) -> None:
        (tmp_path / "small.toml").write_text(SMALL)
        shown = json.loads(run("rulebook", "show", "small.toml", "--json").out)
        assert shown["event_types"]["read"]["points"] == 3
        assert shown["badges"][0]["criterion"]["of"][1] == {"kind": "streak", "target": 7}
