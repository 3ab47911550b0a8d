"""`laurels rulebook check` and `show`: is a rulebook sound, and what does it say.

Points and badges are data that people edit by hand; they should see what a file means before a server does.
"""

from __future__ import annotations

import asyncio
from itertools import groupby
from typing import Annotated

import msgspec
import typer

from laurels.application.maintenance.backfill import Backfilled, Preview, run_backfill
from laurels.application.maintenance.backfill import preview as preview_backfill
from laurels.bootstrap import open_service, open_store
from laurels.cli.options import StoreOption, check_exists, settings_for
from laurels.cli.terminal import say, show_table
from laurels.domain.ledger import Notify
from laurels.domain.rules.criteria import (
    AllOf,
    AnyOf,
    Badges,
    Count,
    Criterion,
    Distinct,
    EventLeaf,
    Level,
    Points,
    Range,
    Span,
    Streak,
    Sum,
)
from laurels.domain.rules.points import EventType
from laurels.domain.rules.rulebook import Rulebook
from laurels.rulebooks.loader import load_rulebook

SHOWN_LEVELS = 10
_CATEGORIES = ("coding", "learning", "social", "milestone", "streak")

app = typer.Typer(no_args_is_help=True, help="Check a rulebook, or show what it says.")


@app.command()
def check(
    file: Annotated[str, typer.Argument(metavar="FILE", help="A TOML file, or the name of a built-in rulebook.")],
) -> None:
    """Tell whether a rulebook can be used, or which line of it cannot."""
    rulebook = load_rulebook(file)
    say(f"{file}: OK, {len(rulebook.event_types):,} event types, {len(rulebook.badges):,} badges")


