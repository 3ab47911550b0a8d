"""`laurels import --from-mongo`: take over a database of the older schema.

This is how a platform moves its learners: events, totals and badges as they were. The older database is only read.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from time import monotonic

import typer

from laurels.bootstrap import open_service
from laurels.cli.importing.input_lines import STANDARD_INPUT
from laurels.cli.importing.migration import Migration
from laurels.cli.importing.migration_report import Report
from laurels.cli.importing.rejects import Rejects, open_rejects
from laurels.cli.terminal import CommandFailed, complain, progress_bar
from laurels.domain.revisions.migration import DifferencePolicy
from laurels.plurals import counted
from laurels.settings import Settings
from laurels.storage.older_mongodb.database import OlderDatabase

# Seconds between projections: effectively at the end, or when memory is full.
PROJECTION_INTERVAL = 3_600.0


def import_mongodb(url: str, settings: Settings, *, differences: DifferencePolicy, rejects: Path | None) -> None:
    """Take over the database at `url` into the configured store, and report. Exits with 1 if there are rejects."""
    started = monotonic()
    with open_rejects(rejects, source=STANDARD_INPUT, database=settings.database) as rejected:
        rejected.kind = "documents"
        try:
            report = asyncio.run(_take_over(url, settings, differences, rejected))
        except KeyboardInterrupt:
            complain("Interrupted. Run the same command again to continue: nothing is recorded twice.")
            raise
        finally:
            rejected.finish()
    report.show(differences, monotonic() - started)
    if rejected.count:
        raise typer.Exit(1)


async def _take_over(url: str, settings: Settings, differences: DifferencePolicy, rejects: Rejects) -> Report:
    source = await OlderDatabase.open(url)
    try:
        # Checked before the store is opened, which would create its collections there.
        if await source.is_store(settings.store):
            raise CommandFailed("--from-mongo and --store name the same database; let Laurels have one of its own.")
        total = await source.count_events()
        async with open_service(settings=settings, publish=True, projection_interval=PROJECTION_INTERVAL) as laurels:
            with progress_bar("Taking over", total=total) as bar:

                def on_progress(report: Report) -> None:
                    users = report.migrated + report.corrected + report.unchanged
                    bar.show(report.read, f"{counted(users, 'user')}, {rejects.count:,} rejected")

                migration = Migration(laurels, source, rejects, differences=differences, on_progress=on_progress)
                await migration.run()
            with progress_bar("Bringing the boards up to date"):
                await laurels.projector.flush()
    finally:
        await source.close()
    return migration.report
