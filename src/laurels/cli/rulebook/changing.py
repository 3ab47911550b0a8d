"""`laurels rulebook diff`, `preview` and `publish`: from one rulebook to another, without surprises."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Annotated, Any

import msgspec
import typer

from laurels.application.maintenance.backfill import Preview
from laurels.application.maintenance.backfill import preview as preview_backfill
from laurels.application.maintenance.publishing import Publications
from laurels.application.ports.jobs import Job
from laurels.application.ports.rulebook import PublishedRulebook
from laurels.application.service import Service
from laurels.bootstrap import open_service, open_store, system_clock
from laurels.cli.maintenance.verify import count_users
from laurels.cli.options import StoreOption, rulebook_for, store_settings
from laurels.cli.terminal import CommandFailed, progress_bar, say, show_table
from laurels.domain.ledger.entries import Notify
from laurels.domain.rules.differences import differences
from laurels.domain.rules.rulebook import Rulebook
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
    show_table(
        f"{file}: {counted(found.learners, 'learner')}, {counted(found.events, 'event')}",
        ("badge", "holders", "would earn", "months"),
        [
            (badge.badge_id, f"{badge.holders:,}", f"{badge.would_earn:,}", f"{len(badge.months):,}")
            for badge in found.badges
            if badge.would_earn
        ],
        numbers=(1, 2, 3),
    )
    if repoint:
        say(f"{found.repointed_points:+,} points by counting anew, of {counted(found.repointed, 'learner')}")
    if found.currencies:
        say("currencies: " + ", ".join(f"{amount:+,} {name}" for name, amount in found.currencies.items()))
    say(
        f"{counted(found.points, 'point')} in all; the level of {counted(found.levels_changed, 'learner')} would change"
    )


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
    rulebook = load_rulebook(file)
    settings = msgspec.structs.replace(store_settings(store), rulebook=None)
    published, job = asyncio.run(_publish(settings, rulebook, backfill=backfill, repoint=repoint, notify=notify))
    say(f"Version {published.version} of the rulebook {published.name} is in force.")
    if job is None:
        return
    if job.state != "done":
        raise CommandFailed(job.error or f"The backfill was not done: version {job.version} is in force no more.")
    show_table(
        f"{counted(job.learners, 'learner')}, {counted(job.events, 'event')}",
        ("badge", "awarded"),
        [(badge_id, f"{count:,}") for badge_id, count in job.awards.items()],
        numbers=(1,),
    )
    if job.repoint:
        say(f"points of {counted(job.repointed, 'learner')} counted anew")
    say(counted(sum(job.awards.values()), "badge") + " awarded")


async def _publish(
    settings: Settings, rulebook: Rulebook, *, backfill: bool, repoint: bool, notify: Notify
) -> tuple[PublishedRulebook, Job | None]:
    store = await open_store(settings.store)
    try:
        publications = Publications(store, system_clock, parse_rulebook)
        published, job = await publications.publish(
            rulebook, by=None, backfill=backfill, notify=notify, repoint=repoint
        )
        if job is None:
            return published, None
        users = await count_users(store)
    finally:
        await store.close()
    async with open_service(settings=settings) as laurels:
        with progress_bar("Awarding", total=users) as bar:

            def on_page(now: Job) -> None:
                bar.show(
                    now.learners, f"{counted(now.learners, 'learner')}, {counted(sum(now.awards.values()), 'badge')}"
                )

            return published, await _done(laurels, job, on_page)


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
