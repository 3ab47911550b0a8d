"""`laurels import`: record the events of a file, one JSON object a line.

How a platform brings its history. It can be stopped, or die, at any point: run again, it goes on.
"""

from __future__ import annotations

import asyncio
import gc
from pathlib import Path
from time import monotonic
from typing import Annotated

import typer
from msgspec.structs import replace

from laurels.bootstrap import Laurels
from laurels.cli.event_lines import EventLines, open_lines
from laurels.cli.intake import Intake
from laurels.cli.options import RulebookOption, StoreOption, settings_for
from laurels.cli.rejects import Rejects, open_rejects
from laurels.cli.terminal import complain, progress_bar, say
from laurels.settings import Settings

# Seconds between projections: at the end, or when memory is full. A snapshot is far larger than an event, and one
# written every few seconds for each of many users costs more than all else.
PROJECTION_INTERVAL = 3_600.0
# An import has its process to itself: at about 150 bytes each, under half a gigabyte where a file's users are many.
CACHE_WEIGHT = 3_000_000


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
) -> None:
    """Record the events of a file: one JSON object a line, as POST /api/progress/event takes it.

    Running it again records nothing twice: an event without an eventId gets one made of its line's number and
    content. Exits with 0 when all lines are recorded, 1 when some were rejected, 2 when it had to stop.
    """
    settings = settings_for(store, rulebook)
    started = monotonic()
    with open_lines(file) as lines, open_rejects(rejects, file) as rejected:
        try:
            intake = asyncio.run(_import(lines, rejected, settings))
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


async def _import(lines: EventLines, rejects: Rejects, settings: Settings) -> Intake:
    _spare_the_collector()
    settings = replace(settings, cache_weight=max(settings.cache_weight, CACHE_WEIGHT))
    async with Laurels.open(settings=settings, projection_interval=PROJECTION_INTERVAL) as laurels:
        with progress_bar("Importing", total=lines.size, is_bytes=True) as bar:

            def on_progress(intake: Intake) -> None:
                done = intake.recorded + intake.replayed
                bar.show(lines.position, f"{done:,} events, {rejects.count:,} rejected")

            intake = Intake(laurels, rejects, on_progress=on_progress)
            await intake.take_in(lines)
        with progress_bar("Bringing the boards up to date"):
            await laurels.projector.flush()
    return intake


def _spare_the_collector() -> None:
    # The progress of many users is millions of objects, none of them garbage: looking through them again and
    # again takes a quarter of the time. Reference counts free all that an import lets go of.
    gc.freeze()
    gc.set_threshold(200_000, 20, 100)
