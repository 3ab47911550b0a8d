"""The options that commands share, and the settings that come of them.

A command takes what it is told on its line, else what the environment says, else the default.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated, Any

import typer
from msgspec.structs import replace

from laurels.bootstrap import open_store, rulebook_of, store_exists
from laurels.cli.terminal import CommandFailed, note
from laurels.domain.rules.rulebook import Rulebook
from laurels.errors import SettingsError
from laurels.rulebooks.loader import load_rulebook
from laurels.settings import DATABASE, Settings, read_settings

StoreOption = Annotated[
    str | None,
    typer.Option(
        "--store",
        metavar="URL",
        help="The store, such as sqlite:///laurels.db or mongodb://HOST/DATABASE. Default: LAURELS_STORE, else "
        "laurels.db in the folder LAURELS_DATA.",
        show_default=False,
    ),
]
RulebookOption = Annotated[
    str | None,
    typer.Option(
        "--rulebook",
        metavar="NAME|FILE",
        help="A built-in rulebook or a TOML file. Default: LAURELS_RULEBOOK, else the published one, else coding.",
        show_default=False,
    ),
]


def whole_number(
    *,
    least: int,
    most: int | None = None,
    help: str,  # noqa: A002  Typer's name
    metavar: str = "NUMBER",
    show_default: bool = True,
) -> Any:
    """An option that takes a whole number from `least` to `most`, and says so in plain words when it is given another
    one. The rest is as Typer takes it."""
    accepted = f"of {least:,} or more" if most is None else f"from {least:,} to {most:,}"

    def parse(text: str | int) -> int:
        try:
            number = int(text)
        except ValueError:
            number = least - 1
        if number < least or (most is not None and number > most):
            raise typer.BadParameter(f"{str(text)!r} does not do; give a whole number {accepted}.")
        return number

    return typer.Option(parser=parse, help=help, metavar=metavar, show_default=show_default)


def settings_for(store: str | None = None, rulebook: str | None = None) -> Settings:
    """The settings of the environment with what was given on the line. Raises SettingsError."""
    for option, given in (("--store", store), ("--rulebook", rulebook)):
        if given is not None and not given.strip():
            # A variable of the shell that is not set, mostly: the default would be another store than the one meant.
            raise SettingsError(f"{option} is empty; name one, or leave the option out for the default.")
    settings = read_settings()
    return replace(settings, store=store or settings.store, rulebook=rulebook or settings.rulebook)


def store_settings(store: str | None = None, rulebook: str | None = None) -> Settings:
    """The settings of a command that works on the store that is there, which it names on standard error.

    Raises SettingsError, StoreError, and CommandFailed where there is no database: opening one would make it, and an
    empty new database would be found clean whatever was meant.
    """
    settings = named_store(settings_for(store, rulebook))
    if not asyncio.run(store_exists(settings.store)):
        raise CommandFailed(missing(settings))
    return settings


def named_store(settings: Settings) -> Settings:
    """The same settings, once their store is named on standard error."""
    note(f"store: {settings.store_name}")
    return settings


def missing(settings: Settings) -> str:
    """What to say where the store has no database yet."""
    near = Path(DATABASE).absolute()
    is_near = near.is_file() and settings.database not in (None, near)
    hint = f" There is a {DATABASE} in this folder: --store sqlite:///{DATABASE}." if is_near else ""
    is_file = settings.database is not None and settings.database.is_file()
    place = f"{settings.store_name} (the file is empty)" if is_file else settings.store_name
    return (
        f"There is no database at {place}; name the one that you mean with --store or LAURELS_STORE."
        f"{hint} A new one is made by laurels serve, laurels import and laurels demo."
    )


async def rulebook_for(settings: Settings) -> Rulebook:
    """The rulebook that a command goes by which changes nothing; it makes no database where there is none.

    Raises RulebookError or StoreError.
    """
    if not await store_exists(settings.store):
        return load_rulebook(settings.rulebook or "coding")
    store = await open_store(settings.store)
    try:
        return await rulebook_of(store, settings)
    finally:
        await store.close()
