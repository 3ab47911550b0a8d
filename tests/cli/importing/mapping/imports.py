"""Imports a file by a mapping in this process: a start of the command takes longer than most of these tests."""

from __future__ import annotations

import io
from functools import cache
from pathlib import Path
from typing import NamedTuple

from laurels.bootstrap import open_service
from laurels.cli.importing.command import name_of
from laurels.cli.importing.dry_run import DryWorker
from laurels.cli.importing.input_lines import open_lines
from laurels.cli.importing.mapping.loader import Mapping, load_mapping
from laurels.cli.importing.mapping.mapper import Tally
from laurels.cli.importing.pipeline import ImportPipeline
from laurels.cli.importing.rejects import Rejects
from laurels.cli.importing.source_lines import SourceLines
from laurels.cli.importing.worker import LocalWorker
from laurels.domain.imported_lines import ImportedLines
from laurels.rulebooks.loader import load_rulebook
from laurels.settings import Settings

SAMPLES = Path(__file__).parents[4] / "docs" / "samples"
# The kinds that come with Laurels, each with a file of ours that looks as theirs do.
SAMPLE_OF = {
    "table": "table.csv",
    "moodle-log": "moodle-log.csv",
    "moodle-logstore": "moodle-logstore.csv",
    "github-classroom": "github-classroom.csv",
    "github-events": "github-events.json",
    "trophy": "trophy.ndjson",
}


coding = cache(load_rulebook)


class Imported(NamedTuple):
    """What an import came to. `rejected` are the lines as they are kept, `reasons` why, each with its line."""

    recorded: int
    replayed: int
    rejected: list[bytes]
    reasons: list[str]
    tally: Tally

    @property
    def counts(self) -> tuple[int, int, int, int]:
        """Recorded, there already, rejected, passed over."""
        return self.recorded, self.replayed, len(self.rejected), self.tally.passed_over.total()


async def imported(file: Path, mapping: Mapping | str, database: Path) -> Imported:
    """Import a file into a SQLite database by a mapping, or by the kind of that name."""
    given = load_mapping(mapping) if isinstance(mapping, str) else mapping
    kept, reasons = io.BytesIO(), io.BytesIO()
    async with open_service(settings=Settings(store=f"sqlite:///{database}"), publish=True) as laurels:
        worker = LocalWorker(laurels)
        given.check_types(laurels.rulebook.event_types)
        source = await SourceLines.of(name_of(str(file)), worker.store.imports)
        pipeline = ImportPipeline([worker], Rejects(kept, reasons), source=source, on_progress=lambda _: None)
        with open_lines(str(file), mapping=given.document) as lines:
            await pipeline.take_in(lines)
    told = reasons.getvalue().decode().splitlines()
    return Imported(pipeline.recorded, pipeline.replayed, kept.getvalue().splitlines(), told, lines.tally)


async def checked(file: Path, mapping: Mapping) -> Imported:
    """What an import into an empty store would come to, without a store."""
    kept, reasons = io.BytesIO(), io.BytesIO()
    source = SourceLines(name_of(str(file)), ImportedLines(), None)
    worker = DryWorker(coding(), None)
    pipeline = ImportPipeline([worker], Rejects(kept, reasons), source=source, on_progress=lambda _: None, pause=None)
    with open_lines(str(file), mapping=mapping.document) as lines:
        await pipeline.take_in(lines)
    told = reasons.getvalue().decode().splitlines()
    return Imported(pipeline.recorded, pipeline.replayed, kept.getvalue().splitlines(), told, lines.tally)
