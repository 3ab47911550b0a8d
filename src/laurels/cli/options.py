"""The options that commands share, and the settings made from them.

A value on the command line has priority over the environment, and that over the default.
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
    """An option that takes a whole number from `least` to `most`, and explains this in plain words if the value is
    wrong. The other arguments are Typer's."""
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
    """The settings of the environment with the options of the command line. Raises SettingsError."""
    for option, given in (("--store", store), ("--rulebook", rulebook)):
        if given is not None and not given.strip():
            # Usually a shell variable that is not set: the default would be a different store from the intended one.
            raise SettingsError(f"{option} is empty; name one, or leave the option out for the default.")
    settings = read_settings()
    return replace(settings, store=store or settings.store, rulebook=rulebook or settings.rulebook)


def store_settings(store: str | None = None, rulebook: str | None = None) -> Settings:
    """The settings of a command for an existing store, which it names on standard error.

    Raises SettingsError, StoreError, and CommandFailed if there is no database: opening one would create it, and an
    empty new database would pass every check.
    """
    settings = named_store(settings_for(store, rulebook))
    if not asyncio.run(store_exists(settings.store)):
        raise CommandFailed(missing(settings))
    return settings


def named_store(settings: Settings) -> Settings:
    """The same settings, after naming their store on standard error."""
    note(f"store: {settings.store_name}")
    return settings


def missing(settings: Settings) -> str:
    """The message for a store without a database."""
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
    """The rulebook for a command that changes nothing; it does not create a missing database.

    Raises RulebookError or StoreError.
    """
    if not await store_exists(settings.store):
        return load_rulebook(settings.rulebook or "coding")
    store = await open_store(settings.store)
    try:
        return await rulebook_of(store, settings)
    finally:
        await store.close()
