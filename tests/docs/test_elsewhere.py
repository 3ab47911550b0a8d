"""The page on files of other platforms: its commands, in their order, and its mapping."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import msgspec

from laurels.cli.importing.mapping import mapping_file
from laurels.cli.importing.mapping.loader import kinds, parse_mapping

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "elsewhere.md").read_text("utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


def test_its_commands_show_what_the_page_says(tmp_path: Path) -> None:
    (tmp_path / "samples").symlink_to(DOCS / "samples")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("LAURELS_")}
    environment |= {"LAURELS_DATA": str(tmp_path), "PATH": f"{Path(sys.executable).parent}:{environment['PATH']}"}

    def run(commands: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["bash", "-c", f"set -e\n{commands}"],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    preview, importing = blocks("sh")
    [shown] = blocks("text")
    done = run(preview)
    # Two rows would be rejected.
    assert (done.returncode, done.stdout) == (1, shown), done.stderr
    assert 'line 7: eventType: The mapping has no event type for "left the room".' in done.stderr
    done = run(importing)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("6 recorded, 1 already there, 0 rejected in ")
    assert done.stdout.endswith("1 of 8 rows passed over\n         1  it is a test account\n")
    assert (tmp_path / "rest.ndjson").read_bytes() == b""
    # The commands without files: the list, and mistakes a line each.
    (tmp_path / "bad.toml").write_text('[input]\nformat = "cvs"\n[userid]\ncolumn = "a"\n')
    done = run("laurels mappings; laurels import --from bad.toml samples/table.csv")
    assert [kind for kind in kinds() if f"\n  {kind} " not in done.stdout] == []
    assert done.returncode == 2
    told = done.stderr.splitlines()
    assert 'bad.toml:2: input.format: Must be one of csv, ndjson, json. Did you mean "csv"?' in told
    assert 'bad.toml:3: userid: Is not a key that is known here. Did you mean "userId"?' in "\n".join(told)


def test_its_mapping_is_one_and_every_key_stands_on_it() -> None:
    [mapping] = blocks("toml")
    parse_mapping(mapping, "elsewhere.md")
    structs = (
        mapping_file.MappingDocument,
        mapping_file.Input,
        mapping_file.Source,
        mapping_file.TypeSource,
        mapping_file.Rule,
        mapping_file.TimeSource,
        mapping_file.MetadataSource,
        mapping_file.PassOver,
    )
    keys = {field.encode_name for struct in structs for field in msgspec.structs.fields(struct)}
    assert [key for key in sorted(keys) if not re.search(rf"\b{key}\b", PAGE)] == []


def test_every_kind_stands_on_it_with_what_it_was_checked_against() -> None:
    rows = dict(re.findall(r"^\| `([\w-]+)` \| [^|]+ \| ([^|]+) \|$", PAGE, re.MULTILINE))
    del rows["--from"]
    assert sorted(rows) == kinds()
    assert all(rows.values())
