"""`laurels import`: record the events of a file, one JSON object a line.

This is how a platform brings its history. The import can be stopped, or die, at any point: when it is run again, it
continues.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from time import monotonic
from typing import Annotated, NamedTuple

import typer

from laurels.bootstrap import open_store, rulebook_of, store_exists
from laurels.bootstrap.drivers import needs_pymongo
from laurels.cli.importing.dry_run import dry_worker
from laurels.cli.importing.formats import Format
from laurels.cli.importing.input_lines import STANDARD_INPUT, InputFailed, InputLines, open_lines
from laurels.cli.importing.mapping.loader import Mapping, load_mapping
from laurels.cli.importing.mapping.report import say_passed_over, say_preview
from laurels.cli.importing.pipeline import PAUSE, ImportPipeline
from laurels.cli.importing.rejects import Rejects, open_rejects
from laurels.cli.importing.source_lines import SourceLines
from laurels.cli.importing.worker import (
    Worker,
    for_import,
    local_worker,
    remote_workers,
    tune_collector,
)
from laurels.cli.options import RulebookOption, StoreOption, named_store, settings_for, whole_number
from laurels.cli.terminal import CommandFailed, complain, note, progress_bar, say
from laurels.domain.revisions.migration import DifferencePolicy
from laurels.plurals import counted
from laurels.rulebooks.loader import load_rulebook
from laurels.settings import Settings

# Bytes of input below which starting another process takes longer than it saves.
WORTH_STARTING = 4 << 20
# A store has one log to write; more processes than this mostly wait for it, and for each other.
MOST = 4
# Names of open streams, which do not identify their contents.
_STREAMS = ("/dev/stdin", "/dev/fd/", "/proc/")


def import_events(  # noqa: PLR0917  options of a command, each by its name
    file: Annotated[
        str | None,
        typer.Argument(
            metavar="FILE|-",
            help="NDJSON, a JSON array or CSV, plain or gzip; - reads standard input.",
            show_default=False,
        ),
    ] = None,
    store: StoreOption = None,
    rulebook: RulebookOption = None,
    rejects: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Write the rejected lines here at the end, to be mended and imported. It must be new or empty.",
        ),
    ] = None,
    processes: Annotated[
        int | None,
        whole_number(
            metavar="N",
            least=1,
            most=64,
            help="Processes that share the work. Default: one; for a large file one a core, up to 4.",
            show_default=False,
        ),
    ] = None,
    source: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="What the input is called: events without an eventId go by it and their line. Default: the file's "
            "name.",
            show_default=False,
        ),
    ] = None,
    form: Annotated[
        Format, typer.Option("--format", help="ndjson: one object a line, or one JSON array; csv: with named columns.")
    ] = "ndjson",
    kind: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="KIND|FILE.toml",
            help="The file is another platform's: which of its columns becomes what. laurels mappings lists the kinds.",
            show_default=False,
        ),
    ] = None,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run", help="Check every line, against the store too, and record nothing; with --from, a preview."
        ),
    ] = False,
    from_mongo: Annotated[
        str | None,
        typer.Option(
            metavar="URI",
            help="Take over a MongoDB database of the older schema (users, learningevents, achievements) instead.",
            show_default=False,
        ),
    ] = None,
    differences: Annotated[
        DifferencePolicy,
        typer.Option(help="With --from-mongo: keep or drop what a stored total has more than its events and badges."),
    ] = DifferencePolicy.KEEP,
) -> None:
    """Record the events of a file: one JSON object a line, as POST /api/progress/event accepts it.

    With --from, a mapping converts the rows of another platform's file to events: see laurels mappings. With
    --from-mongo, take over users, events and badges of an older database, which is only read. Running it again records
    nothing twice: an event without an eventId gets one made of the input's name and its line. Exits with 0 if all lines
    are recorded, 1 if some were rejected, 2 if it had to stop.
    """
    settings = named_store(settings_for(store, rulebook))
    if (file is None) == (from_mongo is None):
        raise CommandFailed("Name either a FILE (- for standard input) or a database with --from-mongo.")
    if from_mongo is not None:
        if processes is not None or source is not None or dry_run or form != "ndjson" or kind is not None:
            raise CommandFailed(
                "--processes, --source, --format, --from and --dry-run are for a FILE, not for --from-mongo."
            )
        _take_over(from_mongo, settings, differences, rejects)
    elif file is not None:
        if source is not None and not source.strip():
            raise CommandFailed("--source NAME names nothing; give the input a name, or leave --source out.")
        if kind is not None and form != "ndjson":
            raise CommandFailed(
                "--format is for events as they are; the mapping of --from says its own (input.format)."
            )
        mapping = None if kind is None else load_mapping(kind)
        options = _Options(source or name_of(file), form, mapping, dry_run, processes)
        _import_file(file, settings, rejects, options)


def _take_over(url: str, settings: Settings, differences: DifferencePolicy, rejects: Path | None) -> None:
    with needs_pymongo("--from-mongo"):
        from laurels.cli.importing.mongodb import import_mongodb  # noqa: PLC0415  a driver is only loaded when asked for

    tune_collector()
    import_mongodb(url, for_import(settings), differences=differences, rejects=rejects)


def name_of(file: str) -> str | None:
    """The name of a file; None for input from a pipe or a device, even if that is a file."""
    path = Path(file)
    if file == STANDARD_INPUT or str(path.absolute()).startswith(_STREAMS) or not path.is_file():
        return None
    # The compressed file has the same name.
    return path.name.removesuffix(".gz")


class _Options(NamedTuple):
    """The options of an import: the input's name and contents, whether it is only checked, and the number of
    processes."""

    source: str | None
    form: Format
    mapping: Mapping | None
    is_dry: bool
    processes: int | None


def _import_file(file: str, settings: Settings, rejects: Path | None, options: _Options) -> None:
    started = monotonic()
    with (
        open_lines(file, options.form, options.mapping and options.mapping.document) as lines,
        open_rejects(rejects, source=file, database=settings.database) as rejected,
    ):
        try:
            intake = asyncio.run(_import(lines, rejected, settings, options))
        except KeyboardInterrupt:
            complain("Interrupted. Run the same command again to continue: nothing is recorded twice.")
            raise
        finally:
            rejected.finish()
    if not intake.read:
        note(f"{lines.name} is empty.")
    if options.mapping is not None and options.is_dry:
        say_preview(lines.tally)
    seconds = monotonic() - started
    taken = intake.recorded + intake.replayed
    conflicts = f" ({intake.conflicts:,} in conflict with what stands there)" if intake.conflicts else ""
    if options.is_dry:
        say(
            f"{intake.recorded:,} can be recorded, {intake.replayed:,} already there, {rejected.count:,} would be "
            f"rejected{conflicts}; nothing was recorded"
        )
    else:
        say(
            f"{intake.recorded:,} recorded, {intake.replayed:,} already there, {rejected.count:,} rejected{conflicts} "
            f"in {seconds:,.1f} s ({taken / seconds:,.0f} events/s)"
        )
    if options.mapping is not None:
        say_passed_over(lines.tally)
    if rejected.count:
        if rejects is not None and (options.form == "csv" or options.mapping is not None):
            made = "--format" if options.mapping is None else "--from"
            note(f"{rejects} holds the rejected rows as events in JSON, one a line: mend and import it without {made}.")
        raise typer.Exit(1)


async def _import(lines: InputLines, rejects: Rejects, settings: Settings, options: _Options) -> ImportPipeline:
    processes = 1 if options.is_dry else options.processes
    if processes is None:
        processes = _process_count(lines.size)
    settings = for_import(settings, processes)
    await _check(lines, settings, options)
    async with AsyncExitStack() as workers:
        if options.is_dry:
            checking = await workers.enter_async_context(dry_worker(settings))
            recording: Sequence[Worker] = [checking]
            rulebook = checking.rulebook
            imports = None if checking.store is None else checking.store.imports
            source = await SourceLines.of(options.source, imports, is_kept=False)
        elif processes == 1:
            worker = await workers.enter_async_context(local_worker(settings))
            recording = [worker]
            rulebook = worker.rulebook
            source = await SourceLines.of(options.source, worker.store.imports)
        else:
            # Any problem with the store or the rulebook is reported here, once.
            store = await open_store(settings.store)
            workers.push_async_callback(store.close)
            rulebook = await rulebook_of(store, settings, publishes=True)
            source = await SourceLines.of(options.source, store.imports)
            recording = await workers.enter_async_context(remote_workers(settings, processes))
        if options.mapping is not None:
            options.mapping.check_types(rulebook.event_types)
        with progress_bar("Importing", total=lines.size, is_bytes=True) as bar:

            def on_progress(intake: ImportPipeline) -> None:
                # Reading is half of the work.
                share = intake.settled / intake.read if intake.read else 0.0
                done = intake.recorded + intake.replayed
                bar.show(
                    int(lines.position * (1 + share)) // 2, f"{counted(done, 'event')}, {rejects.count:,} rejected"
                )

            # A mere check need not hurry.
            pause = None if options.is_dry else PAUSE
            intake = ImportPipeline(recording, rejects, source=source, on_progress=on_progress, pause=pause)
            await intake.take_in(lines)
        with progress_bar("Bringing the boards up to date"):
            await workers.aclose()
    return intake


async def _check(lines: InputLines, settings: Settings, options: _Options) -> None:
    """Refuse bad input before a database is made, which the next attempt would find with a rulebook in it."""
    if options.mapping is not None and not await store_exists(settings.store):
        options.mapping.check_types(load_rulebook(settings.rulebook or "coding").event_types)
    try:
        await lines.begin()
    except InputFailed as error:
        raise CommandFailed(f"{error} Nothing was recorded.") from error


def _process_count(size: int | None) -> int:
    """The number of processes for an input of `size` bytes (None: unknown)."""
    if size is None or size < WORTH_STARTING:
        return 1
    return min(os.cpu_count() or 1, MOST)
