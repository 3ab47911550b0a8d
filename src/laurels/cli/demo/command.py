"""`laurels demo`: fill a store with invented learners, for a first look.

An empty service shows nothing; this takes seconds and brings running streaks, boards with ties, and badges.
"""

from __future__ import annotations

import asyncio
import shlex
from datetime import UTC, date, datetime, time, timedelta
from itertools import islice
from time import monotonic
from typing import Annotated

import typer

from laurels.application.recording.commands import RecordedEntry
from laurels.application.service import Service
from laurels.bootstrap import open_service
from laurels.cli.demo.learners import Learner, events_of, learners
from laurels.cli.options import RulebookOption, StoreOption, named_store, settings_for, whole_number
from laurels.cli.terminal import CommandFailed, complain, progress_bar, say
from laurels.domain.events import LearningEvent
from laurels.domain.periods import Timeframe
from laurels.plurals import counted
from laurels.settings import Settings

DEFAULT_PORT = 8_000
BATCH = 2_000
PROJECTION_INTERVAL = 3_600.0


class Loaded:
    """The results of the demo's events."""

    def __init__(self) -> None:
        self.recorded = 0
        self.replayed = 0
        self.badges = 0
        self.leader = ""


def demo(
    store: StoreOption = None,
    rulebook: RulebookOption = None,
    users: Annotated[int, whole_number(least=1, most=100_000, help="How many learners.")] = 300,
    days: Annotated[int, whole_number(least=1, most=3_650, help="How far back they go.")] = 180,
    seed: Annotated[int, whole_number(least=0, most=1_000_000, help="Another seed: other learners.")] = 1,
    port: Annotated[
        int, whole_number(least=1, most=65_535, help="The port that you will serve on, for what to look at next.")
    ] = DEFAULT_PORT,
    until: Annotated[
        str | None,
        typer.Option(metavar="DATE", help="The last day, such as 2026-11-23. Default: today, up to now."),
    ] = None,
) -> None:
    """Fill the store with invented learners and half a year of their activity.

    The same options make the same events, so running it again records nothing twice; on another day it adds the events
    since then.
    """
    settings = named_store(settings_for(store, rulebook))
    end = _end(until)
    started = monotonic()
    everyone = learners(users, days=days, seed=seed, until=end.date())
    loaded = asyncio.run(_load(everyone, end, settings))
    say(
        f"{counted(users, 'learner')} over {counted(days, 'day')}: {counted(loaded.recorded, 'event')} recorded, "
        f"{loaded.replayed:,} already there, {counted(loaded.badges, 'badge')} awarded, "
        f"in {monotonic() - started:,.1f} s"
    )
    say("What to look at next:")
    store_option = f"--store {shlex.quote(settings.store)}"
    say(f"  laurels serve {store_option}" + (f" --port {port}" if port != DEFAULT_PORT else ""))
    say(f"  curl 'http://127.0.0.1:{port}/api/progress/leaderboard?timeframe=weekly'")
    say(f"  curl 'http://127.0.0.1:{port}/api/progress/dashboard/{loaded.leader}'")
    say(f"  laurels verify {store_option}")


def _end(until: str | None) -> datetime:
    now = datetime.now(UTC)
    if until is None:
        return now
    try:
        day = date.fromisoformat(until)
    except ValueError:
        raise CommandFailed(f"--until {until}: must be a date such as 2026-11-23.") from None
    if day > now.date():
        raise CommandFailed(f"--until {until} lies in the future, and events cannot; name today or an earlier day.")
    return min(now, datetime.combine(day, time.max, UTC))


async def _load(everyone: list[Learner], end: datetime, settings: Settings) -> Loaded:
    loaded = Loaded()
    async with open_service(settings=settings, publish=True, projection_interval=PROJECTION_INTERVAL) as laurels:
        # Set before their first event, because the zone decides on which day that one counts.
        await asyncio.gather(
            *(
                laurels.recorder.change_profile(
                    learner.user_id, {"displayName": learner.display_name, "timeZone": learner.time_zone}
                )
                for learner in everyone
            )
        )
        first = min(learner.first for learner in everyone)
        events = events_of(everyone, until=end)
        with progress_bar("Loading", total=(end.date() - first + timedelta(days=1)).days) as bar:
            while batch := list(islice(events, BATCH)):
                await _record(laurels, batch, loaded)
                at = batch[-1].timestamp or end
                bar.show((at.date() - first).days, counted(loaded.recorded + loaded.replayed, "event"))
        await laurels.projector.flush()
        board = await laurels.leaderboards.page(Timeframe.ALL_TIME, limit=1)
        loaded.leader = board.leaderboard[0].user_id if board.leaderboard else everyone[0].user_id
    return loaded


async def _record(laurels: Service, batch: list[LearningEvent], loaded: Loaded) -> None:
    results = await laurels.record_many(batch, earliest=0, is_imported=True)
    for event, result in zip(batch, results, strict=True):
        if not isinstance(result, RecordedEntry):
            complain(f"{event.event_type} of {event.user_id}: {result}")
            raise CommandFailed("The demo stopped: it is made for the rulebook `coding`, in a store without conflicts.")
        if result.is_replay:
            loaded.replayed += 1
        else:
            loaded.recorded += 1
            loaded.badges += len(result.body.outcome.awards)
