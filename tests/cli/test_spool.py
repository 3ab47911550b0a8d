"""`laurels spool`: what waits, what was set aside, and what can be done about it."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from laurels import LearningEvent
from laurels.application.ports.spool import SetAside, Spooled
from laurels.cli.app import app
from laurels.storage.spool import FileSpool
from tests.cli.conftest import Run


async def fill(folder: Path) -> None:
    spool = await FileSpool.open(folder, limit=10**6)
    events = [LearningEvent(user_id="ada", event_type="code_run", event_id=str(number)) for number in range(3)]
    await spool.append([Spooled(event, 1_700_000_000_000) for event in events])
    await spool.complete([], [SetAside((await spool.first(1))[0], "It is one too many.")])
    await spool.close()


async def _make_empty(folder: Path) -> None:
    await (await FileSpool.open(folder, limit=10**6)).close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A spool in which two events wait and one is set aside."""
    folder = tmp_path / "spool"
    asyncio.run(fill(folder))
    return folder


def test_show_tells_the_figures_and_warns_of_what_is_set_aside(run: Run, folder: Path) -> None:
    shown = run("spool", "show", "--spool", folder)
    assert (shown.code, shown.err) == (1, "")
    assert shown.out.splitlines()[0] == "2 events wait, the first since 2023-11-14T22:13:20.000Z"
    assert shown.out.splitlines()[2:] == ["3 were queued, 0 of them recorded", "1 is set aside"]


def test_list_prints_events_as_json_lines(run: Run, folder: Path) -> None:
    waiting = [json.loads(line) for line in run("spool", "list", "--spool", folder).out.splitlines()]
    assert [each["event"]["eventId"] for each in waiting] == ["1", "2"]
    assert waiting[0]["arrivedAt"] == "2023-11-14T22:13:20.000Z"
    [aside] = [json.loads(line) for line in run("spool", "list", "--set-aside", "--spool", folder).out.splitlines()]
    assert (aside["event"]["eventId"], aside["reason"]) == ("0", "It is one too many.")


def test_an_empty_list_says_so_beside_the_output(tmp_path: Path) -> None:
    asyncio.run(_make_empty(tmp_path))
    for option, sentence in (([], "No event waits."), (["--set-aside"], "No event is set aside.")):
        listed = CliRunner().invoke(app, ["spool", "list", "--spool", str(tmp_path), *option])
        assert (listed.exit_code, listed.stdout) == (0, "")
        assert listed.stderr.splitlines()[1:] == [sentence]


def test_what_is_set_aside_waits_again_or_is_deleted_when_one_is_sure(run: Run, folder: Path) -> None:
    environment = {"LAURELS_SPOOL": str(folder)}
    unsure = run("spool", "discard", env=environment)
    assert (unsure.code, len(unsure.err.splitlines())) == (2, 1)
    assert run("spool", "retry", env=environment).out == "1 event waits again\n"
    shown = run("spool", "show", env=environment)
    assert (shown.code, shown.out.splitlines()[0].split(",")[0]) == (0, "3 events wait")
    assert run("spool", "discard", "--yes", env=environment).out == "0 events are deleted\n"


def test_a_spool_that_is_not_there_is_told_and_not_made(run: Run, tmp_path: Path) -> None:
    for arguments in ([], ["--spool", tmp_path / "nowhere"]):
        done = run("spool", "show", *arguments)
        assert (done.code, done.out, len(done.err.splitlines())) == (2, "", 1)
    assert not (tmp_path / "nowhere").exists()
