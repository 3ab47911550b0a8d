"""`laurels rulebook check` and `show`: validate a rulebook, and print its rules.

Points and badges are data that people edit by hand; they should see the meaning of a file before a server uses it.
"""

from __future__ import annotations

import asyncio
from itertools import groupby
from typing import Annotated, Any

import msgspec
import typer

from laurels.cli.options import StoreOption, named_store, rulebook_for, settings_for
from laurels.cli.rulebook.changing import diff, preview, publish
from laurels.cli.rulebook.words import boost_words, currency_words, earned_by, streak_words, terms
from laurels.cli.terminal import complain, say, show_table
from laurels.domain.rules.rulebook import Rulebook
from laurels.domain.rules.rulebook_data import RulebookData
from laurels.plurals import counted
from laurels.rulebooks.loader import check_rulebook, load_rulebook

SHOWN_LEVELS = 10
_CATEGORIES = ("coding", "learning", "social", "milestone", "streak")

app = typer.Typer(no_args_is_help=True, help="Check, show, compare and publish rulebooks.")
app.command()(diff)
app.command()(preview)
app.command()(publish)


@app.command()
def check(
    file: Annotated[str, typer.Argument(metavar="FILE", help="A TOML file, or the name of a built-in rulebook.")],
) -> None:
    """Check whether a rulebook can be used, and name the lines that cannot.

    It also warns of criteria that decide nothing, because another one decides before them.
    """
    rulebook, warnings = check_rulebook(file)
    found = [counted(len(rulebook.event_types), "event type"), counted(len(rulebook.badges), "badge")]
    if rulebook.data.boosts:
        found.append(counted(len(rulebook.data.boosts), "boost"))
    if rulebook.currencies:
        found.append(counted(len(rulebook.currencies), "currency", "currencies"))
    for warning in warnings:
        complain(f"Warning: {warning}")
    say(f"{file}: OK, {', '.join(found)}")


@app.command()
def schema() -> None:
    """Print the JSON Schema of rulebooks, for completion and checks in an editor."""
    document: dict[str, Any] = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **msgspec.json.schema(RulebookData),
    }
    for each in document["$defs"].values():
        if "description" in each:
            # A docstring is broken into lines; an editor shows a text.
            each["description"] = " ".join(each["description"].split())
    say(msgspec.json.format(msgspec.json.encode(document), indent=2).decode())


@app.command()
def show(
    source: Annotated[
        str | None,
        typer.Argument(
            metavar="[NAME|FILE]",
            help="A built-in name or a TOML file. Default: LAURELS_RULEBOOK, else the published one, else coding.",
            show_default=False,
        ),
    ] = None,
    store: StoreOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="The whole rulebook as JSON.")] = False,
) -> None:
    """Show the event types, boosts, currencies, levels, streak rules and badges of a rulebook."""
    rulebook = asyncio.run(rulebook_for(named_store(settings_for(store)))) if source is None else load_rulebook(source)
    if as_json:
        say(msgspec.json.format(msgspec.json.encode(rulebook.data), indent=2).decode())
        return
    show_table(
        f"Event types of {rulebook.name}",
        ("event type", "points", "bonuses and limits", "description"),
        [(name, f"{kind.points:,}", terms(kind), kind.description) for name, kind in rulebook.event_types.items()],
        numbers=(1,),
    )
    if rulebook.data.boosts:
        show_table(
            "Boosts",
            ("boost", "factor", "event types", "days", "description"),
            [(name, *boost_words(boost), boost.description) for name, boost in rulebook.data.boosts.items()],
            numbers=(1,),
        )
    if rulebook.currencies:
        show_table(
            "Currencies",
            ("currency", "name", "given by", "levels", "boards", "description"),
            [(name, *currency_words(each), each.description) for name, each in rulebook.currencies.items()],
            numbers=(),
        )
    show_table("Levels", ("level", "from points"), _levels(rulebook), numbers=(0, 1))
    if rulebook.data.streak is not None:
        show_table("Streaks", ("key", "says"), streak_words(rulebook.data.streak), numbers=())
    unit = rulebook.streak_unit
    badges = sorted(rulebook.badges, key=lambda badge: _CATEGORIES.index(badge.category))
    for category, group in groupby(badges, key=lambda badge: badge.category):
        show_table(
            f"Badges: {category}",
            ("badge", "name", "rarity", "points", "earned by"),
            [(badge.id, badge.name, badge.rarity, f"{badge.points:,}", earned_by(badge, unit)) for badge in group],
            numbers=(3,),
        )


def _levels(rulebook: Rulebook) -> list[tuple[str, str]]:
    starts = [(level, rulebook.levels.start_of(level)) for level in range(1, SHOWN_LEVELS + 1)]
    return [(str(level), f"{start:,}") for level, start in starts if start is not None]
