"""`laurels import`: record the events of a file, one JSON object a line.

How a platform brings its history. It can be stopped, or die, at any point: run again, it goes on.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from time import monotonic
from typing import Annotated

import typer
from msgspec.structs import replace

from laurels.bootstrap import open_store
from laurels.cli.event_lines import EventLines, open_lines
from laurels.cli.import_worker import Worker, local_worker, remote_workers
from laurels.cli.intake import Intake
from laurels.cli.options import RulebookOption, StoreOption, settings_for
from laurels.cli.rejects import Rejects, open_rejects
from laurels.cli.terminal import complain, progress_bar, say
from laurels.rulebooks.loader import load_rulebook
from laurels.settings import Settings

# All processes together, at about 150 bytes each: under half a gigabyte where a file's users are many.
CACHE_WEIGHT = 3_000_000
# Bytes of input, below which starting another process takes longer than what it saves.
WORTH_STARTING = 4 << 20
# A store has one log to write; beyond this many they mostly wait for it, and for each other.
MOST = 4


def import_events(
    file: Annotated[
        str, typer.Argument(metavar="FILE|-", help="NDJSON, plain or gzip; - reads standard input.", show_default=False)
    ],
    store: StoreOption = None,
    rulebook: RulebookOption = None,
    rejects: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write the rejected lines here, as they came, to be mended and imported."),
    ] = None,
    processes: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            min=1,
            max=64,
            help="Processes that share the work. Default: one; for a large file one a core, up to 4.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Record the events of a file: one JSON object a line, as POST /api/progress/event takes it.

    Running it again records nothing twice: an event without an eventId gets one made of its line's number and
    content. Exits with 0 when all lines are recorded, 1 when some were rejected, 2 when it had to stop.
    """
    settings = settings_for(store, rulebook)
    started = monotonic()
    with open_lines(file) as lines, open_rejects(rejects, file) as rejected:
        try:
            intake = asyncio.run(_import(lines, rejected, settings, processes))
        except KeyboardInterrupt:
            complain("Interrupted. Run the same command again to continue: nothing is recorded twice.")
            raise
        finally:
            rejected.finish()
    seconds = monotonic() - started
    taken = intake.recorded + intake.replayed
    say(
        f"{intake.recorded:,} recorded, {intake.replayed:,} already there, {rejected.count:,} rejected "
        f"in {seconds:,.1f} s ({taken / seconds:,.0f} events/s)"
    )
    if rejected.count:
        raise typer.Exit(1)


async def _import(lines: EventLines, rejects: Rejects, settings: Settings, processes: int | None) -> Intake:
    if processes is None:
        processes = _worth(lines.size)
    settings = replace(settings, cache_weight=max(settings.cache_weight, CACHE_WEIGHT // processes))
    async with AsyncExitStack() as workers:
        if processes == 1:
            recording: Sequence[Worker] = [await workers.enter_async_context(local_worker(settings))]
        else:
            # Whatever is wrong with the store or the rulebook is said here, once.
            load_rulebook(settings.rulebook)
            await (await open_store(settings.store)).close()
            recording = await workers.enter_async_context(remote_workers(settings, processes))
        with progress_bar("Importing", total=lines.size, is_bytes=True) as bar:

            def on_progress(intake: Intake) -> None:
                done = intake.recorded + intake.replayed
                bar.show(lines.position, f"{done:,} events, {rejects.count:,} rejected")

            intake = Intake(recording, rejects, on_progress=on_progress)
            await intake.take_in(lines)
        with progress_bar("Bringing the boards up to date"):
            await workers.aclose()
    return intake


def _worth(size: int | None) -> int:
    """How many processes an input of `size` bytes is worth; None where its size is not known."""
    if size is None or size < WORTH_STARTING:
        return 1
    return min(os.cpu_count() or 1, MOST)
