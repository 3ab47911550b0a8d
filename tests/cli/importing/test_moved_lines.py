"""Events without an id are known by their line: a line that has become another user's is refused."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import pytest

from laurels.bootstrap import open_service
from laurels.cli.importing.dry_run import dry_worker
from laurels.cli.importing.input_lines import open_lines
from laurels.cli.importing.pipeline import ImportPipeline
from laurels.cli.importing.rejects import Rejects
from laurels.cli.importing.source_lines import SourceLines
from laurels.cli.importing.worker import LocalWorker, Worker
from laurels.settings import Settings
from tests.cli.conftest import event, without_ids

LINES = without_ids(event(number) for number in range(10)).splitlines(keepends=True)
ABOVE = without_ids([event(20)])


class Imported(NamedTuple):
    recorded: int
    replayed: int
    conflicts: int
    told: list[str]


class Importing:
    """Imports lines as `laurels import` does, in this process, always under one name."""

    def __init__(self, url: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.url = url
        self._file = folder / "events.ndjson"
        self._capsys = capsys

    async def __call__(self, lines: Sequence[bytes], *, is_dry: bool = False, is_noted: bool = True) -> Imported:
        self._file.write_bytes(b"".join(lines))
        if is_dry:
            async with dry_worker(Settings(store=self.url)) as checking:
                assert checking.store is not None
                source = await SourceLines.of("events.ndjson", checking.store.imports, is_kept=False)
                return await self._take_in(checking, source)
        async with open_service(self.url, publish=True) as service:
            worker = LocalWorker(service)
            # Not noted: as where it was killed just before.
            source = await SourceLines.of("events.ndjson", worker.store.imports, is_kept=is_noted)
            return await self._take_in(worker, source)

    async def _take_in(self, worker: Worker, source: SourceLines) -> Imported:
        with open_lines(str(self._file)) as lines:
            intake = ImportPipeline([worker], Rejects(None), source=source, on_progress=lambda _: None)
            await intake.take_in(lines)
        told = self._capsys.readouterr().err.splitlines()
        return Imported(intake.recorded, intake.replayed, intake.conflicts, told)


@pytest.fixture
def importing(store_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Importing:
    return Importing(store_url, tmp_path, capsys)


async def users_of(url: str) -> list[str]:
    async with open_service(url) as service:
        return await service.store.ledger.users()


async def test_lines_below_a_new_one_are_refused_and_so_is_what_the_last_one_became(importing: Importing) -> None:
    assert (await importing(LINES))[:3] == (10, 0, 0)
    done = await importing([ABOVE, *LINES])
    assert done[:3] == (0, 0, 11)
    assert done.told[0].startswith("line 1: Was recorded before for another user: ")
    assert "--source NAME" in done.told[0]
    assert done.told[10].startswith("line 11: Comes after line 10, ")
    assert (await importing([ABOVE, *LINES], is_dry=True))[:3] == (0, 0, 11)
    # What grew at its end is another matter.
    assert (await importing([*LINES, ABOVE]))[:3] == (1, 10, 0)


async def test_a_line_of_which_the_user_was_changed_is_refused_alone(importing: Importing) -> None:
    await importing(LINES)
    changed = without_ids([event(3, userId="somebody else")])
    done = await importing([*LINES[:3], changed, *LINES[4:], ABOVE])
    assert done[:3] == (1, 9, 1)
    assert done.told[0].startswith("line 4: Was recorded before for another user")
    assert "somebody else" not in await users_of(importing.url)


async def test_a_line_that_was_refused_before_is_recorded_once_it_is_mended(importing: Importing) -> None:
    wrong = without_ids([event(3, eventType="jugling")])
    assert (await importing([*LINES[:3], wrong, *LINES[4:], wrong]))[:3] == (9, 0, 0)
    mended = without_ids([event(3, userId="somebody else")])
    assert (await importing([*LINES[:3], mended, *LINES[4:], ABOVE]))[:3] == (2, 9, 0)


async def test_what_a_killed_import_did_not_note_is_found_all_the_same(importing: Importing) -> None:
    await importing(LINES[:6], is_noted=False)
    assert (await importing(LINES))[:3] == (4, 6, 0)
    assert (await importing([ABOVE, *LINES]))[:3] == (0, 0, 11)


async def test_the_line_of_a_deleted_user_is_refused_as_such(importing: Importing) -> None:
    await importing(LINES)
    async with open_service(importing.url) as service:
        await service.deletion.delete("user-3")
    for is_dry in (True, False):
        done = await importing(LINES, is_dry=is_dry)
        assert done[:3] == (0, 9, 0)
        assert done.told == ["line 4: This user was deleted; nothing is recorded under this userId any more."]


async def test_a_changed_line_is_not_told_to_change_an_id_that_it_has_not(importing: Importing) -> None:
    await importing(LINES)
    changed = without_ids([event(3, eventType="visualize")])
    for is_dry in (True, False):
        done = await importing([*LINES[:3], changed, *LINES[4:]], is_dry=is_dry)
        assert done[:3] == (0, 9, 1)
        assert done.told[0].startswith("line 4: Says something else than the line that was recorded")


async def test_a_dry_run_finds_conflicts_within_the_input(importing: Importing) -> None:
    await importing([])
    lines = without_ids([event(1), event(2), event(3)]).replace(b'"userId"', b'"eventId": "one", "userId"')
    lines = lines.replace(b"user-2", b"user-1")
    for is_dry in (True, False):
        done = await importing(lines.splitlines(keepends=True), is_dry=is_dry)
        assert done[:3] == (2, 0, 1)
        assert done.told[0].startswith("line 2: Another event of this user, with other content,")
