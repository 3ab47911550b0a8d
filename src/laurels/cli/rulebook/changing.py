"""`laurels rulebook diff`, `preview` and `publish`: from one rulebook to another, without surprises."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Annotated, Any

import msgspec
import typer
from msgspec import Struct

from laurels.application.maintenance.backfill import Preview
from laurels.application.maintenance.backfill import preview as preview_backfill
from laurels.application.maintenance.publishing import Publications
from laurels.application.ports.jobs import Job
from laurels.application.ports.rulebook import PublishedRulebook
from laurels.application.service import Service
from laurels.bootstrap import open_service, open_store, system_clock
from laurels.cli.maintenance.verify import count_users
from laurels.cli.options import StoreOption, rulebook_for, store_settings
from laurels.cli.rulebook.preview_words import show_preview
from laurels.cli.terminal import CommandFailed, progress_bar, say, show_table
from laurels.domain.ledger.entries import Notify
from laurels.domain.rules.differences import differences
from laurels.domain.rules.rulebook import Rulebook
from laurels.errors import RulebookError
from laurels.plurals import counted
from laurels.rulebooks.loader import load_rulebook, parse_rulebook
from laurels.settings import Settings

# The maximum number of characters shown of a value in a line.
_WIDTH = 60
# Seconds between two looks at a job that another process runs.
_LOOK = 1.0

RepointOption = Annotated[
    bool, typer.Option("--repoint", help="Count the points of the past anew as well. Goes with --backfill.")
]
FileArgument = Annotated[str, typer.Argument(metavar="NEW", help="A TOML file, or the name of a built-in rulebook.")]


def diff(
    file: FileArgument,
    store: StoreOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON array.")] = False,
) -> None:
    """Show how a rulebook differs from the one in force."""
    rulebook = load_rulebook(file)
    settings = msgspec.structs.replace(store_settings(store), rulebook=None)
    before = asyncio.run(rulebook_for(settings))
    found = differences(before.data, rulebook.data)
    if as_json:
        say(msgspec.json.format(msgspec.json.encode(found), indent=2).decode())
        return
    if not found:
        say(f"{file} says what the store runs.")
        return
    show_table(
        f"{file} against the rulebook that the store runs",
        ("key", "in force", "new"),
        [(each.key, _short(each.was), _short(each.becomes)) for each in found],
        numbers=(),
    )


def _short(value: Any) -> str:
    if value is None:
        return "-"
    text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    return text if len(text) <= _WIDTH else f"{text[: _WIDTH - 1]}…"


def preview(
    file: FileArgument,
    store: StoreOption = None,
    repoint: RepointOption = False,
    as_json: Annotated[bool, typer.Option("--json", help="The preview as one JSON document.")] = False,
) -> None:
    """Show which badges a backfill under a rulebook would award, and to how many learners. Writes nothing."""
    rulebook = load_rulebook(file)
    settings = store_settings(store)

    async def run() -> Preview:
        opened = await open_store(settings.store)
        try:
            return await preview_backfill(opened, rulebook, repoint=repoint)
        finally:
            await opened.close()

    found = asyncio.run(run())
    if as_json:
        say(msgspec.json.format(msgspec.json.encode(found), indent=2).decode())
        return
    show_preview(file, found, repoint=repoint)


def publish(
    file: FileArgument,
    store: StoreOption = None,
    backfill: Annotated[
        bool, typer.Option("--backfill", help="Award the badges that learners meet already, and wait until it is done.")
    ] = False,
    repoint: RepointOption = False,
    notify: Annotated[Notify, typer.Option(help="What webhooks and streams tell of these awards.")] = "none",
) -> None:
    """Put a rulebook in force: every process on the store uses it within about two seconds.

    With --backfill or --repoint it is safe to stop this command: a running server continues the work, and so does the
    same command.
    """
    if notify != "none" and not backfill and not repoint:
        raise CommandFailed(f"--notify {notify} needs --backfill or --repoint: without them no badge is awarded.")
    rulebook = load_rulebook(file)
    settings = msgspec.structs.replace(store_settings(store), rulebook=None)
    done = asyncio.run(_publish(settings, rulebook, backfill=backfill, repoint=repoint, notify=notify))
    job, already = done.job, "" if done.is_new else " already"
    say(f"Version {done.version} of the rulebook {rulebook.name} is in force{already}.")
    if job is None:
        if done.changes_badges:
            say("To award new and changed badges to learners who meet them already, publish again with --backfill.")
        return
    if job.state != "done":
        raise CommandFailed(
            job.error
            or f"Another rulebook was published before the backfill of version {job.version} was done, so it stopped. "
            "To put this one in force and award its badges, publish it again with --backfill."
        )
    title = f"{counted(job.learners, 'learner')}, {counted(job.events, 'event')}"
    if job.awards:
        rows = [(badge_id, f"{count:,}") for badge_id, count in job.awards.items()]
        show_table(title, ("badge", "awarded"), rows, numbers=(1,))
    else:
        say(title)
    if job.repoint:
        say(f"points of {counted(job.repointed, 'learner')} counted anew")
    say(counted(sum(job.awards.values()), "badge") + " awarded")


class _Published(Struct, frozen=True):
    """A publication: the version in force and its job, if any. `is_new`: that version was not in force before;
    `changes_badges`: nor were its badges."""

    version: int
    is_new: bool
    changes_badges: bool
    job: Job | None = None


async def _publish(
    settings: Settings, rulebook: Rulebook, *, backfill: bool, repoint: bool, notify: Notify
) -> _Published:
    store = await open_store(settings.store)
    try:
        before = await store.rulebook.newest()
        publications = Publications(store, system_clock, parse_rulebook)
        published, job = await publications.publish(
            rulebook, by=None, backfill=backfill, notify=notify, repoint=repoint
        )
        done = _Published(
            version=published.version,
            is_new=before is None or before.version != published.version,
            changes_badges=_changes_badges(before, rulebook),
            job=job,
        )
        if job is None:
            return done
        users = await count_users(store)
    finally:
        await store.close()
    async with open_service(settings=settings) as laurels:
        with progress_bar("Awarding", total=users) as bar:

            def on_page(now: Job) -> None:
                bar.show(
                    now.learners, f"{counted(now.learners, 'learner')}, {counted(sum(now.awards.values()), 'badge')}"
                )

            return msgspec.structs.replace(done, job=await _done(laurels, job, on_page))


def _changes_badges(before: PublishedRulebook | None, rulebook: Rulebook) -> bool:
    if before is None:
        return False
    try:
        was = Rulebook.of_json(before.content)
    except RulebookError:
        # A newer Laurels wrote it.
        return True
    return any(each.key.startswith("badges.") for each in differences(was.data, rulebook.data))


async def _done(laurels: Service, job: Job, on_page: Callable[[Job], object]) -> Job:
    """Wait for the job to end. This process runs it unless another one already does."""
    while job.is_open:
        done = await laurels.jobs.work(job.id, on_page=on_page)
        if done is None:
            await asyncio.sleep(_LOOK)
            done = await laurels.store.jobs.get(job.id)
        job = done or job
        on_page(job)
    return job