@app.command()
def show(
    source: Annotated[
        str | None,
        typer.Argument(
            metavar="[NAME|FILE]",
            help="A built-in name or a TOML file. Default: LAURELS_RULEBOOK, else coding.",
            show_default=False,
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The whole rulebook as JSON.")] = False,
) -> None:
    """Show the event types, levels and badges of a rulebook."""
    rulebook = load_rulebook(source or settings_for().rulebook)
    if as_json:
        say(msgspec.json.format(msgspec.json.encode(rulebook.data), indent=2).decode())
        return
    show_table(
        f"Event types of {rulebook.name}",
        ("event type", "points", "bonuses and limits", "description"),
        [(name, f"{kind.points:,}", _terms(kind), kind.description) for name, kind in rulebook.event_types.items()],
        numbers=(1,),
    )
    show_table("Levels", ("level", "from points"), _levels(rulebook), numbers=(0, 1))
    badges = sorted(rulebook.badges, key=lambda badge: _CATEGORIES.index(badge.category))
    for category, group in groupby(badges, key=lambda badge: badge.category):
        show_table(
            f"Badges: {category}",
            ("badge", "name", "rarity", "points", "earned by"),
            [(badge.id, badge.name, badge.rarity, f"{badge.points:,}", describe(badge.criterion)) for badge in group],
            numbers=(3,),
        )


def _terms(kind: EventType) -> str:
    terms = [f"+{bonus.points:,} when {bonus.field} > {bonus.above:g}" for bonus in kind.bonuses]
    if kind.max_per_day is not msgspec.UNSET:
        terms.append(f"{kind.max_per_day:,} a day paid")
    if kind.max_points_per_day is not msgspec.UNSET:
        terms.append(f"{kind.max_points_per_day:,} points a day")
    if kind.cooldown is not msgspec.UNSET:
        terms.append(f"{kind.cooldown:,} seconds apart")
    return ", ".join(terms)


def _levels(rulebook: Rulebook) -> list[tuple[str, str]]:
    starts = [(level, rulebook.levels.start_of(level)) for level in range(1, SHOWN_LEVELS + 1)]
    return [(str(level), f"{start:,}") for level, start in starts if start is not None]


def describe(criterion: Criterion) -> str:
    """What a criterion asks for, in words."""
    match criterion:
        case AllOf():
            return " and ".join(_part(part) for part in criterion.of)
        case AnyOf():
            return " or ".join(_part(part) for part in criterion.of)
        case Count():
            return f"{criterion.target:,} {_events(criterion)}"
        case Distinct():
            return f"{criterion.target:,} different values of {criterion.field} in {_events(criterion)}"
        case Sum():
            return f"{criterion.field} of {criterion.target:,} in all over {_events(criterion)}"
        case Points():
            return f"{criterion.target:,} total points"
        case Level():
            return f"level {criterion.target:,}"
        case Streak():
            return f"a streak of {criterion.target:,} days"
        case Span():
            return f"{criterion.target:,} days from the first to the last active one"
        case Badges():
            kind = " ".join(word for word in (criterion.rarity, criterion.category) if word)
            return f"{criterion.target:,} {kind + ' ' if kind else ''}badges"


def _part(part: Criterion) -> str:
    return f"({describe(part)})" if isinstance(part, AllOf | AnyOf) else describe(part)


def _events(leaf: EventLeaf) -> str:
    named = "events" if leaf.event is None else leaf.event if isinstance(leaf.event, str) else " or ".join(leaf.event)
    conditions = ", ".join(f"{field} {_condition(condition)}" for field, condition in leaf.where.items())
    where = f" with {conditions}" if conditions else ""
    window = f" within one {leaf.per}" if leaf.per else ""
    return f"{named}{where}{window}"


def _condition(condition: object) -> str:
    if isinstance(condition, Range):
        if condition.min is None:
            return f"up to {condition.max:g}"
        if condition.max is None:
            return f"from {condition.min:g}"
        return f"from {condition.min:g} to {condition.max:g}"
    if isinstance(condition, list):
        return " or ".join(str(value) for value in condition)  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
    return str(condition)


@app.command()
def preview(
    file: Annotated[str, typer.Argument(metavar="NEW", help="A TOML file, or the name of a built-in rulebook.")],
    store: StoreOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="The preview as one JSON document.")] = False,
) -> None:
    """Show which badges a backfill under a rulebook would award, and to how many learners. Writes nothing."""
    rulebook = load_rulebook(file)
    settings = settings_for(store)
    check_exists(settings.store)

    async def run() -> Preview:
        opened = await open_store(settings.store)
        try:
            return await preview_backfill(opened, rulebook)
        finally:
            await opened.close()

    found = asyncio.run(run())
    if as_json:
        say(msgspec.json.format(msgspec.json.encode(found), indent=2).decode())
        return
    show_table(
        f"{file}: {found.learners:,} learners, {found.events:,} events",
        ("badge", "holders", "would earn", "months"),
        [
            (badge.badge_id, f"{badge.holders:,}", f"{badge.would_earn:,}", f"{len(badge.months):,}")
            for badge in found.badges
            if badge.would_earn
        ],
        numbers=(1, 2, 3),
    )
    say(f"{found.points:,} points in all; the level of {found.levels_changed:,} learners would change")


@app.command()
def backfill(
    file: Annotated[str, typer.Argument(metavar="NEW", help="A TOML file, or the name of a built-in rulebook.")],
    store: StoreOption = None,
    notify: Annotated[Notify, typer.Option(help="What webhooks and streams tell of the awards.")] = "none",
) -> None:
    """Award to all learners the badges of a rulebook that they meet and do not hold, as of the event that met them.

    Safe to stop and to begin again. Start the servers with the same rulebook before.
    """
    settings = settings_for(store, file)
    check_exists(settings.store)

    async def run() -> Backfilled:
        async with open_service(settings=settings) as laurels:
            return await run_backfill(laurels.store, laurels.rulebook, laurels.recorder, notify=notify)

    done = asyncio.run(run())
    show_table(
        f"{done.learners:,} learners, {done.events:,} events",
        ("badge", "awarded"),
        [(badge_id, f"{count:,}") for badge_id, count in sorted(done.awards.items())],
        numbers=(1,),
    )
    say(f"{done.awards.total():,} badges awarded")
