"""`laurels streak`: a missed day of a learner repaired for points, as the rulebook allows it."""

from __future__ import annotations

import asyncio
from datetime import date, datetime
from typing import Annotated

import typer

from laurels.application.recording.repair_command import Repaired
from laurels.bootstrap import open_service
from laurels.cli.corrections import UserArgument
from laurels.cli.options import StoreOption, store_settings
from laurels.cli.terminal import say
from laurels.domain.periods import day_name
from laurels.plurals import counted

app = typer.Typer(help="Repair a learner's streak.", no_args_is_help=True)


@app.callback()
def group() -> None:
    """Repair a learner's streak."""


@app.command()
def repair(
    user: UserArgument,
    day: Annotated[
        datetime,
        typer.Argument(
            metavar="DAY",
            formats=["%Y-%m-%d"],
            help="The day that the learner missed, such as 2026-03-01; of a week any day of it.",
            show_default=False,
        ),
    ],
    reason: Annotated[
        str | None,
        typer.Option("--reason", metavar="TEXT", help="Why; it stands in the learner's history.", show_default=False),
    ] = None,
    store: StoreOption = None,
) -> None:
    """Pay for a missed day with the learner's points, so that it does not break the streak."""
    settings = store_settings(store)

    async def run() -> tuple[Repaired, str]:
        async with open_service(settings=settings) as laurels:
            done = await laurels.repairs.repair(user, date(day.year, day.month, day.day), reason=reason)
            streak = laurels.rulebook.daily_streak(done.progress, laurels.clock())
            return done, counted(streak, laurels.rulebook.streak_unit)

    done, streak = asyncio.run(run())
    said = f"{day_name(done.repair.first)} of {user} is repaired for {counted(done.repair.price, 'point')}."
    if done.is_replay:
        said = f"Nothing changed: this was done before. {said}"
    say(f"{said} The streak is {streak}; {counted(done.progress.total_points, 'point')} in all.")
