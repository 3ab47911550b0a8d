"""`laurels users`: shows a learner's data, deletes learners, and deletes those who have been inactive for long."""

from __future__ import annotations

import asyncio
import shlex
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer
from msgspec import UNSET

from laurels.application.maintenance.merging import Merged
from laurels.application.ports.spool import Spool
from laurels.application.privacy.personal_data import personal_data
from laurels.application.privacy.retention import inactive_users
from laurels.application.queries.learners.history import HistoryEntryView, history_page
from laurels.application.queries.learners.users import UserPage, list_users
from laurels.application.queries.views import Dashboard, UserView
from laurels.application.service import Service
from laurels.bootstrap import open_service, system_clock
from laurels.cli.options import StoreOption, store_settings, whole_number
from laurels.cli.terminal import CommandFailed, complain, say, show_table
from laurels.domain.boards.ranking import Visibility
from laurels.domain.periods import MS_PER_DAY, iso
from laurels.domain.progress import Progress
from laurels.plurals import counted
from laurels.settings import Settings

if TYPE_CHECKING:
    from laurels.storage.spool import FileSpool

T = TypeVar("T")

app = typer.Typer(help="Show or delete what is held of a learner.", no_args_is_help=True)

UserArgument = Annotated[str, typer.Argument(metavar="USER", help="The learner's id.", show_default=False)]


@app.command("list")
def list_(
    search: Annotated[
        str, typer.Argument(metavar="TEXT", help="Only those whose id or name contains this.", show_default=False)
    ] = "",
    store: StoreOption = None,
    limit: Annotated[int, whole_number(least=1, help="How many at the most.")] = 50,
    after: Annotated[str, typer.Option("--after", metavar="USER", help="Begin behind this id.")] = "",
) -> None:
    """Show learners with level and points, ascending by id."""

    async def work(laurels: Service, _spool: Spool | None) -> UserPage:
        found: list[UserView] = []
        place: str | None = after
        while place is not None and len(found) < limit:
            page = await list_users(
                laurels.store, laurels.learners, after=place, limit=limit - len(found), containing=search
            )
            found += page.users
            place = page.next
        return UserPage(found, place)

    page = _run(store_settings(store), work)
    if not page.users:
        complain("No learner is found." if search or after else "No learner is there yet.")
        return
    show_table(
        "Learners",
        ("id", "name", "level", "points", "badges", "last active"),
        [
            (
                user.user_id,
                user.display_name if user.has_name else "",
                str(user.level),
                f"{user.total_points:,}",
                str(len(user.badges)),
                user.last_active_at or "",
            )
            for user in page.users
        ],
        numbers=(2, 3, 4),
    )
    if page.next is not None:
        complain(f"There are more; go on with --after {shlex.quote(page.next)}")


@app.command()
def show(
    user: UserArgument,
    store: StoreOption = None,
    entries: Annotated[int, whole_number(least=1, help="How many lines of the ledger.")] = 20,
) -> None:
    """Show a learner: profile, totals, badges, and the last lines of their ledger."""

    async def work(laurels: Service, _spool: Spool | None) -> tuple[Dashboard, list[HistoryEntryView]]:
        progress = await laurels.learners.progress(user)
        lines: list[HistoryEntryView] = []
        cursor: str | None = None
        while not lines or (cursor is not None and len(lines) < entries):
            page = await history_page(
                laurels.store,
                laurels.rulebook,
                laurels.cursors,
                progress,
                cursor=cursor,
                limit=entries - len(lines),
            )
            lines += page.entries
            cursor = page.next
        return await laurels.learners.dashboard(user), lines

    dashboard, lines = _run(store_settings(store), work)
    shown = dashboard.user
    say(f"{shown.user_id}  {shown.display_name if shown.has_name else '(no name)'}")
    if shown.merged_into is not UNSET:
        say(f"Merged into {shown.merged_into}")
    say(f"Level {shown.level}, {counted(shown.total_points, 'point')}, {counted(dashboard.total_events, 'event')}")
    unit = "day" if dashboard.streak is UNSET else dashboard.streak.per
    say(f"Streak {counted(dashboard.daily_streak, unit)}, longest {counted(dashboard.longest_streak, unit)}")
    say(f"Since {shown.created_at}, time zone {shown.time_zone}")
    say(f"Badges: {', '.join(badge.name for badge in dashboard.badges) or 'none'}")
    say()
    show_table(
        "Ledger, newest first",
        ("seq", "at", "what", "points", "with badges", "badges", "reason"),
        [
            (
                str(line.seq),
                line.at,
                _what(line),
                f"{line.points:+,}",
                f"{line.points + sum(award.points for award in line.awards):+,}",
                ", ".join(_badges(line)),
                "" if line.reason is UNSET else line.reason,
            )
            for line in lines
        ],
        numbers=(0, 3, 4),
    )


def _what(line: HistoryEntryView) -> str:
    """The event of a line, or what else it did."""
    if line.event is not UNSET:
        return line.event.event_type
    if line.event_id is not UNSET:
        return f"{line.kind} of {line.event_id}"
    return line.kind if line.cause is UNSET else f"{line.kind} ({line.cause})"


