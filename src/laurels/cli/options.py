"""The options that commands share, and the settings that come of them.

A command takes what it is told on its line, else what the environment says, else the default.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated
from urllib.parse import unquote, urlsplit

import typer
from msgspec.structs import replace

from laurels.bootstrap import open_store, rulebook_of
from laurels.cli.terminal import CommandFailed
from laurels.domain.rules.rulebook import Rulebook
from laurels.rulebooks.loader import load_rulebook
from laurels.settings import Settings, read_settings

StoreOption = Annotated[
    str | None,
    typer.Option(
        "--store",
        metavar="URL",
        help="The store, such as sqlite:///laurels.db or mongodb://HOST/DATABASE. Default: LAURELS_STORE, else sqlite:///laurels.db.",
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


def settings_for(store: str | None = None, rulebook: str | None = None) -> Settings:
    """The settings of the environment with what was given on the line. Raises SettingsError."""
    settings = read_settings()
    return replace(settings, store=store or settings.store, rulebook=rulebook or settings.rulebook)


def check_exists(store: str) -> None:
    """Raise CommandFailed where `store` is a SQLite file that is not there.

    Opening one makes it, and an empty new database would be found clean whatever was meant.
    """
    if is_missing(store):
        raise CommandFailed(f"There is no database at {unquote(urlsplit(store).path)[1:]}; check --store.")


async def rulebook_for(settings: Settings) -> Rulebook:
    """The rulebook that a command goes by which changes nothing; it makes no database where there is none.

    Raises RulebookError or StoreError.
    """
    if is_missing(settings.store):
        return load_rulebook(settings.rulebook or "coding")
    store = await open_store(settings.store)
    try:
        return await rulebook_of(store, settings)
    finally:
        await store.close()


def is_missing(store: str) -> bool:
    """Whether `store` is a SQLite file that is not there."""
    try:
        parts = urlsplit(store)
    except ValueError:
        # Opening it says what is wrong.
        return False
    path = unquote(parts.path).removeprefix("/")
    return parts.scheme == "sqlite" and bool(path) and not parts.netloc and not Path(path).is_file()
