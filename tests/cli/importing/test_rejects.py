"""Where rejected lines are kept: in a file that held nothing, and only once all of them are known."""

from __future__ import annotations

from pathlib import Path

import pytest

from laurels.cli.importing.rejects import open_rejects
from laurels.cli.terminal import CommandFailed


def keep(path: Path, *, source: str = "-", database: Path | None = None, fails: bool = False) -> None:
    """Keep one line at `path`, unless that fails before the end."""
    with open_rejects(path, source=source, database=database) as rejects:
        rejects.add(3, b"wrong\n", "Is wrong.")
        if fails:
            raise KeyboardInterrupt


def test_the_lines_and_their_reasons_are_there_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "bad.ndjson"
    with pytest.raises(KeyboardInterrupt):
        keep(path, fails=True)
    # So the same command can be run again.
    assert path.read_bytes() == b""
    keep(path)
    assert path.read_bytes() == b"wrong\n"
    assert (tmp_path / "bad.ndjson.reasons").read_text() == "1 (line 3): Is wrong.\n"


def test_nothing_that_holds_something_is_overwritten(tmp_path: Path) -> None:
    mended = tmp_path / "bad.ndjson"
    mended.write_bytes(b"mended\n")
    with pytest.raises(CommandFailed, match=r"would overwrite .*bad\.ndjson, which holds something already; name"):
        keep(mended)
    assert mended.read_bytes() == b"mended\n"
    mended.rename(tmp_path / "other.reasons")
    with pytest.raises(CommandFailed, match=r"would overwrite .*other\.reasons"):
        keep(tmp_path / "other")
    assert not (tmp_path / "other").exists()


@pytest.mark.parametrize("end", ["", "-wal"])
def test_a_file_of_the_store_is_refused_even_before_it_is_there(tmp_path: Path, end: str) -> None:
    database, link = tmp_path / "laurels.db", tmp_path / "link"
    link.symlink_to(f"{database}{end}")
    with pytest.raises(CommandFailed, match="a file of the store"):
        keep(link, database=database)
    assert not Path(f"{database}{end}").exists()


def test_the_input_is_refused_even_where_it_is_empty(tmp_path: Path) -> None:
    given = tmp_path / "events.ndjson"
    given.touch()
    with pytest.raises(CommandFailed, match="the file that is imported"):
        keep(given, source=str(given))


def test_a_device_takes_them_as_it_is() -> None:
    keep(Path("/dev/null"))
    assert Path("/dev/null").is_char_device()
    assert not Path("/dev/null.reasons").exists()
