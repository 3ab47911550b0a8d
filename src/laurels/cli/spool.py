"""`laurels spool`: the events that wait on this machine's disk for the database, and those that could not be recorded.

An event that was acknowledged and then refused must not be discovered by accident.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import msgspec
import typer

from laurels.application.ports.spool import Spooled
from laurels.cli.terminal import CommandFailed, note, say
from laurels.domain.periods import iso
from laurels.plurals import counted
from laurels.settings import read_settings

if TYPE_CHECKING:
    from laurels.storage.spool import FileSpool

T = TypeVar("T")

app = typer.Typer(help="Show what waits for the database, and what could not be recorded.", no_args_is_help=True)

SpoolOption = Annotated[
    Path | None,
    typer.Option(
        "--spool",
        metavar="FOLDER",
        help="The spool. Default: LAURELS_SPOOL, else spool in the folder LAURELS_DATA.",
        show_default=False,
    ),
]


@app.command()
def show(spool: SpoolOption = None) -> None:
    """Show how many events wait, since when, and the totals. Exits with 1 if events were set aside."""
    stats = _run(spool, lambda opened: opened.stats())
    since = "" if stats.oldest_at is None else f", the first since {iso(stats.oldest_at)}"
    say(counted(stats.waiting, "event waits", "events wait") + since)
    say(f"{stats.bytes:,} of {counted(stats.limit, 'byte')} {'is' if stats.bytes == 1 else 'are'} used")
    say(f"{counted(stats.queued, 'was queued', 'were queued')}, {stats.drained:,} of them recorded")
    say(counted(stats.set_aside, "is set aside", "are set aside"))
    if stats.set_aside:
        raise typer.Exit(1)


@app.command("list")
def list_events(
    spool: SpoolOption = None,
    aside: Annotated[bool, typer.Option("--set-aside", help="Those that could not be recorded, with reasons.")] = False,
) -> None:
    """Print the events that wait, or were set aside, as JSON lines in order of arrival."""

    async def waiting(opened: FileSpool) -> bool:
        events = await opened.first((await opened.stats()).waiting)
        for each in events:
            _print(_line(each))
        return bool(events)

    async def set_aside(opened: FileSpool) -> bool:
        events = await opened.set_aside()
        for each in events:
            _print({**_line(each.spooled), "reason": each.reason})
        return bool(events)

    if not _run(spool, set_aside if aside else waiting):
        note("No event is set aside." if aside else "No event waits.")


@app.command()
def retry(spool: SpoolOption = None) -> None:
    """Queue the events that were set aside again, once their problem is solved."""
    say(counted(_run(spool, lambda opened: opened.retry()), "event waits again", "events wait again"))


@app.command()
def discard(
    spool: SpoolOption = None,
    is_sure: Annotated[bool, typer.Option("--yes", help="Really delete them.")] = False,
) -> None:
    """Delete the events that were set aside, for good."""
    if not is_sure:
        raise CommandFailed("This deletes events that were acknowledged; look at them first, then add --yes.")
    say(counted(_run(spool, lambda opened: opened.discard()), "event is deleted", "events are deleted"))


def _line(spooled: Spooled) -> dict[str, object]:
    """The printed form of a waiting event: its arrival, its place in the order, and the event as it was sent."""
    sent = {name: value for name, value in msgspec.to_builtins(spooled.event).items() if value not in (None, {})}
    return {"arrivedAt": iso(spooled.arrived_at), "position": spooled.position, "event": sent}


def _print(event: dict[str, object]) -> None:
    say(msgspec.json.encode(event).decode())


def _run(folder: Path | None, work: Callable[[FileSpool], Awaitable[T]]) -> T:
    settings = read_settings()
    # Independent of this command's store: waiting events belong to the server that keeps the spool.
    folder = settings.spool_place if folder is None else folder.absolute()
    note(f"spool: {folder}")
    if not (folder / "spool.db").is_file():
        raise CommandFailed(
            f"There is no spool in {folder}: no server keeps one there. Name another folder with --spool, "
            "LAURELS_SPOOL or LAURELS_DATA."
        )

    from laurels.storage.spool import FileSpool  # noqa: PLC0415  a driver is only loaded when asked for

    async def run(folder: Path) -> T:
        opened = await FileSpool.open(folder, limit=settings.spool_bytes)
        try:
            return await work(opened)
        finally:
            await opened.close()

    return asyncio.run(run(folder))
