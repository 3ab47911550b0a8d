"""`laurels keys`: manages the API keys of the service's callers.

A key is shown once, when it is made; it cannot be recovered from the stored hash.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from secrets import token_bytes
from typing import Annotated, TypeVar

import typer

from laurels.application.access import keyring
from laurels.application.ports.store import Store
from laurels.application.queries import cursors
from laurels.bootstrap import make_data_folder, open_store, store_exists, system_clock
from laurels.cli.options import StoreOption, missing, named_store, settings_for, store_settings, whole_number
from laurels.cli.terminal import CommandFailed, complain, say, show_table
from laurels.domain.keys import SCOPES, ApiKey, parent_of
from laurels.domain.periods import MS_PER_DAY, iso
from laurels.plurals import counted
from laurels.settings import Settings

T = TypeVar("T")

app = typer.Typer(help="Make, list and revoke API keys.", no_args_is_help=True)


@app.command()
def create(
    name: Annotated[str, typer.Option(help="Who or what it is for.")],
    scope: Annotated[list[str], typer.Option(help=f"What it may do; several times for more: {', '.join(SCOPES)}.")],
    expires_in_days: Annotated[
        int | None,
        whole_number(least=1, most=36_500, help="When it ends by itself. Default: never.", show_default=False),
    ] = None,
    store: StoreOption = None,
    new_store: Annotated[
        bool, typer.Option("--new-store", help="Make the database, where there is none yet: for a first start.")
    ] = False,
) -> None:
    """Make a key and print it, alone on standard output. It cannot be shown again."""

    settings = named_store(settings_for(store))
    if new_store:
        make_data_folder(settings)
    elif not asyncio.run(store_exists(settings.store)):
        raise CommandFailed(f"{missing(settings)} For a key before the first start add --new-store.")

    async def work(opened: Store) -> tuple[str, ApiKey]:
        expires_at = None if expires_in_days is None else system_clock() + expires_in_days * MS_PER_DAY
        return await keyring.create_key(opened.keys, system_clock, name=name, scopes=scope, expires_at=expires_at)

    key, kept = _run(settings, work)
    say(key)
    complain(f"Keep it now: it cannot be shown again. Its prefix is {kept.prefix}.")


@app.command("list")
def list_keys(store: StoreOption = None) -> None:
    """Show all keys, with their scopes and last use; never the keys themselves. Sessions of the operator's page are
    shown until they end."""
    now = system_clock()

    def line(key: ApiKey) -> list[str]:
        state = "active" if key.is_valid(now) else "expired" if key.revoked_at is None else "revoked"
        instants = (key.created_at, key.expires_at, key.last_used_at)
        return [
            key.prefix,
            key.name,
            " ".join(sorted(key.scopes)),
            state,
            *("-" if at is None else iso(at) for at in instants),
        ]

    kept = _run(store_settings(store), lambda opened: opened.keys.all())
    found = [key for key in kept if parent_of(key) is None or key.is_valid(now)]
    columns = ["prefix", "name", "scopes", "state", "created", "expires", "last used"]
    show_table(counted(len(found), "key"), columns, map(line, found), numbers=[])


@app.command()
def revoke(
    prefix: Annotated[str, typer.Argument(help="The part between the underscores, as `list` shows it.")],
    store: StoreOption = None,
) -> None:
    """Revoke a key. When this returns, no server accepts it any more."""
    _run(store_settings(store), lambda opened: keyring.revoke_key(opened.keys, system_clock, prefix))
    say(f"{prefix} is revoked")


@app.command("rotate-cursors")
def rotate_cursors(store: StoreOption = None) -> None:
    """Make a new key for the cursors of pages. Existing cursors are valid until the next rotation."""
    _run(store_settings(store), lambda opened: opened.secrets.rotate(cursors.NAME, token_bytes(cursors.KEY_BYTES)))
    say("Cursors have a new key; servers take it within a minute")


def _run(settings: Settings, work: Callable[[Store], Awaitable[T]]) -> T:
    async def run() -> T:
        opened = await open_store(settings.store)
        try:
            return await work(opened)
        finally:
            await opened.close()

    return asyncio.run(run())
