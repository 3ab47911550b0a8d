"""The benchmarks run. How fast anything is, is not asked here: a shared machine could not answer."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def run(tmp_path: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The command, with the folder for temporary files at `tmp_path`."""
    return subprocess.run(
        [sys.executable, "-m", "benchmarks", *arguments],
        cwd=ROOT,
        env=os.environ | {"TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


def test_a_quick_run_ends_with_a_table_and_leaves_nothing_behind(tmp_path: Path) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    markdown = tmp_path / "stats.md"

    done = run(temporary, "--quick", "engine", "import", "--markdown", str(markdown))

    assert done.returncode == 0, done.stderr
    _conditions, _empty, header, _rule, *lines = done.stdout.splitlines()
    assert header.split() == ["subject", "what", "ours", "floor", "ratio", "min-max", "target"]
    assert {line.split()[0] for line in lines} == {"engine", "import"}
    rows = [line for line in markdown.read_text("utf-8").splitlines() if line.startswith("|")]
    assert len(rows) == 2 + len(lines)
    assert list(temporary.iterdir()) == []


def test_an_unknown_subject_is_refused_with_the_names_that_there_are(tmp_path: Path) -> None:
    done = run(tmp_path, "imprt")

    assert done.returncode == 2
    assert (
        "no such subject: imprt; there are events, guard, import, dashboard, board, pages, engine, memory, rebuild"
        in done.stderr
    )