def _badges(line: HistoryEntryView) -> Iterator[str]:
    """The badges that a line gave and took away."""
    for badge in line.awards:
        yield f"{badge.name} ({badge.points:+,})"
    for badge in [] if line.revoked is UNSET else line.revoked:
        yield f"{badge.name} ({-badge.points:+,})"


@app.command()
def data(user: UserArgument, store: StoreOption = None) -> None:
    """Print all data of a learner, as one JSON document."""

    async def work(laurels: Service, spool: Spool | None) -> None:
        async for piece in await personal_data(laurels.store, laurels.learners, system_clock, spool, user):
            sys.stdout.buffer.write(piece)
        sys.stdout.buffer.write(b"\n")
        sys.stdout.buffer.flush()

    _run(store_settings(store), work)


@app.command()
def delete(
    user: UserArgument,
    store: StoreOption = None,
    is_sure: Annotated[bool, typer.Option("--yes", help="Really delete them.")] = False,
) -> None:
    """Delete a learner with all their data, for good. Servers on the same store may run."""
    if not is_sure:
        raise CommandFailed("This deletes everything that is held of the learner, for good; add --yes if you mean it.")

    async def work(laurels: Service, spool: Spool | None) -> int:
        return (await laurels.deletion.delete(user, spool=spool)).deleted_at

    # Without the id: this output may be kept.
    say(f"The user is deleted since {iso(_run(store_settings(store), work))}")


@app.command()
def merge(
    source: Annotated[
        str, typer.Argument(metavar="FROM", help="The id of the learner who is merged.", show_default=False)
    ],
    into: Annotated[str, typer.Argument(metavar="INTO", help="The id that stays.", show_default=False)],
    reason: Annotated[
        str, typer.Option("--reason", metavar="TEXT", help="Why; it stands in both histories.", show_default=False)
    ],
    store: StoreOption = None,
) -> None:
    """Merge two learners who are the same person: everything of FROM then counts under the other id, and FROM is closed
    for good. If it is interrupted, run it again: it finishes the rest."""

    async def work(laurels: Service, _spool: Spool | None) -> tuple[Merged, Progress]:
        done = await laurels.merging.merge(source, into, reason=reason)
        return done, await laurels.learners.progress(into)

    done, progress = _run(store_settings(store), work)
    total = progress.total_points
    if done.is_replay:
        say(f"Nothing changed: {source} is already merged into {into}. {counted(total, 'point')} in all.")
        return
    say(f"{source} is merged into {into}: {counted(done.events, 'event')}. {counted(total, 'point')} in all.")
    if done.renamed:
        they = "another event under it" if done.renamed == 1 else "other events under theirs"
        complain(f"{counted(done.renamed, 'event')} got a new id: {into} had {they}.")
    # The profile is not merged.
    if done.visibility is not Visibility.PUBLIC and progress.visibility is Visibility.PUBLIC:
        complain(f"{source} was not shown by name on boards; {into} is, with all these points. Their profile decides.")


@app.command()
def suspend(user: UserArgument, store: StoreOption = None) -> None:
    """Take a learner off all boards, whatever their profile says. Their events still count."""
    _suspend(user, store, is_suspended=True)


@app.command()
def restore(user: UserArgument, store: StoreOption = None) -> None:
    """Let a suspended learner back on the boards, as their profile says."""
    _suspend(user, store, is_suspended=False)


def _suspend(user: str, store: str | None, *, is_suspended: bool) -> None:
    async def work(laurels: Service, _spool: Spool | None) -> None:
        await laurels.suspend_user(user, is_suspended=is_suspended)

    _run(store_settings(store), work)
    say("The user is suspended" if is_suspended else "The user is back")


@app.command()
def expire(
    store: StoreOption = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only print whom it would delete.")] = False,
) -> None:
    """Delete learners without an event for LAURELS_RETENTION_DAYS. Run it regularly, for example once a day."""
    settings = store_settings(store)
    days = settings.retention_days
    if days is None:
        raise CommandFailed("LAURELS_RETENTION_DAYS is not set: learners are kept for ever.")

    async def work(laurels: Service, spool: Spool | None) -> int:
        count = 0
        before = system_clock() - days * MS_PER_DAY
        async for user in inactive_users(laurels.store, laurels.learners, before=before):
            if dry_run:
                say(user)
            else:
                await laurels.deletion.delete(user, spool=spool)
            count += 1
        return count

    count = _run(settings, work)
    told = f"{counted(count, 'user')} without an event for {counted(days, 'day')}"
    if dry_run:
        complain(f"{told} would be deleted")
    else:
        say(f"{told} {'is' if count == 1 else 'are'} deleted")


def _run(settings: Settings, work: Callable[[Service, Spool | None], Awaitable[T]]) -> T:

    async def run() -> T:
        async with open_service(settings=settings) as laurels, _spool_of(settings) as spool:
            return await work(laurels, spool)

    return asyncio.run(run())


@asynccontextmanager
async def _spool_of(settings: Settings) -> AsyncGenerator[FileSpool | None]:
    """The spool of a server on this machine, if there is one."""
    folder = settings.spool_folder
    if folder is None or not (Path(folder) / "spool.db").is_file():
        yield None
        return
    from laurels.storage.spool import FileSpool  # noqa: PLC0415  a driver is only loaded when asked for

    opened = await FileSpool.open(Path(folder), limit=settings.spool_bytes)
    try:
        yield opened
    finally:
        await opened.close()
